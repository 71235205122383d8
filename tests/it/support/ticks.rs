//! Small tick tables: made from a seed, known row by row.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tidelake_core::time::Micros;

pub const DAY: i64 = 86_400_000_000;

/// The configuration of the table `ticks`: two days hot, five warm.
pub fn config(format: &str, transforms: &str) -> String {
    format!(
        r#"
[table.ticks]
time = "ts"
key = ["symbol"]
category = "class"

[table.ticks.schema]
ts = "timestamp(us, UTC)"
symbol = "utf8"
class = "utf8"
account = "utf8"
price = "float64"
size = "int64"

[table.ticks.lifecycle]
hot = "2d"
warm = "5d"
grace = "0s"

[table.ticks.layout]
format = "{format}"
partition = ["day", "class"]
sort = ["symbol", "ts"]

{transforms}
"#
    )
}

/// One tick; the fields that may be null are.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub ts: i64,
    pub symbol: String,
    pub class: &'static str,
    pub account: Option<String>,
    pub price: Option<f64>,
    pub size: i64,
}

/// Makes ticks; the same seed makes the same ones.
pub struct Ticks {
    random: SmallRng,
    next: i64,
}

impl Ticks {
    pub fn new(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed), next: 0 }
    }

    /// So many ticks, at random times of the day that starts at `day`.
    pub fn day(&mut self, day: Micros, rows: usize) -> Vec<Tick> {
        (0..rows)
            .map(|_| {
                self.next += 1;
                let number = self.random.random_range(0..40u32);
                Tick {
                    ts: day.0 + self.random.random_range(0..DAY),
                    symbol: format!("S{number:03}"),
                    class: ["equity", "fx", "rates & more/less"][number as usize % 3],
                    account: (number % 7 != 0).then(|| format!("ACC-{:06}", self.next % 1000)),
                    price: self
                        .random
                        .random_bool(0.95)
                        .then(|| f64::from(self.random.random_range(100..100_000u32)) / 100.0),
                    size: self.next,
                }
            })
            .collect()
    }
}

/// Ticks as CSV, with a header.
pub fn csv(ticks: &[Tick]) -> String {
    let mut text = String::from("ts,symbol,class,account,price,size\n");
    for t in ticks {
        let ts = Micros(t.ts).to_utc().unwrap().format("%Y-%m-%dT%H:%M:%S%.6fZ");
        let price = t.price.map(|p| p.to_string()).unwrap_or_default();
        let account = t.account.clone().unwrap_or_default();
        writeln!(text, "{ts},{},{},{account},{price},{}", t.symbol, t.class, t.size).unwrap();
    }
    text
}

/// The schema of the table.
pub fn schema() -> SchemaRef {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("ts", utc, true),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("class", DataType::Utf8, true),
        Field::new("account", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
        Field::new("size", DataType::Int64, true),
    ]))
}

/// Ticks as one batch.
pub fn batch(ticks: &[Tick]) -> RecordBatch {
    let times = ticks.iter().map(|t| Some(t.ts)).collect::<TimestampMicrosecondArray>();
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(times.with_timezone("UTC")),
            Arc::new(ticks.iter().map(|t| Some(t.symbol.as_str())).collect::<StringArray>()),
            Arc::new(ticks.iter().map(|t| Some(t.class)).collect::<StringArray>()),
            Arc::new(ticks.iter().map(|t| t.account.as_deref()).collect::<StringArray>()),
            Arc::new(ticks.iter().map(|t| t.price).collect::<Float64Array>()),
            Arc::new(ticks.iter().map(|t| Some(t.size)).collect::<Int64Array>()),
        ],
    )
    .unwrap()
}

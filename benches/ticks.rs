//! A made-up tick set, the same for the same seed.
//!
//! | column | type | values |
//! |---|---|---|
//! | `ts` | timestamp(us, UTC) | ascending with random gaps, 20 weekdays from 2024-03-04, 08:00 to 16:30 |
//! | `symbol` | utf8 | 2,000 of them, some far more active than others |
//! | `asset_class` | utf8 | 5, a function of the symbol |
//! | `price` | float64 | a random walk for each symbol, in cents |
//! | `size` | int64 | round lots |
//! | `venue` | utf8 | 8, three for each symbol |
//!
//! Rows are shared out evenly over the days whatever their number is. They come
//! as a stream of batches, so that a large set needs no memory.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tidelake_core::time::Micros;

/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 65_536;
/// Days with ticks.
pub(crate) const DAYS: u64 = 20;

const SYMBOLS: usize = 2_000;
const CLASSES: [(&str, &str); 5] =
    [("equity", "EQ"), ("fx", "FX"), ("rates", "IR"), ("commodity", "CO"), ("credit", "CR")];
const VENUES: [&str; 8] = ["XNYS", "XNAS", "XLON", "XETR", "XTKS", "XHKG", "XCME", "XSWX"];

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 2024-03-04, a Monday.
const FIRST_DAY: i64 = 19_786 * DAY;
const OPEN: i64 = 8 * 3_600 * SECOND;
const CLOSE: i64 = OPEN + 30_600 * SECOND;

/// The columns.
pub(crate) fn schema() -> SchemaRef {
    let ts = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("ts", ts, true),
        Field::new("symbol", DataType::Utf8, true),
        Field::new("asset_class", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
        Field::new("size", DataType::Int64, true),
        Field::new("venue", DataType::Utf8, true),
    ]))
}

/// Midnight after the last tick.
pub(crate) fn end() -> Micros {
    Micros(midnight(DAYS - 1) + DAY)
}

/// Bytes of a batch's rows, and of nothing that its buffers hold beside them.
pub(crate) fn arrow_bytes(batch: &RecordBatch) -> u64 {
    let sizes = batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0));
    sizes.sum::<usize>() as u64
}

/// The start of the trading day of this number.
fn midnight(day: u64) -> i64 {
    let (weeks, weekday) = (day / 5, day % 5);
    FIRST_DAY + (weeks * 7 + weekday) as i64 * DAY
}

struct Symbol {
    name: String,
    class: &'static str,
    cents: i64,
    venue: usize,
}

/// A stream of ticks.
pub(crate) struct Ticks {
    schema: SchemaRef,
    rng: SmallRng,
    symbols: Vec<Symbol>,
    rows: u64,
    next: u64,
    day: u64,
    ts: i64,
    max_gap: i64,
}

impl Ticks {
    /// The set of so many rows.
    pub(crate) fn new(rows: u64, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let symbols = (0..SYMBOLS)
            .map(|i| {
                let (class, prefix) = CLASSES[i % CLASSES.len()];
                Symbol {
                    name: format!("{prefix}{:04}", i / CLASSES.len()),
                    class,
                    cents: rng.random_range(1_000..50_000),
                    venue: rng.random_range(0..VENUES.len()),
                }
            })
            .collect();
        let per_day = rows.div_ceil(DAYS).max(1);
        // Gaps are uniform, so the largest is twice the mean.
        let max_gap = 2 * (CLOSE - OPEN) / per_day as i64;
        let ts = midnight(0) + OPEN;
        Self { schema: schema(), rng, symbols, rows, next: 0, day: 0, ts, max_gap }
    }

    fn tick_time(&mut self) -> i64 {
        let day = (u128::from(self.next) * u128::from(DAYS) / u128::from(self.rows)) as u64;
        if day != self.day {
            self.day = day;
            self.ts = midnight(day) + OPEN;
        }
        let close = midnight(day) + CLOSE;
        self.ts = (self.ts + self.rng.random_range(0..=self.max_gap)).min(close);
        self.ts
    }

    fn batch(&mut self, rows: usize) -> RecordBatch {
        let mut ts = Vec::with_capacity(rows);
        let mut symbol = StringBuilder::with_capacity(rows, rows * 6);
        let mut class = StringBuilder::with_capacity(rows, rows * 6);
        let mut price = Vec::with_capacity(rows);
        let mut size = Vec::with_capacity(rows);
        let mut venue = StringBuilder::with_capacity(rows, rows * 4);
        for _ in 0..rows {
            ts.push(self.tick_time());
            let at: f64 = self.rng.random();
            let chosen = &mut self.symbols[(at * at * SYMBOLS as f64) as usize];
            chosen.cents = (chosen.cents + self.rng.random_range(-5..=5)).max(100);
            symbol.append_value(&chosen.name);
            class.append_value(chosen.class);
            price.push(chosen.cents as f64 / 100.0);
            let lots: i64 = self.rng.random_range(1..=10);
            size.push(100 * lots * lots);
            venue.append_value(VENUES[(chosen.venue + self.rng.random_range(0..3)) % VENUES.len()]);
            self.next += 1;
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(ts).with_timezone("UTC")),
            Arc::new(symbol.finish()),
            Arc::new(class.finish()),
            Arc::new(Float64Array::from(price)),
            Arc::new(Int64Array::from(size)),
            Arc::new(venue.finish()),
        ];
        RecordBatch::try_new(self.schema.clone(), columns)
            .unwrap_or_else(|e| unreachable!("the columns are of the schema's types: {e}"))
    }
}

impl Iterator for Ticks {
    type Item = RecordBatch;

    fn next(&mut self) -> Option<RecordBatch> {
        let rows = (self.rows - self.next).min(BATCH_ROWS as u64) as usize;
        (rows > 0).then(|| self.batch(rows))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use arrow::array::AsArray;
    use arrow::datatypes::TimestampMicrosecondType;

    use super::*;

    #[test]
    fn the_set_is_what_its_head_says() {
        let rows = 2 * BATCH_ROWS as u64 + 1_000;
        let batches: Vec<RecordBatch> = Ticks::new(rows, 7).collect();
        assert_eq!(batches.iter().map(|b| b.num_rows() as u64).sum::<u64>(), rows);

        let times: Vec<i64> = batches
            .iter()
            .flat_map(|b| b.column(0).as_primitive::<TimestampMicrosecondType>().values().to_vec())
            .collect();
        assert!(times.is_sorted());
        let days: HashSet<i64> = times.iter().map(|t| t.div_euclid(DAY)).collect();
        assert_eq!(days.len() as u64, DAYS);
        // 1970-01-01 was a Thursday.
        assert!(days.iter().all(|day| (day + 3) % 7 < 5));
        assert!(times.last().unwrap() < &end().0 && end().0 - times.last().unwrap() < DAY);

        let text = |column: usize| -> HashSet<String> {
            let values = batches.iter().flat_map(|b| b.column(column).as_string::<i32>().iter());
            values.map(|v| v.unwrap().to_owned()).collect()
        };
        assert_eq!((text(1).len(), text(2).len(), text(5).len()), (SYMBOLS, 5, 8));
    }

    #[test]
    fn the_seed_decides_everything() {
        let first = |seed| Ticks::new(1_000_000, seed).next().unwrap();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }
}

//! Small tables and rows, the same every time.
//!
//! A row is made from its `id` and its time alone, so a row that comes back can be
//! checked by making it again.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use tidelake_core::time::{Micros, micros_to_column};

use super::ok;
use crate::store::HotTable;

/// The symbols that rows of these tables have, in turn; every fifth row has none.
pub const SYMBOLS: [&str; 4] = ["ABC", "DEF", "", "Größe"];

/// A table with a time column of the given type.
pub fn table(name: &str, time: DataType) -> HotTable {
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = vec![
        Field::new("symbol", DataType::Utf8, true),
        Field::new("ts", time, true),
        Field::new("price", DataType::Float64, true),
        Field::new("amount", DataType::Decimal128(20, 4), true),
        Field::new("venue", dictionary, true),
        Field::new("id", DataType::UInt64, false),
    ];
    HotTable { name: name.into(), time: "ts".into(), schema: Arc::new(Schema::new(fields)) }
}

/// A table with times in microseconds.
pub fn ticks() -> HotTable {
    table("ticks", DataType::Timestamp(TimeUnit::Microsecond, None))
}

/// One table for each kind of time column.
pub fn tables() -> Vec<HotTable> {
    let zone = |unit, zone: &str| DataType::Timestamp(unit, Some(zone.into()));
    [
        ("date", DataType::Date32),
        ("date64", DataType::Date64),
        ("s", DataType::Timestamp(TimeUnit::Second, None)),
        ("ms", DataType::Timestamp(TimeUnit::Millisecond, None)),
        ("us", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("ns", DataType::Timestamp(TimeUnit::Nanosecond, None)),
        ("s_utc", zone(TimeUnit::Second, "UTC")),
        ("ms_offset", zone(TimeUnit::Millisecond, "+01:00")),
        ("us_zone", zone(TimeUnit::Microsecond, "America/New_York")),
        ("ns_utc", zone(TimeUnit::Nanosecond, "UTC")),
    ]
    .into_iter()
    .map(|(name, time)| table(name, time))
    .collect()
}

/// One row for each time, with the ids `first`, `first + 1`, ...
pub fn batch(table: &HotTable, first: u64, times: &[Micros]) -> RecordBatch {
    let ids = || first..first + times.len() as u64;
    let symbols: StringArray = ids().map(symbol).collect();
    let prices: Float64Array = ids().map(|i| (i % 7 != 3).then_some(i as f64 / 8.0)).collect();
    let amounts: Decimal128Array =
        ids().map(|i| (i % 6 != 1).then(|| i128::from(i) * -1_000_003)).collect();
    let venues: DictionaryArray<Int32Type> =
        ids().map(|i| (i % 4 != 2).then(|| ["X", "Y", "Z"][(i % 3) as usize])).collect();
    let time = ok(table.schema.field_with_name(&table.time)).data_type().clone();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(symbols),
        ok(micros_to_column(times.iter().map(|t| t.0).collect(), &time)),
        Arc::new(prices),
        Arc::new(ok(amounts.with_precision_and_scale(20, 4))),
        Arc::new(venues),
        Arc::new(UInt64Array::from_iter_values(ids())),
    ];
    ok(RecordBatch::try_new(table.schema.clone(), columns))
}

/// The symbol of the row of this id.
pub fn symbol(id: u64) -> Option<&'static str> {
    (id % 5 != 4).then(|| SYMBOLS[(id % 4) as usize])
}

/// Times from `from` on, one every `step` microseconds.
pub fn times(from: Micros, step: i64, count: usize) -> Vec<Micros> {
    (0..count as i64).map(|i| Micros(from.0 + i * step)).collect()
}

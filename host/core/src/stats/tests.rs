use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date64Array, DictionaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, RunArray, StringArray, StringViewArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;
use proptest::prelude::*;

use super::StatValue::{Bool, Date, Float, Int, Text, Time};
use super::*;

/// Statistics of a column that arrives in these batches.
fn stats(parts: Vec<ArrayRef>) -> ColumnStats {
    let batches: Vec<_> =
        parts.into_iter().map(|a| RecordBatch::try_from_iter([("c", a)]).unwrap()).collect();
    let mut collector = StatsCollector::new(batches[0].schema_ref());
    for batch in &batches {
        collector.update(batch).unwrap();
    }
    collector.finish().remove(0)
}

fn bounds(array: impl arrow::array::Array + 'static) -> (Option<StatValue>, Option<StatValue>) {
    let stats = stats(vec![Arc::new(array)]);
    (stats.min, stats.max)
}

#[test]
fn bounds_and_nulls_grow_over_batches() {
    let part = |values: Vec<Option<i64>>| Arc::new(Int64Array::from(values)) as ArrayRef;
    let stats = stats(vec![
        part(vec![None]),
        part(vec![]),
        part(vec![Some(5), None]),
        part(vec![Some(-2), Some(3)]),
    ]);
    assert_eq!((stats.nulls, stats.min, stats.max), (2, Some(Int(-2)), Some(Int(5))));
    assert_eq!(bounds(Int64Array::from(vec![None, None])), (None, None));
    assert_eq!(
        bounds(BooleanArray::from(vec![true, false])),
        (Some(Bool(false)), Some(Bool(true)))
    );
}

#[test]
fn what_cannot_be_bounded_is_left_open() {
    assert_eq!(bounds(Float64Array::from(vec![1.0, f64::NAN])), (None, None));
    assert_eq!(bounds(Float64Array::from(vec![1.0, -f64::NAN])), (None, None));
    assert_eq!(bounds(UInt64Array::from(vec![3, u64::MAX])), (Some(Int(3)), None));
    assert_eq!(bounds(BinaryArray::from(vec![b"x".as_slice()])), (None, None));
    assert_eq!(
        bounds(TimestampSecondArray::from(vec![i64::MIN, 0])),
        (None, Some(Time(Micros(0))))
    );
    // An end that was open once stays so.
    let part = |values: Vec<f64>| Arc::new(Float64Array::from(values)) as ArrayRef;
    let later = stats(vec![part(vec![f64::NAN]), part(vec![1.0])]);
    assert_eq!((later.min, later.max), (None, None));
}

#[test]
fn zeros_are_bounded_by_both_signs() {
    for zero in [0.0, -0.0] {
        let (min, max) = bounds(Float32Array::from(vec![zero]));
        let sign = |v: Option<StatValue>| matches!(v, Some(Float(f)) if f.is_sign_negative());
        assert!(sign(min) && !sign(max));
    }
}

#[test]
fn times_round_outwards() {
    assert_eq!(
        bounds(TimestampNanosecondArray::from(vec![-1_500, 1_500])),
        (Some(Time(Micros(-2))), Some(Time(Micros(2))))
    );
    assert_eq!(bounds(Date64Array::from(vec![-1, 1])), (Some(Date(-1)), Some(Date(1))));
}

#[test]
fn encoded_values_count_only_when_used() {
    let keys = Int32Array::from(vec![Some(1), None, Some(2)]);
    let values = StringArray::from(vec![Some("a"), Some("m"), None, Some("z")]);
    let dictionary = DictionaryArray::<Int32Type>::new(keys, Arc::new(values));
    let stats = stats(vec![Arc::new(dictionary)]);
    let m = Some(Text("m".into()));
    assert_eq!((stats.nulls, &stats.min, &stats.max), (2, &m, &m));

    let ends = Int32Array::from(vec![2, 4, 6]);
    let runs = RunArray::<Int32Type>::try_new(&ends, &Int64Array::from(vec![9, 5, 1])).unwrap();
    assert_eq!(bounds(runs.slice(2, 2)), (Some(Int(5)), Some(Int(5))));
}

#[test]
fn long_text_is_cut_at_characters() {
    let text = |value: String| {
        let (min, max) = bounds(StringViewArray::from(vec![value.as_str()]));
        let text = |v| match v {
            Some(Text(text)) => Some(text),
            None => None,
            other => panic!("{other:?}"),
        };
        (text(min).unwrap(), text(max))
    };
    let exact = "a".repeat(64);
    assert_eq!(text(exact.clone()), (exact.clone(), Some(exact.clone())));
    assert_eq!(text("a".repeat(65)), (exact, Some("a".repeat(63) + "b")));
    // 'é' would straddle the cut.
    let cut = "a".repeat(63);
    assert_eq!(text(format!("{cut}é")), (cut.clone(), Some("a".repeat(62) + "b")));
    // The next character would be a byte too long, or there is none.
    let deletes = "a".repeat(60) + &"\u{7f}".repeat(9);
    assert_eq!(text(deletes).1, Some("a".repeat(60) + "\u{7f}\u{7f}\u{80}"));
    assert_eq!(text("\u{10ffff}".repeat(17)).1, None);
    assert_eq!(text(format!("a{}", "\u{10ffff}".repeat(17))).1, Some("b".into()));
    assert_eq!(text("\u{d7ff}".repeat(30)).1, Some("\u{d7ff}".repeat(20) + "\u{e000}"));
}

#[test]
fn other_columns_are_refused() {
    let one = RecordBatch::try_from_iter([("a", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    let other =
        RecordBatch::try_from_iter([("b", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]);
    let mut collector = StatsCollector::new(one.unwrap().schema_ref());
    assert_eq!(collector.update(&other.unwrap()).unwrap_err().kind(), crate::ErrorKind::Input);
}

fn value() -> impl Strategy<Value = StatValue> {
    prop_oneof![
        any::<bool>().prop_map(Bool),
        any::<i64>().prop_map(Int),
        prop_oneof![any::<f64>(), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0)]
            .prop_filter("bounds are never NaN", |f| !f.is_nan())
            .prop_map(Float),
        any::<String>().prop_map(Text),
        any::<i32>().prop_map(Date),
        any::<i64>().prop_map(|t| Time(Micros(t))),
    ]
}

proptest! {
    #[test]
    fn values_survive_json(value in value()) {
        let json = serde_json::to_string(&value).unwrap();
        let back: StatValue = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(format!("{back:?}"), format!("{value:?}"), "{}", json);
    }

    #[test]
    fn text_bounds_hold(values in proptest::collection::vec("[a-b\u{7f}\u{7ff}\u{d7ff}\u{ffff}\u{10ffff}]{0,40}", 1..6)) {
        let (min, max) = bounds(StringArray::from(values.clone()));
        let Some(Text(min)) = min else { panic!("{min:?}") };
        prop_assert!(min.len() <= 64 && values.iter().all(|v| *min <= **v));
        if let Some(Text(max)) = max {
            prop_assert!(max.len() <= 64 && values.iter().all(|v| *max >= **v));
        }
    }
}

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    Array, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal64Array,
    Decimal128Array, DictionaryArray, DurationNanosecondArray, FixedSizeBinaryArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, IntervalDayTimeArray,
    IntervalYearMonthArray, LargeBinaryArray, LargeStringArray, NullArray, StringArray,
    StringViewArray, Time32SecondArray, TimestampMicrosecondArray, UInt8Array, UInt64Array,
};
use arrow_buffer::IntervalDayTime;
use arrow_row::{RowConverter, SortField};
use arrow_select::concat::concat;
use arrow_select::take::take;
use proptest::prelude::*;

use super::*;

fn keys(symbols: &[Option<&str>], buckets: &[i64]) -> Vec<ArrayRef> {
    vec![
        Arc::new(StringArray::from(symbols.to_vec())),
        Arc::new(Int64Array::from(buckets.to_vec())),
    ]
}

#[test]
fn runs_find_their_groups_across_batches_and_sort_by_key() {
    let mut groups = Groups::new([DataType::Utf8, DataType::Int64]).unwrap();
    let symbols = [Some("B"), Some("B"), Some("B"), None, Some("B")];
    let runs = groups.assign(&keys(&symbols, &[9, 9, 5, 5, 9])).unwrap();
    let found: Vec<_> = runs.iter().map(|run| (run.rows.clone(), run.group)).collect();
    assert_eq!(found, [(0..2, 0), (2..3, 1), (3..4, 2), (4..5, 0)]);
    let runs = groups.assign(&keys(&[Some("A"), None], &[9, 5])).unwrap();
    assert_eq!((runs[0].group, runs[1].group), (3, 2));
    let order = groups.sorted();
    let sorted = groups.keys(&order).unwrap();
    let expected = keys(&[None, Some("A"), Some("B"), Some("B")], &[5, 9, 5, 9]);
    assert_eq!(sorted, expected);
    groups.clear();
    assert!(groups.is_empty() && groups.assign(&keys(&[], &[])).unwrap().is_empty());
}

/// Values of many types, the last of which is null: what is nearly equal or sorts
/// surprisingly.
fn values() -> Vec<ArrayRef> {
    let nan = f64::NAN.to_bits();
    let floats = [-0.0, 0.0, f64::NAN, f64::from_bits(nan ^ 1 << 63), f64::from_bits(nan ^ 1)];
    let floats = floats.into_iter().chain([f64::NEG_INFINITY, -1.5, f64::MIN_POSITIVE / 2.0]);
    let floats: Vec<_> = floats.map(Some).chain([None]).collect();
    let singles = [-0.0, 0.0, f32::NAN, -f32::NAN, -1.5, 1.5].map(Some);
    let longs = vec![Some(0), Some(-1), Some(i64::MIN), Some(i64::MAX), Some(1 << 32), None];
    let ints = vec![Some(0), Some(-1), Some(i32::MIN), Some(i32::MAX), None];
    let wides = vec![Some(0), Some(-1), Some(1), Some(1 << 64), Some(-(1 << 64)), None];
    let texts = [Some(""), Some("a"), Some("a\0"), Some("ab"), Some("sixteen and more"), Some("é")];
    let texts: Vec<_> = texts.into_iter().chain([None]).collect();
    let bytes: Vec<_> = texts.iter().map(|text| text.map(str::as_bytes)).collect();
    let fixed = [Some([0, 1]), Some([255, 0]), Some([0, 0]), None].into_iter();
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(fixed, 2).unwrap();
    let days = |days, milliseconds| Some(IntervalDayTime { days, milliseconds });
    vec![
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts)),
        Arc::new(BinaryArray::from(bytes.clone())),
        Arc::new(LargeBinaryArray::from(bytes.clone())),
        Arc::new(BinaryViewArray::from(bytes)),
        Arc::new(Int64Array::from(longs.clone())),
        Arc::new(TimestampMicrosecondArray::from(longs.clone()).with_timezone("UTC")),
        Arc::new(DurationNanosecondArray::from(longs)),
        Arc::new(UInt64Array::from(vec![Some(0), Some(u64::MAX), Some(1 << 63), None])),
        Arc::new(Float64Array::from(floats)),
        Arc::new(Float32Array::from(singles.into_iter().chain([None]).collect::<Vec<_>>())),
        Arc::new(Date32Array::from(ints.clone())),
        Arc::new(Time32SecondArray::from(ints.clone())),
        Arc::new(IntervalYearMonthArray::from(ints.clone())),
        Arc::new(Int32Array::from(ints)),
        Arc::new(Int16Array::from(vec![Some(0), Some(-1), Some(i16::MIN), Some(1), None])),
        Arc::new(Int8Array::from(vec![Some(0), Some(-1), Some(i8::MIN), Some(1), None])),
        Arc::new(UInt8Array::from(vec![Some(0), Some(255), Some(128), None])),
        Arc::new(BooleanArray::from(vec![Some(false), Some(true), None])),
        Arc::new(Decimal64Array::from(vec![Some(0), Some(-12), Some(12), None])),
        Arc::new(Decimal128Array::from(wides)),
        Arc::new(fixed),
        Arc::new(IntervalDayTimeArray::from(vec![days(0, -1), days(0, 1), days(-1, 0), None])),
        Arc::new(NullArray::new(1)),
    ]
}

/// What groups are, by Arrow's row format and a map.
#[derive(Default)]
struct Naive {
    known: HashMap<Vec<u8>, usize>,
    rows: Vec<Vec<u8>>,
}

impl Naive {
    fn assign(&mut self, converter: &RowConverter, columns: &[ArrayRef]) -> Vec<usize> {
        let rows = converter.convert_columns(columns).unwrap();
        let group = |row: Vec<u8>| {
            let next = self.rows.len();
            *self.known.entry(row).or_insert_with_key(|row| {
                self.rows.push(row.clone());
                next
            })
        };
        rows.iter().map(|row| row.data().to_vec()).map(group).collect()
    }

    fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.sort_by_key(|group| &self.rows[*group as usize]);
        order
    }

    fn keys(&self, converter: &RowConverter, groups: &[u32]) -> Vec<ArrayRef> {
        let parser = converter.parser();
        let rows = groups.iter().map(|group| parser.parse(&self.rows[*group as usize]));
        converter.convert_rows(rows).unwrap()
    }
}

fn check_runs(runs: &[Run], expected: &[usize]) {
    let mut found = Vec::new();
    for run in runs {
        assert_eq!(run.rows.start, found.len());
        assert!(!run.rows.is_empty() && found.last() != Some(&run.group), "{run:?}");
        found.resize(run.rows.end, run.group);
    }
    assert_eq!(found, expected);
}

/// Batches of rows of four numbers, which choose the values of as many columns, and
/// whether a column is a dictionary; nulls are rare.
type Batches = Vec<(Vec<[u8; 4]>, [bool; 4])>;

fn batches() -> impl Strategy<Value = Batches> {
    let number = prop_oneof![6 => 0_u8..3, 3 => 0_u8..8, 1 => Just(u8::MAX)];
    let rows = prop::collection::vec(prop::array::uniform4(number), 0..40);
    prop::collection::vec((rows, any::<[bool; 4]>()), 1..6)
}

proptest! {
    #[test]
    fn groups_are_those_of_a_map_of_rows(
        types in prop::sample::subsequence((0..values().len()).collect::<Vec<_>>(), 1..=4)
            .prop_shuffle(),
        batches in batches(),
        clear in any::<bool>(),
    ) {
        let all = values();
        let values: Vec<&ArrayRef> = types.iter().map(|index| &all[*index]).collect();
        let types = || values.iter().map(|values| values.data_type().clone());
        let converter = RowConverter::new(types().map(SortField::new).collect()).unwrap();
        let mut groups = Groups::new(types()).unwrap();
        for _ in 0..2 {
            let mut naive = Naive::default();
            for (rows, dictionaries) in &batches {
                let (mut plain, mut given) = (Vec::new(), Vec::new());
                for (column, values) in values.iter().enumerate() {
                    let last = values.len() - 1;
                    let rows = rows.iter().map(|row| last.min(row[column].into()) as u8);
                    let rows = UInt8Array::from_iter_values(rows);
                    plain.push(take(values, &rows, None).unwrap());
                    given.push(match dictionaries[column] {
                        true => Arc::new(DictionaryArray::new(rows, (*values).clone())),
                        // A slice, which has an offset.
                        false => {
                            let longer = [values.slice(0, 1), plain[column].clone()];
                            let longer: Vec<_> = longer.iter().map(|part| part.as_ref()).collect();
                            concat(&longer).unwrap().slice(1, plain[column].len())
                        }
                    });
                }
                let runs = groups.assign(&given).unwrap();
                check_runs(&runs, &naive.assign(&converter, &plain));
            }
            let order = naive.sorted();
            prop_assert_eq!(groups.sorted(), order.clone());
            prop_assert_eq!(groups.len(), order.len());
            for order in [&order[..], &order[order.len() / 2..]] {
                let (keys, expected) = (groups.keys(order).unwrap(), naive.keys(&converter, order));
                for (key, expected) in keys.iter().zip(&expected) {
                    // Floats are compared by their bits, which `==` of arrays does too.
                    prop_assert_eq!(key, expected);
                }
            }
            if !clear {
                return Ok(());
            }
            groups.clear();
        }
    }
}

#[test]
fn many_rows_and_groups_in_keys_of_every_width() {
    for columns in 1..=6 {
        let mut groups = Groups::new(vec![DataType::Int64; columns]).unwrap();
        let mut naive: HashMap<usize, usize> = HashMap::new();
        for batch in 0..3 {
            // Runs of every length, also over the parts that a batch is looked at in.
            let row = |row: usize| (row / (1 + row / 5_000)) % 7_000 * (batch + 1);
            let keys: Vec<ArrayRef> = (0..columns)
                .map(|column| {
                    let values = (0..50_000).map(|i| row(i) as i64 / (column as i64 + 1));
                    Arc::new(Int64Array::from_iter_values(values)) as ArrayRef
                })
                .collect();
            let expected = (0..50_000).map(|i| {
                let next = naive.len();
                *naive.entry(row(i)).or_insert(next)
            });
            let expected: Vec<usize> = expected.collect();
            check_runs(&groups.assign(&keys).unwrap(), &expected);
        }
        assert_eq!(groups.len(), naive.len());
        let order = groups.sorted();
        let first = groups.keys(&order).unwrap().swap_remove(0);
        let mut rows: Vec<i64> = naive.keys().map(|row| *row as i64).collect();
        rows.sort_unstable();
        assert_eq!(&first, &(Arc::new(Int64Array::from(rows)) as ArrayRef), "{columns}");
    }
}

#[test]
fn a_null_is_no_zero_whenever_the_first_one_comes() {
    let mut groups = Groups::new([DataType::Int64, DataType::Int16]).unwrap();
    let mut assign = |longs: Vec<Option<i64>>, shorts: Vec<Option<i16>>| -> Vec<usize> {
        let keys: [ArrayRef; 2] =
            [Arc::new(Int64Array::from(longs)), Arc::new(Int16Array::from(shorts))];
        groups.assign(&keys).unwrap().iter().map(|run| run.group).collect()
    };
    assert_eq!(assign(vec![Some(0), Some(1)], vec![Some(0), Some(0)]), [0, 1]);
    assert_eq!(assign(vec![None, Some(0), Some(0)], vec![Some(0), None, Some(0)]), [2, 3, 0]);
    assert_eq!(assign(vec![None, Some(1)], vec![None, Some(0)]), [4, 1]);
    assert_eq!(groups.sorted(), [4, 2, 3, 0, 1]);
}

#[test]
fn keys_of_another_type_are_refused() {
    let mut groups = Groups::new([DataType::Utf8, DataType::Int64]).unwrap();
    let [symbol, bucket]: [ArrayRef; 2] = keys(&[Some("A")], &[1]).try_into().unwrap();
    let wrong = groups.assign(&[bucket.clone(), symbol.clone()]).unwrap_err();
    assert!(wrong.message().contains("a key of Utf8 cannot be Int64"), "{wrong}");
    assert!(groups.assign(std::slice::from_ref(&symbol)).is_err());
    assert!(groups.assign(&[symbol, bucket.slice(0, 0)]).is_err());
}

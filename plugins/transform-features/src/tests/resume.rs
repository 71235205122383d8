//! A stream that is cut anywhere gives what the uncut one gives, to the bit.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::NullBuffer;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidelake_sdk::testing::conformance::Suite;
use tidelake_sdk::{Batch, ErrorKind, Output, Result, Transform};

use super::{Row, batch, options};
use crate::{Features, FeaturesOptions};

fn everything() -> Value {
    let mut options = options(json!([
        {"name": "lag1", "kind": "lag", "column": "price"},
        {"name": "lag3", "kind": "lag", "column": "price", "periods": 3},
        {"name": "lags", "kind": "lag", "column": "size", "periods": 2},
        {"name": "ret", "kind": "return", "column": "price"},
        {"name": "log", "kind": "log_return", "column": "price", "periods": 2},
        {"name": "mean", "kind": "mean", "column": "price", "window": 4, "min_values": 1},
        {"name": "std", "kind": "std", "column": "price", "window": 4, "min_values": 1},
        {"name": "z", "kind": "zscore", "column": "price", "window": "7s"},
        {"name": "vol", "kind": "volatility", "column": "price", "window": 3, "annualise": 252},
        {"name": "volt", "kind": "volatility", "column": "price", "window": "9s"},
        {"name": "vwap", "kind": "vwap", "column": "price", "weight": "size", "window": 5, "min_values": 1},
        {"name": "vwapt", "kind": "vwap", "column": "price", "weight": "size", "window": "20s"},
        {"name": "vwapd", "kind": "vwap", "column": "price", "weight": "size", "window": "day"},
        {"name": "stda", "kind": "std", "column": "price", "window": "all"},
    ]));
    options["late"] = json!("skip");
    options
}

fn create(options: &Value, snapshot: Option<&[u8]>) -> Result<Features> {
    let options: FeaturesOptions = serde_json::from_value(options.clone()).unwrap();
    let schema = batch(&[]).schema();
    match snapshot {
        None => Features::create(schema, options),
        Some(snapshot) => Features::restore(schema, options, snapshot),
    }
}

fn feed(features: &mut Features, rows: &RecordBatch) -> Vec<ArrayRef> {
    let (mut emitted, input) = (Vec::new(), Batch::from_memory(rows));
    let mut out = Output::to_memory(&mut emitted, features.output_schema(), Some(&input));
    features.process(&input, &mut out).unwrap();
    emitted.remove(0).columns().to_vec()
}

/// Every result as bits, row by row.
fn bits(columns: &[ArrayRef]) -> Vec<Vec<Option<u64>>> {
    use arrow_array::cast::AsArray;
    use arrow_array::{Array, types::Float64Type};
    let of = |column: &ArrayRef| {
        let values = column.as_primitive::<Float64Type>();
        let nulls = values.nulls().cloned().unwrap_or(NullBuffer::new_valid(values.len()));
        (0..values.len())
            .map(|row| nulls.is_valid(row).then(|| values.value(row).to_bits()))
            .collect()
    };
    columns[4..].iter().map(of).collect()
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let symbol = prop_oneof![Just(Some("A")), Just(Some("B")), Just(Some("")), Just(None)];
    let price = prop_oneof![
        6 => (1i32..2_000_000).prop_map(|p| Some(f64::from(p) / 97.0)),
        1 => Just(None),
        1 => any::<f64>().prop_map(Some),
        1 => prop_oneof![
            Just(0.0), Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX), Just(1e16)
        ].prop_map(Some),
    ];
    let size = prop_oneof![8 => (0i64..1000).prop_map(Some), 1 => Just(None), 1 => Just(Some(-1))];
    // Some steps go back (those rows are late), some are a day long.
    let step = prop_oneof![8 => 0i64..4, 1 => Just(-3i64), 1 => Just(86_400)];
    prop::collection::vec((step, symbol, price, size), 0..120).prop_map(|rows| {
        let mut now = 1_700_000_000;
        rows.into_iter()
            .map(|(step, symbol, price, size)| {
                now += step;
                (now, symbol, price, size)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn cut_anywhere_and_carried_on(
        rows in rows(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..8),
    ) {
        let options = everything();
        let all = batch(&rows);
        let whole = bits(&feed(&mut create(&options, None).unwrap(), &all));

        let mut cuts: Vec<(usize, bool)> =
            cuts.into_iter().map(|(at, stop)| (at.index(rows.len() + 1), stop)).collect();
        cuts.sort_unstable();
        cuts.push((rows.len(), false));
        let mut features = create(&options, None).unwrap();
        let mut from = 0;
        let mut pieces: Vec<Vec<Option<u64>>> = vec![Vec::new(); whole.len()];
        for (to, stop) in cuts {
            let piece = bits(&feed(&mut features, &all.slice(from, to - from)));
            pieces.iter_mut().zip(piece).for_each(|(all, part)| all.extend(part));
            from = to;
            if stop {
                let snapshot = features.snapshot().unwrap();
                features = create(&options, Some(&snapshot)).unwrap();
                prop_assert_eq!(features.snapshot().unwrap(), snapshot);
            }
        }
        prop_assert_eq!(pieces, whole);
    }

    #[test]
    fn damage_is_an_error(rows in rows(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let options = everything();
        let mut features = create(&options, None).unwrap();
        feed(&mut features, &batch(&rows));
        let snapshot = features.snapshot().unwrap();
        let at = at.index(snapshot.len());
        let mut flipped = snapshot.clone();
        flipped[at] ^= 1 << bit;
        for wrong in [&flipped[..], &snapshot[..at.max(1)]] {
            let error = create(&options, Some(wrong)).err().expect("an error");
            prop_assert_ne!(error.kind(), ErrorKind::Internal);
        }
    }

    /// Also where the check sum fits, as somebody might make it do.
    #[test]
    fn forged_content_does_not_panic(rows in rows(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let options = everything();
        let mut features = create(&options, None).unwrap();
        feed(&mut features, &batch(&rows));
        let mut snapshot = features.snapshot().unwrap();
        let end = snapshot.len() - 4;
        snapshot[at.index(end)] = byte;
        let check = crc32fast::hash(&snapshot[..end]);
        snapshot[end..].copy_from_slice(&check.to_le_bytes());
        if let Ok(mut features) = create(&options, Some(&snapshot)) {
            feed(&mut features, &batch(&rows[..0]));
        }
    }
}

#[test]
fn foreign_snapshots_say_what_they_are() {
    let options = everything();
    let error = |snapshot: &[u8]| create(&options, Some(snapshot)).err().unwrap();
    assert!(error(b"PAR1 and so on").message().contains("is none of the plugin `features`"));
    let mut snapshot = create(&options, None).unwrap().snapshot().unwrap();
    let version = b"tidelake features".len();
    snapshot[version] = 9;
    assert_eq!(error(&snapshot).kind(), ErrorKind::Unsupported);
    assert!(error(&snapshot).message().contains("has version 9, and this `features` reads 1"));

    let mut other = everything();
    other["features"][5]["window"] = json!(5);
    let snapshot = create(&other, None).unwrap().snapshot().unwrap();
    assert!(error(&snapshot).message().contains("was taken with other options"));
    assert!(create(&options, Some(&[])).is_ok(), "no state");
}

#[test]
fn conforms() {
    let mut options = everything();
    options["late"] = json!("refuse");
    Suite::new(batch(&[]).schema().as_ref().clone(), options)
        .ascending("ts")
        .transform::<Features>()
        .unwrap();
}

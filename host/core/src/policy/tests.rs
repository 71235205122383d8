use super::*;

fn at(text: &str) -> Micros {
    Micros::parse(text).unwrap()
}

fn day(text: &str) -> TimeRange {
    Period::Day.range(at(text))
}

fn slice(text: &str, rows: u64) -> Slice {
    Slice { period: day(text), rows, bytes: rows * 40 }
}

fn inventory() -> Inventory {
    Inventory {
        table: "trades".into(),
        lifecycle: Lifecycle {
            hot: "2d".parse().unwrap(),
            warm: "5d".parse().unwrap(),
            retention: None,
            grace: "0s".parse().unwrap(),
        },
        period: Period::Day,
        watermark: Watermark { time: at("2020-01-06"), seq: 70, generation: 1, ..Watermark::EMPTY },
        hot_seq: 100,
        fresh: vec![slice("2020-01-06", 10), slice("2020-01-09", 20)],
        late: vec![slice("2020-01-03", 3)],
        unverified: vec![],
        proven: vec![],
        rollups: vec![],
        lake: vec![],
    }
}

#[test]
fn late_rows_go_first_then_whole_periods_that_are_old_enough() {
    let decision = choose(&inventory(), at("2020-01-10T12:00:00")).unwrap();
    assert_eq!(decision.watermark, at("2020-01-08"));
    let exports: Vec<_> = decision
        .actions
        .iter()
        .filter_map(|a| match a {
            Action::Export { time, seqs, rows, .. } => Some((*time, *seqs, *rows)),
            _ => None,
        })
        .collect();
    assert_eq!(
        exports,
        [
            (day("2020-01-03"), SeqRange::new(70, 100), 3),
            (day("2020-01-06"), SeqRange::new(0, 100), 10),
        ]
    );
    let waits: Vec<_> = decision.waiting.iter().map(|w| (w.time, w.until)).collect();
    assert_eq!(waits, [(day("2020-01-09"), Some(at("2020-01-12")))]);
    // The late row is older than E and there is no grace: it leaves in the same run.
    assert!(decision.actions.iter().any(
        |a| matches!(a, Action::Evict { time, unit: None, .. } if *time == day("2020-01-03"))
    ));
}

#[test]
fn a_watermark_inside_a_period_splits_it() {
    let mut inventory = inventory();
    inventory.period = Period::Week;
    inventory.late.clear();
    let week = Period::Week.range(at("2020-01-06"));
    inventory.watermark.time = at("2020-01-08");
    inventory.fresh = vec![Slice { period: week, rows: 5, bytes: 1 }];
    let decision = choose(&inventory, at("2020-02-01")).unwrap();
    match &decision.actions[0] {
        Action::Export { time, .. } => {
            assert_eq!(*time, TimeRange::new(at("2020-01-08"), week.end))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_leaves_the_hot_store_without_a_proof_and_its_grace() {
    let mut inventory = inventory();
    inventory.late.clear();
    inventory.fresh.clear();
    let held = HeldUnit {
        unit: "u".into(),
        time: day("2020-01-02"),
        seqs: SeqRange::new(0, 70),
        rows: 4,
        verified_at: Some(at("2020-01-10T11:30:00")),
        evicted_before: Micros::MIN,
    };
    inventory.unverified = vec![held.clone()];
    inventory.lifecycle.grace = "1h".parse().unwrap();
    let now = at("2020-01-10T12:00:00");
    let evicts = |inventory: &Inventory, now| {
        choose(inventory, now)
            .unwrap()
            .actions
            .iter()
            .filter(|a| matches!(a, Action::Evict { .. }))
            .count()
    };
    assert_eq!(evicts(&inventory, now), 0, "not verified");
    inventory.unverified.clear();
    inventory.proven = vec![held.clone()];
    assert_eq!(evicts(&inventory, now), 0, "in its grace period");
    assert_eq!(evicts(&inventory, at("2020-01-10T12:30:00")), 1);
    inventory.proven[0].time = day("2020-01-07");
    assert_eq!(evicts(&inventory, at("2020-01-10T12:30:00")), 0, "still warm");
}

#[test]
fn raw_rows_outlive_the_rollups_that_lack_them() {
    let mut inventory = inventory();
    inventory.lifecycle.retention = Some("10d".parse().unwrap());
    inventory.lake = vec![LakeSlice { period: day("2020-01-01"), rows: 9, bytes: 9, files: 1 }];
    inventory.rollups =
        vec![RollupCoverage { name: "trades@1h".into(), source_generation: 0, pending_rows: 9 }];
    let expires = |i: &Inventory| {
        let decision = choose(i, at("2020-02-01")).unwrap();
        decision.actions.iter().any(|a| matches!(a, Action::Expire { .. }))
    };
    assert!(!expires(&inventory));
    inventory.rollups[0].source_generation = 1;
    assert!(expires(&inventory));
}

#[test]
fn a_clock_behind_the_watermark_is_refused() {
    let error = choose(&inventory(), at("2020-01-05")).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Input);
    assert!(error.to_string().contains("2020-01-06"), "{error}");
}

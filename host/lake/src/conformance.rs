//! What every [`TableLog`] has to do: public functions over a factory that makes
//! fresh handles on one table that does not exist yet. They panic when it does not.
//!
//! [`all`] runs the whole; [`ambiguous`] needs a store that loses answers. What the
//! stores below have to do is [`store`].

pub mod store;

use std::future::Future;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use tidelake_core::ErrorKind;
use tidelake_core::commit::{Commit, CommitOutcome, TableInit, TableState, Watermark};
use tidelake_core::file::DataFile;
use tidelake_core::hash::Digest;
use tidelake_core::partition::{PartitionSpec, hive_path};
use tidelake_core::period::Period;
use tidelake_core::stats::{ColumnStats, StatValue};
use tidelake_core::time::Micros;

use crate::TableLog;

/// A log that a factory made.
pub type LogRef = Arc<dyn TableLog>;

const AT: Micros = Micros(1_362_218_400_000_000);

/// A table with types that Delta does not have, in files of the given format.
pub fn init(file_format: &str) -> TableInit {
    let symbol = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    TableInit {
        schema: Arc::new(Schema::new(vec![
            Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
            Field::new("symbol", symbol, true),
            Field::new("size", DataType::UInt32, true),
            Field::new("price", DataType::Float64, true),
            Field::new("asset_class", DataType::Utf8, true),
        ])),
        partition: PartitionSpec {
            time: "ts".into(),
            period: Period::Day,
            columns: vec!["asset_class".into()],
        },
        file_format: file_format.into(),
    }
}

/// A file with awkward values everywhere. `number` tells it from others.
pub fn file(number: u64) -> DataFile {
    let class = ["a/b", "50 %", "k:v=ü", "plain"][number as usize % 4];
    let partition = vec![
        ("ts_day".to_owned(), Some("2013-03-02".to_owned())),
        ("asset_class".to_owned(), (!number.is_multiple_of(5)).then(|| class.to_owned())),
    ];
    let column = |name: &str, min: StatValue, max: StatValue| ColumnStats {
        name: name.into(),
        nulls: number,
        min: Some(min),
        max: Some(max),
    };
    DataFile {
        path: format!("{}/g00000001-{number:016x}.parquet", hive_path(&partition)),
        partition,
        rows: number + 1,
        bytes: 100 + number,
        min_time: Micros(AT.0 + 1),
        max_time: Micros(AT.0 + 1_001),
        stats: vec![
            column("ts", StatValue::Time(Micros(AT.0 + 1)), StatValue::Time(Micros(AT.0 + 1_001))),
            column("symbol", StatValue::Text("A".into()), StatValue::Text("Z".repeat(50))),
            column("size", StatValue::Int(1), StatValue::Int(1 << 31)),
            column("price", StatValue::Float(0.1 + 0.2), StatValue::Float(f64::INFINITY)),
        ],
        digest: Digest { rows: number + 1, sum: u64::MAX - number, mixed: number },
        generation: number,
    }
}

fn commit(state: &TableState, add: Vec<DataFile>, remove: Vec<String>) -> Commit {
    let before = state.watermark;
    let watermark = Watermark {
        time: Micros(AT.0 + state.version as i64),
        seq: before.seq + 7,
        epoch: before.epoch.max(1),
        generation: before.generation + 1,
        source_generation: before.source_generation + 2,
    };
    Commit { base: state.version, add, remove, watermark, operation: "export", at: AT }
}

async fn load(log: &LogRef) -> TableState {
    log.load().await.expect("the log loads").expect("the table exists")
}

fn assert_same(found: &TableState, expected: &TableState) {
    assert_eq!(found.version, expected.version);
    assert_eq!(found.schema, expected.schema);
    assert_eq!(found.partition, expected.partition);
    assert_eq!(found.file_format, expected.file_format);
    assert_eq!(found.watermark, expected.watermark);
    assert_eq!(found.files, expected.files);
}

/// Everything but [`ambiguous`], each on a table of its own from `fresh`.
pub async fn all<F, Fut>(file_format: &str, mut fresh: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Box<dyn Fn() -> LogRef + Send + Sync>>,
{
    creates_once(file_format, &*fresh().await).await;
    commits_change_files_and_watermark(file_format, &*fresh().await).await;
    stale_commits_conflict(file_format, &*fresh().await).await;
    concurrent_commits_lose_nothing(file_format, &*fresh().await).await;
    checkpoints_keep_everything(file_format, &*fresh().await).await;
}

/// Creating is idempotent, and of racing creators all see one table.
pub async fn creates_once(file_format: &str, handle: &(dyn Fn() -> LogRef + Send + Sync)) {
    assert!(handle().load().await.expect("an absent table loads").is_none());
    let racing: Vec<_> = (0..4)
        .map(|_| {
            let (log, init) = (handle(), init(file_format));
            tokio::spawn(async move { log.create(&init, AT).await })
        })
        .collect();
    for creator in racing {
        let state = creator.await.expect("no panic").expect("creating works");
        assert_eq!((state.version, state.watermark), (0, Watermark::EMPTY));
        assert_eq!(state.schema, init(file_format).schema);
        assert_eq!(state.partition, init(file_format).partition);
        assert!(state.files.is_empty());
    }
    let again = handle().create(&init(file_format), AT).await.expect("creating again works");
    assert_same(&again, &load(&handle()).await);
}

/// What a commit says is what any handle loads.
pub async fn commits_change_files_and_watermark(
    file_format: &str,
    handle: &(dyn Fn() -> LogRef + Send + Sync),
) {
    let log = handle();
    let empty = log.create(&init(file_format), AT).await.expect("creating works");
    let first = commit(&empty, (0..6).map(file).collect(), vec![]);
    // A handle that never loaded commits as well as any.
    let outcome = handle().commit(&first).await.expect("committing works");
    assert_eq!(outcome, CommitOutcome::Committed(1));
    let state = load(&log).await;
    assert_eq!(state.watermark, first.watermark);
    let expected: Vec<_> = first.add.iter().map(|f| (f.path.clone(), f.clone())).collect();
    assert_eq!(state.files.clone().into_iter().collect::<Vec<_>>(), {
        let mut sorted = expected;
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted
    });

    let second = commit(&state, vec![file(9)], vec![file(0).path, file(2).path]);
    let outcome = log.commit(&second).await.expect("committing works");
    assert_eq!(outcome, CommitOutcome::Committed(2));
    let after = load(&handle()).await;
    assert_eq!(after.files.len(), 5);
    assert!(!after.files.contains_key(&file(0).path));
    assert_eq!(after.files[&file(9).path], file(9));
    assert_same(&load(&log).await, &after);

    // A takeover moves the epoch and nothing else.
    let takeover = Commit {
        base: 2,
        add: vec![],
        remove: vec![],
        watermark: Watermark { epoch: 9, ..after.watermark },
        operation: "takeover",
        at: AT,
    };
    log.commit(&takeover).await.expect("committing works");
    let taken = load(&handle()).await;
    assert_eq!(taken.watermark, takeover.watermark);
    assert_eq!(taken.files, after.files);
}

/// A commit on an old version does not land.
pub async fn stale_commits_conflict(
    file_format: &str,
    handle: &(dyn Fn() -> LogRef + Send + Sync),
) {
    let log = handle();
    let base = log.create(&init(file_format), AT).await.expect("creating works");
    let won = commit(&base, vec![file(1)], vec![]);
    let lost = commit(&base, vec![file(2)], vec![]);
    assert_eq!(log.commit(&won).await.expect("answers"), CommitOutcome::Committed(1));
    for stale in [handle(), log.clone()] {
        assert_eq!(stale.commit(&lost).await.expect("answers"), CommitOutcome::Conflict);
    }
    // The same change from the same state, sent twice, is two commits.
    assert_eq!(log.commit(&won).await.expect("answers"), CommitOutcome::Conflict);
    let state = load(&log).await;
    assert_eq!(state.version, 1);
    assert_eq!(state.files.keys().collect::<Vec<_>>(), [&file(1).path]);
}

/// Eight writers that try again until they win.
pub async fn concurrent_commits_lose_nothing(
    file_format: &str,
    handle: &(dyn Fn() -> LogRef + Send + Sync),
) {
    handle().create(&init(file_format), AT).await.expect("creating works");
    let writers: Vec<_> = (0..8u64)
        .map(|writer| {
            let log = handle();
            tokio::spawn(async move {
                for number in [writer * 2, writer * 2 + 1] {
                    loop {
                        let state = load(&log).await;
                        let change = commit(&state, vec![file(number)], vec![]);
                        match log.commit(&change).await.expect("answers") {
                            CommitOutcome::Committed(version) => {
                                assert_eq!(version, state.version + 1);
                                break;
                            }
                            CommitOutcome::Conflict => tokio::task::yield_now().await,
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no writer panics");
    }
    let state = load(&handle()).await;
    assert_eq!(state.version, 16);
    assert_eq!(state.watermark.generation, 16);
    assert_eq!(state.files.len(), 16);
    for number in 0..16 {
        assert_eq!(state.files[&file(number).path], file(number));
    }
}

/// Checkpoints change nothing that can be seen, and commits go on after them.
pub async fn checkpoints_keep_everything(
    file_format: &str,
    handle: &(dyn Fn() -> LogRef + Send + Sync),
) {
    let log = handle();
    let mut state = log.create(&init(file_format), AT).await.expect("creating works");
    for number in 0..45 {
        let remove = (number % 4 == 3).then(|| file(number - 1).path).into_iter().collect();
        let change = commit(&state, vec![file(number)], remove);
        assert!(matches!(log.commit(&change).await.expect("answers"), CommitOutcome::Committed(_)));
        state.version += 1;
        state.watermark = change.watermark;
        for path in &change.remove {
            state.files.remove(path);
        }
        state.files.extend(change.add.into_iter().map(|f| (f.path.clone(), f)));
        log.maintain(&state).await.expect("maintaining works");
        if number % 10 == 0 || (19..23).contains(&number) {
            assert_same(&load(&handle()).await, &state);
        }
    }
    assert_same(&load(&log).await, &state);
}

/// Commits whose answer is lost. `landed` loses the answer of the next
/// creation that lands, `refused` fails the next one before it does anything;
/// both work normally afterwards, on the same table. `blind` loses the answer
/// and cannot be read afterwards.
pub async fn ambiguous(file_format: &str, landed: LogRef, refused: LogRef, blind: LogRef) {
    let base = landed.load().await.expect("the log loads").expect("the table exists");
    assert_eq!(base.file_format, file_format);
    let first = commit(&base, vec![file(1)], vec![]);
    let outcome = landed.commit(&first).await.expect("the log is read back");
    assert_eq!(outcome, CommitOutcome::Committed(base.version + 1));

    let state = load(&refused).await;
    let second = commit(&state, vec![file(2)], vec![]);
    let error = refused.commit(&second).await.expect_err("it did not land");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_same(&load(&refused).await, &state);
    let outcome = refused.commit(&second).await.expect("the second time works");
    assert_eq!(outcome, CommitOutcome::Committed(state.version + 1));

    let third = Commit { base: state.version + 1, ..commit(&state, vec![file(3)], vec![]) };
    let error = blind.commit(&third).await.expect_err("nobody knows");
    assert_eq!(error.kind(), ErrorKind::Unknown, "{error:?}");
    assert!(error.help().is_some());
}

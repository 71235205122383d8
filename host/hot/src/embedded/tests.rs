//! The embedded store against the conformance suite, and what only it promises:
//! durability, one owner, bounded memory, space given back.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use fjall::Readable;
use futures::TryStreamExt;
use proptest::prelude::*;
use tempfile::TempDir;
use tidelake_core::ErrorKind;

use super::*;
use crate::conformance::data::{batch, ticks, times};
use crate::conformance::model::Model;
use crate::conformance::{all_ids, at, run_all};
use crate::store::HotScan;

const SECOND: i64 = 1_000_000;

fn options(path: &Path) -> OpenOptions {
    OpenOptions { path: path.to_owned(), command: "tidelake test".into(), now: at("2013-03-02") }
}

/// Chunks of a handful of rows, so that little data makes many.
fn tiny() -> Limits {
    Limits { chunk: 300, ..Limits::default() }
}

fn open(path: &Path) -> EmbeddedHotStore {
    EmbeddedHotStore::open_with(options(path), tiny()).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

async fn conforms(limits: Limits) {
    let directories: std::sync::Mutex<Vec<TempDir>> = Default::default();
    run_all(async || {
        let directory = tempfile::tempdir().unwrap();
        let store = EmbeddedHotStore::open_with(options(directory.path()), limits).unwrap();
        directories.lock().unwrap().push(directory);
        Arc::new(store) as Arc<dyn HotStore>
    })
    .await;
}

#[tokio::test]
async fn conforms_with_chunks_as_they_are() {
    conforms(Limits::default()).await;
}

#[tokio::test]
async fn conforms_with_tiny_chunks_and_no_memory() {
    // Every append flushes what was there before.
    conforms(Limits { write_buffer: 1, ..tiny() }).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn histories_survive_closing(seed: u64, steps in prop::collection::vec(0usize..5, 1..4)) {
        let directory = tempfile::tempdir().unwrap();
        runtime().block_on(async {
            let mut model = Model::new(&open(directory.path()), seed).await;
            for steps in steps {
                model.play(&open(directory.path()), steps).await;
            }
            model.play(&open(directory.path()), 0).await;
        });
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|e| e.unwrap()) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_crash_leaves_is_all_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let live = directory.path().join("live");
    let store = open(&live);
    let mut model = Model::new(&store, 7).await;
    for step in 0..8 {
        model.play(&store, 2).await;
        // As a crash would leave it: nothing closed, the owner's note still there.
        let crashed = directory.path().join(format!("crashed-{step}"));
        copy(&live, &crashed);
        assert!(crashed.join("owner.json").exists());
        model.play(&open(&crashed), 0).await;
    }
}

const CHILD: &str = "TIDELAKE_HOT_TEST_CHILD";

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
async fn child_appends_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = EmbeddedHotStore::open_with(
        options(Path::new(&path)),
        Limits { write_buffer: 64 << 10, chunk: 4 << 10, ..Limits::default() },
    )
    .unwrap();
    store.create_table(&ticks()).await.unwrap();
    loop {
        let from = store.snapshot("ticks").await.unwrap().seq();
        let day = 86_400 * SECOND;
        let start = Micros(at("2013-01-01").0 + from as i64 * SECOND);
        let rows = batch(&ticks(), from, &times(start, day / 3, 200));
        let appended = store.append("ticks", vec![rows]).await.unwrap();
        println!("acknowledged {}", appended.seqs.up_to);
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for appends in [3, 17, 40] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "embedded::tests::child_appends_until_killed", "--nocapture"])
            .env(CHILD, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|l| l.unwrap());
        let mut seen = 0;
        for line in lines {
            let Some(seq) = line.split("acknowledged ").nth(1) else { continue };
            acknowledged = seq.parse().unwrap();
            seen += 1;
            if seen == appends {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= appends, "the child appended until it was killed");

        let store = open(directory.path());
        let seq = store.snapshot("ticks").await.unwrap().seq();
        assert!(seq >= acknowledged, "{seq} < {acknowledged}");
        assert_eq!(seq % 200, 0, "an append is there as a whole, or not at all");
        assert_eq!(all_ids(&store, "ticks").await, (0..seq).collect());
    }
}

#[tokio::test]
async fn a_second_opener_is_told_who_holds_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_table(&ticks()).await.unwrap();
    let error = EmbeddedHotStore::open(options(directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.message().contains("`tidelake test` (pid "), "{error}");

    // A snapshot holds it as the store does; a scan that was read does not.
    let snapshot = store.snapshot("ticks").await.unwrap();
    drop(store);
    assert_eq!(
        EmbeddedHotStore::open(options(directory.path())).unwrap_err().kind(),
        ErrorKind::Busy
    );
    let all = HotScan::new(TimeRange::ALL, SeqRange::ALL);
    let _: Vec<_> = snapshot.scan(all).await.unwrap().try_collect().await.unwrap();
    drop(snapshot);
    open(directory.path());
}

#[test]
fn a_store_of_another_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let disk = &store.inner.disk;
    let mut change = disk.batch();
    change.insert(&disk.catalogue, keys::FORMAT_KEY, "tidelake embedded hot store 9");
    disk.commit(change, "test").unwrap();
    drop(store);
    let error = EmbeddedHotStore::open(options(directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("store 9") && error.message().contains("store 1"), "{error}");
}

#[tokio::test]
async fn damaged_files_are_an_error_and_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_table(&ticks()).await.unwrap();
    drop(store);
    for entry in fs::read_dir(directory.path().join("db/keyspaces/0")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::write(path, b"not what was written").unwrap();
        }
    }
    let error = EmbeddedHotStore::open(options(directory.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
    assert!(error.help().is_some());
}

#[test]
fn a_path_that_cannot_be_a_store_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = EmbeddedHotStore::open(options(&path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
        assert!(error.help().is_some());
    }
}

#[test]
fn errors_of_the_disk_say_what_to_do() {
    let told = |code| {
        let error = fjall::Error::Io(std::io::Error::from_raw_os_error(code));
        error::store(error, "append rows", Path::new("hot"))
    };
    let full = told(28);
    assert_eq!(full.kind(), ErrorKind::Unavailable);
    assert!(full.message().contains("the disk is full"), "{full}");
    assert!(full.help().unwrap().contains("free some space"));
    assert_eq!(told(13).kind(), ErrorKind::Config);
    assert_eq!(told(5).kind(), ErrorKind::Unavailable);
    let poisoned = error::store(fjall::Error::Poisoned, "append rows", Path::new("hot"));
    assert_eq!(poisoned.kind(), ErrorKind::Unavailable);
    assert!(poisoned.help().unwrap().contains("run the command again"));
}

fn months_on_disk(path: &Path) -> usize {
    // Beside fjall's own keyspace and the catalogue.
    fs::read_dir(path.join("db/keyspaces")).unwrap().count() - 2
}

#[tokio::test]
async fn an_empty_month_gives_its_space_back_once_no_snapshot_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_table(&ticks()).await.unwrap();
    let day = 86_400 * SECOND;
    let rows = batch(&ticks(), 0, &times(at("2013-01-15"), day, 60));
    store.append("ticks", vec![rows]).await.unwrap();
    assert_eq!(months_on_disk(directory.path()), 3);
    let snapshot = store.snapshot("ticks").await.unwrap();
    let january = TimeRange::before(at("2013-02-01"));
    store.evict("ticks", january, SeqRange::ALL).await.unwrap();
    assert_eq!(months_on_disk(directory.path()), 3, "a snapshot shows it");
    let all = HotScan::new(TimeRange::ALL, SeqRange::ALL);
    let shown: Vec<_> = snapshot.scan(all).await.unwrap().try_collect().await.unwrap();
    assert_eq!(shown.iter().map(RecordBatch::num_rows).sum::<usize>(), 60);
    drop(snapshot);
    assert_eq!(months_on_disk(directory.path()), 2);
    assert_eq!(all_ids(&store, "ticks").await, (17..60).collect());
}

#[tokio::test]
async fn an_interrupted_eviction_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.create_table(&ticks()).await.unwrap();
    let rows = batch(&ticks(), 0, &times(at("2013-01-15"), 86_400 * SECOND, 60));
    store.append("ticks", vec![rows]).await.unwrap();
    // Its first half alone, as a crash at `hot.evict-between` leaves it.
    let entry = store.inner.entry("ticks").unwrap();
    let february = TimeRange::before(at("2013-03-01"));
    let evicted = store.inner.remove_chunks(&entry, february, SeqRange::ALL).unwrap();
    assert_eq!((evicted.rows, months_on_disk(directory.path())), (45, 3));
    // Repeating it does the rest ...
    let january = TimeRange::before(at("2013-02-01"));
    assert_eq!(store.evict("ticks", january, SeqRange::ALL).await.unwrap(), Evicted::default());
    assert_eq!(months_on_disk(directory.path()), 2);
    // ... and so does opening.
    drop((store, entry));
    let store = open(directory.path());
    assert_eq!(months_on_disk(directory.path()), 1);
    assert_eq!(all_ids(&store, "ticks").await, (45..60).collect());
}

#[tokio::test]
async fn chunks_are_read_without_a_copy() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedHotStore::open(options(directory.path())).unwrap();
    store.create_table(&ticks()).await.unwrap();
    let rows = batch(&ticks(), 0, &times(at("2013-01-01"), SECOND, 10_000));
    store.append("ticks", vec![rows]).await.unwrap();
    let (_, months) = store.inner.disk.view(0);
    let month = months.values().next().unwrap();
    month.rotate_memtable_and_wait().unwrap();
    let (view, _) = store.inner.disk.view(0);
    let (key, _) = store.inner.disk.chunks(&view, 0, TimeRange::ALL).unwrap().remove(0);
    let value = view.get(month, key.rows()).unwrap().unwrap();
    assert_eq!(value.as_ptr() as usize % 16, 0, "Arrow can use the bytes where they are");
    let range = value.as_ptr_range();
    let columns = chunk::decode(value, &[1, 2, 3, 5]).unwrap();
    for column in columns {
        let buffer = &column.to_data().buffers()[0].as_ptr();
        assert!(range.contains(buffer), "{} was copied", column.data_type());
    }
}

/// Offsets are there when the store is opened again, as its rows are.
#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_durable() {
    let directory = tempfile::tempdir().unwrap();
    let offset = |from: Option<&str>, to: &str| crate::OffsetMove {
        source: "feed".into(),
        from: from.map(Into::into),
        to: to.into(),
    };
    for (from, to) in [(None, "1"), (Some("1"), "2")] {
        let store = EmbeddedHotStore::open(options(directory.path())).unwrap();
        store.create_table(&ticks()).await.unwrap();
        assert_eq!(store.offset("ticks", "feed").await.unwrap(), from.map(Into::into));
        let rows = batch(&ticks(), 0, &times(at("2013-01-01"), 1, 5));
        store.append_from("ticks", vec![rows], offset(from, to)).await.unwrap();
    }
    let store = EmbeddedHotStore::open(options(directory.path())).unwrap();
    assert_eq!(store.offset("ticks", "feed").await.unwrap(), Some(b"2".to_vec()));
    assert_eq!(store.snapshot("ticks").await.unwrap().seq(), 10);
}

/// Figures, not a test: run it by name, with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn figures() {
    const BATCHES: u64 = 300;
    const ROWS: u64 = 65_536;
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedHotStore::open(options(directory.path())).unwrap();
    store.create_table(&ticks()).await.unwrap();
    let peak = || {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        status.lines().filter(|l| l.starts_with("VmHWM")).collect::<String>()
    };
    let mut bytes = 0;
    let mut appending = std::time::Duration::ZERO;
    for i in 0..BATCHES {
        let start = Micros(at("2013-01-01").0 + (i * ROWS) as i64 * 300_000);
        let rows = batch(&ticks(), i * ROWS, &times(start, 300_000, ROWS as usize));
        bytes += pack::size(&rows);
        let begun = std::time::Instant::now();
        store.append("ticks", vec![rows]).await.unwrap();
        appending += begun.elapsed();
    }
    let speed = |took: std::time::Duration| bytes as f64 / took.as_secs_f64() / 1e6;
    println!("append: {} MB at {:.0} MB/s, {}", bytes / 1_000_000, speed(appending), peak());
    let snapshot = store.snapshot("ticks").await.unwrap();
    for columns in [None, Some(vec!["ts".to_owned(), "price".to_owned()])] {
        for _ in 0..2 {
            let begun = std::time::Instant::now();
            let scan =
                HotScan { columns: columns.clone(), ..HotScan::new(TimeRange::ALL, SeqRange::ALL) };
            let mut stream = snapshot.scan(scan).await.unwrap();
            let mut rows = 0;
            while let Some(batch) = stream.try_next().await.unwrap() {
                rows += batch.num_rows() as u64;
            }
            assert_eq!(rows, BATCHES * ROWS);
            println!("scan {columns:?}: {:.0} MB/s, {}", speed(begun.elapsed()), peak());
        }
    }
    let begun = std::time::Instant::now();
    drop(snapshot);
    store.evict("ticks", TimeRange::ALL, SeqRange::ALL).await.unwrap();
    println!("evict: {:?}", begun.elapsed());
}

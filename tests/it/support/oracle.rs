//! The oracle: rows and th1 digest of hot ∪ lake equal the source's.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use tidelake::{Engine, OpenOptions, Silent};
use tidelake_core::clock::FixedClock;
use tidelake_core::config;
use tidelake_core::hash::{Digest, RowHasher};
use tidelake_core::time::Micros;
use tidelake_query::{QueryOptions, QuerySession, RollupSource, TableSource};

use super::{plugin_cache, plugins};

/// Opens a project in this process.
pub fn open(root: &Path, now: Micros) -> Engine {
    let text = std::fs::read_to_string(root.join("tidelake.toml")).unwrap();
    let config = config::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let options = OpenOptions {
        clock: Arc::new(FixedClock(now)),
        command: "the test".to_owned(),
        plugin_dirs: vec![plugins()],
        cache_dir: Some(plugin_cache()),
    };
    Engine::open(root, config, options).unwrap()
}

/// A query session over everything that an engine holds.
pub async fn session(engine: &Engine) -> QuerySession {
    let tables = engine.query_tables().await.unwrap().into_iter().map(|t| TableSource {
        spec: t.spec,
        hot: Some(t.hot),
        lake: t.lake,
        transform: t.transform,
        rollups: t
            .rollups
            .into_iter()
            .map(|r| RollupSource { name: r.name, lake: r.lake })
            .collect(),
    });
    QuerySession::open(tables.collect(), QueryOptions::default()).await.unwrap()
}

/// The digest of some batches as rows of `table`.
pub fn digest(table: &str, batches: &[RecordBatch]) -> Digest {
    let Some(first) = batches.first() else { return Digest::default() };
    let mut hasher = RowHasher::new(table, &first.schema()).unwrap();
    batches.iter().fold(Digest::default(), |sum, b| sum.merge(hasher.digest(b).unwrap()))
}

/// What a project holds, seen both ways.
#[derive(Debug)]
pub struct Seen {
    /// Rows and digest of `SELECT * FROM table`.
    pub query: Digest,
    /// Files read back through the lake's own reader.
    pub lake: Digest,
    /// Data files on disk that the log does not name.
    pub orphans: Vec<String>,
}

/// Looks at a table with fresh eyes: a federated query over all columns, every
/// file of the lake read back and compared with the log, every file that the log
/// names found on disk.
pub fn look(root: &Path, table: &str, now: Micros) -> Seen {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = open(root, now);
        let (rows, _) = {
            let session = session(&engine).await;
            let sql = format!("SELECT * FROM {table}");
            session.query(&sql).await.unwrap().collect().await.unwrap()
        };
        let reports = engine.verify(&[table.to_owned()], Arc::new(Silent)).await.unwrap();
        let mut lake = Digest::default();
        for report in &reports {
            assert!(report.problems.is_empty(), "{report:?}");
            if report.table == table {
                lake = report.digest;
            }
        }
        let spec = engine.config().tables[table].clone();
        let place = engine.lake().table(table, spec.layout.log());
        let state = place.log().load().await.unwrap();
        let on_disk: Vec<String> =
            place.list_data_files().await.unwrap().into_iter().map(|(path, _)| path).collect();
        let known: HashSet<&String> = state.iter().flat_map(|s| s.files.keys()).collect();
        for path in &known {
            assert!(on_disk.contains(path), "{path} is referenced and missing");
        }
        let orphans = on_disk.iter().filter(|p| !known.contains(p)).cloned().collect();
        Seen { query: digest(table, &rows), lake, orphans }
    })
}

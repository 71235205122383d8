//! The log of Delta tables.
//!
//! Reading goes through the `deltalake` crate: replay, protocol checks and
//! checkpoints are its work. Writing does not: a commit is put together here and
//! created under the next version with the crate's log store, so that it is a
//! compare-and-swap on exactly the version that it was decided on, and nothing
//! runs after it that could fail. What tidelake knows and Delta has no place for
//! is kept where every version of every reader carries it along:
//!
//! | what | where |
//! |---|---|
//! | watermark | five `txn` actions in every commit, [`TXN_TIME`] and so on |
//! | digest, generation, exact statistics of a file | tag [`FILE_TAG`] of its `add` |
//! | exact public schema, partition spec | the table's configuration, `tidelake.*` |
//! | whose commit it is | `tidelakeCommit` in `commitInfo` |
//!
//! Paths: a directory stored as `c=a%2Fb` is `c=a%252Fb` in the log, because the
//! protocol has URLs there. The crate encodes and decodes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{PROTOCOL, TransactionError};
use deltalake::kernel::{
    Action, Add, CommitInfo, EagerSnapshot, LogicalFileView, Remove, StructType, Transaction,
};
use deltalake::logstore::{
    CommitOrBytes, LogStoreRef, StorageConfig, default_logstore, get_actions,
};
use deltalake::{DeltaTable, checkpoints};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};
use tidelake_core::commit::{Commit, CommitOutcome, TableInit, TableState, Watermark};
use tidelake_core::file::DataFile;
use tidelake_core::partition::PartitionSpec;
use tidelake_core::table::LogKind;
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result, ResultExt};
use url::Url;
use uuid::Uuid;

use super::delta_stats::stats_json;
use super::wire::FileEntry;
use super::{Sent, TableLog, schema};
use crate::coerce::storage_schema;
use crate::error::{explain, is_missing, store_error};
use crate::partition::check_partition_values;
use crate::table::store_path;

/// The log's directory below the table's root.
pub(crate) const LOG_DIRECTORY: &str = "_delta_log";
/// Application of the `txn` action that holds [`Watermark::time`].
pub const TXN_TIME: &str = "tidelake.watermark";
/// Application of the `txn` action that holds [`Watermark::seq`].
pub const TXN_SEQ: &str = "tidelake.seq";
/// Application of the `txn` action that holds [`Watermark::epoch`].
pub const TXN_EPOCH: &str = "tidelake.epoch";
/// Application of the `txn` action that holds [`Watermark::generation`].
pub const TXN_GENERATION: &str = "tidelake.generation";
/// Application of the `txn` action that holds [`Watermark::source_generation`].
pub const TXN_SOURCE: &str = "tidelake.source_generation";
/// Tag of an `add` action with everything tidelake knows about the file.
pub const FILE_TAG: &str = "tidelake.file";

const TXNS: [&str; 5] = [TXN_TIME, TXN_SEQ, TXN_EPOCH, TXN_GENERATION, TXN_SOURCE];
const TOKEN: &str = "tidelakeCommit";
const VERSION_KEY: &str = "tidelake.format-version";
const FORMAT_VERSION: &str = "1";
const SCHEMA_KEY: &str = "tidelake.schema";
const PARTITION_KEY: &str = "tidelake.partition";
/// Delta tables hold Parquet files.
const FILE_FORMAT: &str = "parquet";
/// Commits between two checkpoints.
const CHECKPOINT_EVERY: u64 = 20;

/// See the module's head.
#[derive(Debug, Clone)]
pub struct DeltaLog {
    store: Arc<dyn ObjectStore>,
    table: Arc<str>,
    /// The table's columns as stored, which no commit of ours changes. Known
    /// after the first load.
    stored: Arc<OnceLock<SchemaRef>>,
}

impl DeltaLog {
    /// The log of a table in a lake's store.
    pub fn new(store: Arc<dyn ObjectStore>, table: &str) -> Self {
        Self { store, table: table.into(), stored: Arc::default() }
    }

    /// The crate's view of the table. Its URL is a name: all it does is lead to
    /// the table's directory in the lake's store. (A `file` URL would make the
    /// crate look at the machine's own file system.)
    fn log_store(&self) -> Result<LogStoreRef> {
        let invalid = || Error::config(format!("{:?} cannot be a table's name", self.table));
        let mut url = Url::parse("memory:///").map_err(|_| invalid())?;
        url.path_segments_mut().map_err(|()| invalid())?.pop_if_empty().push(&self.table);
        let root = Path::parse(&*self.table).map_err(|_| invalid())?;
        let prefixed = Arc::new(PrefixStore::new(self.store.clone(), root));
        Ok(default_logstore(prefixed, self.store.clone(), &url, &StorageConfig::default()))
    }

    async fn entry(&self, version: u64) -> Result<Option<Bytes>> {
        let path = store_path(&self.table, &format!("{LOG_DIRECTORY}/{version:020}.json"))?;
        let read = async { self.store.get(&path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(store_error(e, path)),
        }
    }

    async fn try_load(&self) -> Result<Option<TableState>> {
        let log = self.log_store()?;
        if !log.is_delta_table_location().await.map_err(delta_error)? {
            return Ok(None);
        }
        let snapshot = EagerSnapshot::try_new(&log, None).await.map_err(delta_error)?;
        PROTOCOL.can_write_to(&snapshot).map_err(|e| {
            Error::unsupported("another program gave the table features that tidelake lacks")
                .with_source(e)
                .with_help("drop those features again with the program that added them")
        })?;
        let version = snapshot.version();
        let watermark = match self.newest_watermark(version).await? {
            Some(watermark) => watermark,
            None => {
                let mut values = [None; TXNS.len()];
                for (value, app) in values.iter_mut().zip(TXNS) {
                    *value = snapshot.transaction_version(&log, app).await.map_err(delta_error)?;
                }
                watermark(values).ok_or_else(not_ours)?
            }
        };
        let metadata = snapshot.metadata();
        let configuration = metadata.configuration();
        let setting = |key: &str| configuration.get(key).ok_or_else(not_ours);
        let format = setting(VERSION_KEY)?;
        if format != FORMAT_VERSION {
            return Err(Error::unsupported(format!(
                "the table is of version {format}, and this tidelake reads {FORMAT_VERSION}"
            ))
            .with_help("use the version of tidelake that wrote it, or a newer one"));
        }
        let partition: PartitionSpec =
            serde_json::from_str(setting(PARTITION_KEY)?).map_err(|e| {
                Error::corrupt("the table's partition spec cannot be read").with_source(e)
            })?;
        let schema = schema::decode(setting(SCHEMA_KEY)?)?;
        self.remember(&schema, &partition)?;
        let files = snapshot
            .try_log_data()
            .map_err(delta_error)?
            .iter()
            .map(|view| data_file(&view).map(|f| (f.path.clone(), f)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        let file_format = FILE_FORMAT.to_owned();
        Ok(Some(TableState { version, schema, partition, file_format, watermark, files }))
    }

    /// The watermark of the newest commit, from its own bytes: a commit file
    /// that was torn to nothing opens without an error otherwise, and its rows
    /// are gone. `None` when the file was cleaned up or is not ours.
    async fn newest_watermark(&self, version: u64) -> Result<Option<Watermark>> {
        let Some(bytes) = self.entry(version).await? else { return Ok(None) };
        let damaged = || {
            Error::corrupt("the newest commit of the Delta log is damaged")
                .with("file", format!("{LOG_DIRECTORY}/{version:020}.json"))
                .with_help(
                    "restore the file from a backup; if it was never whole, move it away: then \
                     the table is as it was before that commit",
                )
        };
        let actions = get_actions(version, &bytes).map_err(|e| damaged().with_source(e))?;
        if actions.is_empty() {
            return Err(damaged());
        }
        let mut values = [None; TXNS.len()];
        for action in actions {
            if let Action::Txn(txn) = action
                && let Some(at) = TXNS.iter().position(|app| *app == txn.app_id)
            {
                values[at] = Some(txn.version);
            }
        }
        Ok(watermark(values))
    }

    fn remember(&self, schema: &Schema, partition: &PartitionSpec) -> Result<SchemaRef> {
        if let Some(stored) = self.stored.get() {
            return Ok(stored.clone());
        }
        let mut fields = schema.fields().to_vec();
        fields.push(partition.period_field().into());
        let stored = storage_schema(&Schema::new(fields), LogKind::Delta, FILE_FORMAT)?;
        Ok(self.stored.get_or_init(|| stored).clone())
    }

    /// The table's columns as stored.
    async fn stored(&self) -> Result<SchemaRef> {
        if self.stored.get().is_none() {
            self.load().await?;
        }
        self.stored.get().cloned().ok_or_else(|| Error::not_found("the table does not exist"))
    }

    /// Creates the entry of a version. Any error means that it is not known
    /// whether it is there.
    async fn send(&self, version: u64, actions: &[Action]) -> Result<()> {
        tidelake_core::failpoint!("lake.commit-before");
        let mut lines = Vec::new();
        for action in actions {
            serde_json::to_writer(&mut lines, action).map_err(|e| {
                Error::internal("an action could not be written as JSON").with_source(e)
            })?;
            lines.push(b'\n');
        }
        self.log_store()?
            .write_commit_entry(version, CommitOrBytes::LogBytes(lines.into()), Uuid::new_v4())
            .await
            .map_err(|e| match e {
                TransactionError::ObjectStore { source } => store_error(source, LOG_DIRECTORY),
                other => Error::conflict("the commit was refused").with_source(other),
            })?;
        tidelake_core::failpoint!("lake.commit-after");
        Ok(())
    }

    async fn settle(&self, version: u64, token: &str, error: Error) -> Result<CommitOutcome> {
        let read_back = self.entry(version).await.and_then(|bytes| {
            let Some(bytes) = bytes else { return Ok(Sent::Nobodys) };
            let actions = get_actions(version, &bytes).map_err(delta_error)?;
            let ours = actions.iter().any(|action| {
                matches!(action, Action::CommitInfo(info)
                    if info.info.get(TOKEN).and_then(Value::as_str) == Some(token))
            });
            Ok(if ours { Sent::Ours } else { Sent::Theirs })
        });
        Sent::settle(read_back, version, error)
    }
}

#[async_trait]
impl TableLog for DeltaLog {
    async fn load(&self) -> Result<Option<TableState>> {
        self.try_load().await.with("table", &self.table)
    }

    async fn create(&self, init: &TableInit, at: Micros) -> Result<TableState> {
        if let Some(state) = self.load().await? {
            return Ok(state);
        }
        let stored = self.remember(&init.schema, &init.partition).with("table", &self.table)?;
        let token = Uuid::new_v4().to_string();
        let mut actions = vec![commit_info("create", None, at, &token)];
        actions.extend(table_actions(init, &stored, at)?);
        actions.extend(watermark_actions(&Watermark::EMPTY)?);
        if let Err(error) = self.send(0, &actions).await {
            self.settle(0, &token, error).await.with("table", &self.table)?;
        }
        self.load().await?.ok_or_else(|| {
            Error::unavailable("a table vanished right after it was created")
                .with("table", &self.table)
        })
    }

    async fn commit(&self, commit: &Commit) -> Result<CommitOutcome> {
        let stored = self.stored().await.with("table", &self.table)?;
        let version = commit.base + 1;
        let token = Uuid::new_v4().to_string();
        let mut actions = vec![commit_info(commit.operation, Some(commit.base), commit.at, &token)];
        for file in &commit.add {
            actions.push(add(file, &stored, commit.at).with("table", &self.table)?);
        }
        actions.extend(commit.remove.iter().map(|path| remove(path, commit.at)));
        actions.extend(watermark_actions(&commit.watermark)?);
        match self.send(version, &actions).await {
            Ok(()) => Ok(CommitOutcome::Committed(version)),
            Err(error) => self.settle(version, &token, error).await.with("table", &self.table),
        }
    }

    async fn maintain(&self, state: &TableState) -> Result<()> {
        let hint = store_path(&self.table, &format!("{LOG_DIRECTORY}/_last_checkpoint"))?;
        let read = async { self.store.get(&hint).await?.bytes().await };
        let newest = match read.await.map_err(|e| store_error(e, &hint)) {
            Ok(bytes) => serde_json::from_slice::<Value>(&bytes)
                .ok()
                .and_then(|v| v.get("version")?.as_u64())
                .unwrap_or(0),
            Err(e) if is_missing(&e) => 0,
            Err(e) => return Err(e).with("table", &self.table),
        };
        if state.version < newest + CHECKPOINT_EVERY {
            return Ok(());
        }
        let mut table = DeltaTable::new(self.log_store()?);
        let checkpoint = async {
            table.load_version(state.version).await?;
            checkpoints::create_checkpoint(&table, None).await
        };
        checkpoint.await.map_err(delta_error).with("table", &self.table)
    }
}

fn not_ours() -> Error {
    Error::unsupported("the directory holds a Delta table that tidelake did not make")
        .with_help("give the table another name, or move the directory away")
}

/// Delta's times are in milliseconds.
fn millis(at: Micros) -> i64 {
    at.0.div_euclid(1_000)
}

fn commit_info(operation: &str, base: Option<u64>, at: Micros, token: &str) -> Action {
    Action::CommitInfo(CommitInfo {
        timestamp: Some(millis(at)),
        operation: Some(operation.to_owned()),
        operation_parameters: Some(HashMap::new()),
        read_version: base,
        is_blind_append: Some(false),
        engine_info: Some(concat!("tidelake:", env!("CARGO_PKG_VERSION")).to_owned()),
        info: HashMap::from([(TOKEN.to_owned(), Value::from(token))]),
        ..CommitInfo::default()
    })
}

/// `protocol` and `metaData` of a new table.
fn table_actions(init: &TableInit, stored: &SchemaRef, at: Micros) -> Result<[Action; 2]> {
    let broken = |e: serde_json::Error| {
        Error::internal("a table's description could not be written as JSON").with_source(e)
    };
    let columns: StructType = stored.as_ref().try_into_kernel()?;
    let partition = serde_json::to_string(&init.partition).map_err(broken)?;
    let metadata = json!({
        "id": Uuid::new_v4().to_string(),
        "format": { "provider": "parquet", "options": {} },
        "schemaString": serde_json::to_string(&columns).map_err(broken)?,
        "partitionColumns": init.partition.names(),
        "configuration": {
            // Its clock is not ours.
            "delta.enableExpiredLogCleanup": "false",
            VERSION_KEY: FORMAT_VERSION,
            SCHEMA_KEY: schema::encode(&init.schema)?,
            PARTITION_KEY: partition,
        },
        "createdTime": millis(at),
    });
    let protocol = json!({ "minReaderVersion": 1, "minWriterVersion": 2 });
    Ok([
        Action::Protocol(serde_json::from_value(protocol).map_err(broken)?),
        Action::Metadata(serde_json::from_value(metadata).map_err(broken)?),
    ])
}

fn watermark_actions(watermark: &Watermark) -> Result<Vec<Action>> {
    let Watermark { time, seq, epoch, generation, source_generation } = *watermark;
    let unsigned = |v: u64| {
        i64::try_from(v).map_err(|_| Error::internal(format!("{v} is too large for a Delta log")))
    };
    let values = [
        time.0,
        unsigned(seq)?,
        unsigned(epoch)?,
        unsigned(generation)?,
        unsigned(source_generation)?,
    ];
    Ok(TXNS.into_iter().zip(values).map(|(app, v)| Action::Txn(Transaction::new(app, v))).collect())
}

/// The watermark from the values of its `txn` actions, if all are there.
fn watermark(values: [Option<i64>; TXNS.len()]) -> Option<Watermark> {
    let [time, seq, epoch, generation, source] = values;
    let unsigned = |v: Option<i64>| u64::try_from(v?).ok();
    Some(Watermark {
        time: Micros(time?),
        seq: unsigned(seq)?,
        epoch: unsigned(epoch)?,
        generation: unsigned(generation)?,
        source_generation: unsigned(source)?,
    })
}

fn add(file: &DataFile, stored: &Schema, at: Micros) -> Result<Action> {
    check_partition_values(LogKind::Delta, &file.partition).with("file", &file.path)?;
    let tag = serde_json::to_string(&FileEntry::from(file))
        .map_err(|e| Error::internal("a file could not be described as JSON").with_source(e))?;
    Ok(Action::Add(Add {
        path: file.path.clone(),
        partition_values: file.partition.iter().cloned().collect(),
        size: i64::try_from(file.bytes).map_err(|_| Error::internal("a file is too large"))?,
        modification_time: millis(at),
        data_change: true,
        stats: Some(stats_json(file, stored)),
        tags: Some(HashMap::from([(FILE_TAG.to_owned(), Some(tag))])),
        ..Add::default()
    }))
}

fn remove(path: &str, at: Micros) -> Action {
    Action::Remove(Remove {
        path: path.to_owned(),
        data_change: true,
        deletion_timestamp: Some(millis(at)),
        ..Remove::default()
    })
}

/// A file of the log, from our tag.
fn data_file(view: &LogicalFileView) -> Result<DataFile> {
    // Nothing else gives the tags.
    #[allow(deprecated)]
    let add = view.add_action();
    let tag = add.tags.and_then(|mut tags| tags.remove(FILE_TAG)).flatten();
    let tag = tag.ok_or_else(|| {
        Error::unsupported("the Delta table has a data file that tidelake did not add")
            .with("file", &add.path)
            .with_help(
                "do not write to the table, nor compact it, with other programs; restore the \
                 version before that with them",
            )
    })?;
    let entry: FileEntry = serde_json::from_str(&tag).map_err(|e| {
        Error::corrupt("what the log says about a data file cannot be read")
            .with("file", &add.path)
            .with_source(e)
    })?;
    if entry.path != add.path {
        return Err(Error::corrupt("the log has a data file under another name")
            .with("file", &add.path)
            .with("name when added", &entry.path));
    }
    entry.into_file()
}

/// An error of the `deltalake` crate: the store's, if a store's error caused
/// it, and otherwise that the log cannot be understood.
fn delta_error(error: deltalake::DeltaTableError) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if current.is::<object_store::Error>() || current.is::<std::io::Error>() {
            return explain(current).with("log", LOG_DIRECTORY).with_source(error);
        }
        cause = current.source();
    }
    Error::corrupt("the Delta log cannot be read").with_source(error).with_help(
        "restore the files of _delta_log from a backup; if only the newest one is damaged and was \
         never whole, move it away: then the table is as it was before that commit",
    )
}

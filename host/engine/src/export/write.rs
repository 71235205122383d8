//! From sorted rows to files: split by partition, hash, measure, format, upload.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use tidelake_core::file::{DataFile, FileName};
use tidelake_core::hash::{Digest, RowHasher};
use tidelake_core::partition::{PartitionValue, hive_path};
use tidelake_core::plugin::{ByteSink, FormatWriter, PluginContext};
use tidelake_core::stats::StatsCollector;
use tidelake_core::time::{Micros, column_micros, min_max, time_column};
use tidelake_core::{Error, Result, ResultExt};
use tidelake_lake::{LakeTable, check_partition_values, coerce};
use tokio::sync::mpsc;

use super::{Naming, Target, Written, cut_off, sort};

/// What the format stage asks of the upload stage.
pub(super) enum Command {
    /// A new file; what follows belongs to it.
    Open(String),
    /// More of the file.
    Bytes(Bytes),
    /// The file is complete.
    Finish,
}

/// Uploads file after file; answers their sizes by path. A file that was not
/// finished is given up.
pub(super) async fn upload(
    table: LakeTable,
    mut commands: mpsc::Receiver<Command>,
) -> Result<HashMap<String, u64>> {
    let mut sizes = HashMap::new();
    let mut open = None;
    while let Some(command) = commands.recv().await {
        match (command, &mut open) {
            (Command::Open(path), None) => {
                let file = table.start_file(&path).await.with("file", &path)?;
                open = Some((path, file));
            }
            (Command::Bytes(bytes), Some((path, file))) => {
                file.write(bytes).await.with("file", &*path)?;
            }
            (Command::Finish, Some(_)) => {
                if let Some((path, file)) = open.take() {
                    let size = file.finish().await.with("file", &path)?;
                    sizes.insert(path, size);
                }
            }
            _ => return Err(Error::internal("file commands out of order")),
        }
    }
    match open {
        None => Ok(sizes),
        Some((_, file)) => {
            file.abort().await;
            let finished: Vec<String> = sizes.into_keys().collect();
            if let Err(error) = table.delete_files(&finished).await {
                tracing::warn!(%error, "files of a failed attempt stay behind");
            }
            Err(cut_off())
        }
    }
}

/// Puts the sizes that the store told into what was written.
pub(super) fn with_sizes(written: Written, sizes: &HashMap<String, u64>) -> Result<Written> {
    for file in &written.files {
        let size = sizes.get(&file.path).copied();
        match size {
            Some(size) if size == file.bytes => {}
            other => {
                return Err(Error::internal(format!(
                    "{} bytes were written and {other:?} stored",
                    file.bytes
                ))
                .with("file", &file.path));
            }
        }
    }
    Ok(written)
}

/// Sorted rows; taking them may block.
pub(super) type Rows = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Takes sorted rows, writes files. Blocks.
pub(super) fn format(
    target: &Target,
    naming: &Naming,
    rows: Rows,
    commands: mpsc::Sender<Command>,
) -> Result<Written> {
    let mut files = Files {
        target,
        naming,
        commands,
        hasher: RowHasher::new(&target.spec.name, &target.schema)?,
        file_columns: file_columns(target)?,
        open: None,
        written: Written::default(),
    };
    for batch in rows {
        files.write(&batch?)?;
    }
    files.close()?;
    Ok(files.written)
}

/// Indexes of the public columns that are stored inside files.
fn file_columns(target: &Target) -> Result<Vec<usize>> {
    let inside = target.spec.file_schema(&target.schema);
    inside.fields().iter().map(|f| Ok(target.schema.index_of(f.name())?)).collect()
}

struct Files<'a> {
    target: &'a Target,
    naming: &'a Naming,
    commands: mpsc::Sender<Command>,
    hasher: RowHasher,
    file_columns: Vec<usize>,
    open: Option<OpenFile>,
    written: Written,
}

struct OpenFile {
    path: String,
    partition: Vec<PartitionValue>,
    writer: Box<dyn FormatWriter>,
    stats: StatsCollector,
    digest: Digest,
    min: Micros,
    max: Micros,
    bytes: Arc<AtomicU64>,
}

impl Files<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let spec = &self.target.spec;
        let columns = spec
            .layout
            .partition
            .columns
            .iter()
            .map(|name| Ok(batch.column(batch.schema().index_of(name)?).clone()))
            .collect::<Result<Vec<ArrayRef>>>()?;
        let ranges = if columns.is_empty() {
            std::iter::once(0..batch.num_rows()).collect()
        } else {
            arrow::compute::partition(&columns)?.ranges()
        };
        for range in ranges {
            let part = batch.slice(range.start, range.len());
            let partition = self.partition_values(&part, &columns, &range)?;
            if self.open.as_ref().is_some_and(|f| f.partition != partition) {
                self.close()?;
            }
            self.append(part, partition)?;
        }
        Ok(())
    }

    fn partition_values(
        &self,
        part: &RecordBatch,
        columns: &[ArrayRef],
        range: &Range<usize>,
    ) -> Result<Vec<PartitionValue>> {
        let spec = &self.target.spec.layout.partition;
        let times = column_micros(&time_column(part, &spec.time)?.slice(0, 1))?;
        let first = times.first().copied().unwrap_or_default();
        let mut values = vec![(spec.period_column(), Some(spec.period_value(Micros(first))))];
        for (name, column) in spec.columns.iter().zip(columns) {
            let value = if column.is_null(range.start) {
                None
            } else {
                let options = FormatOptions::default();
                Some(ArrayFormatter::try_new(column, &options)?.value(range.start).to_string())
            };
            values.push((name.clone(), value));
        }
        check_partition_values(self.target.spec.layout.log(), &values)
            .with("table", &self.target.spec.name)?;
        Ok(values)
    }

    fn append(&mut self, part: RecordBatch, partition: Vec<PartitionValue>) -> Result<()> {
        let digest = self.hasher.digest(&part)?;
        let times = column_micros(time_column(&part, &self.target.spec.time)?)?;
        let Some((min, max)) = min_max(&times) else { return Ok(()) };
        let mut file = match self.open.take() {
            Some(file) => file,
            None => self.start(partition)?,
        };
        file.digest = file.digest.merge(digest);
        file.min = file.min.min(min);
        file.max = file.max.max(max);
        let stored = coerce(&part, &self.target.storage)
            .with("table", &self.target.spec.name)?
            .project(&self.file_columns)?;
        file.stats.update(&part.project(&self.file_columns)?)?;
        file.writer.write(&stored).with("file", &file.path)?;
        let size = file.bytes.load(Ordering::Relaxed) + file.writer.buffered()?;
        self.open = Some(file);
        if size >= self.target.spec.layout.target_file_size {
            self.close()?;
        }
        Ok(())
    }

    fn start(&mut self, partition: Vec<PartitionValue>) -> Result<OpenFile> {
        let target = self.target;
        let name = FileName {
            generation: self.naming.generation,
            epoch: target.epoch,
            unit: self.naming.unit.clone(),
            random: rand::random(),
            extension: target.writer.extension.clone().unwrap_or_else(|| "data".to_owned()),
        };
        let path = format!("{}/{name}", hive_path(&partition));
        let file_schema = Arc::new(target.storage.project(&self.file_columns)?);
        let public_inside = target.schema.project(&self.file_columns)?;
        self.commands.blocking_send(Command::Open(path.clone())).map_err(|_| cut_off())?;
        let bytes = Arc::new(AtomicU64::new(0));
        let sink = Sink { commands: self.commands.clone(), bytes: bytes.clone() };
        let context =
            PluginContext { table: target.spec.name.clone(), unit: self.naming.unit.clone() };
        let writer = target.plugins.format_writer(
            &target.writer.name,
            &context,
            file_schema.clone(),
            &sort::within_file(&target.spec, &file_schema),
            &target.spec.layout.options,
            Box::new(sink),
        )?;
        Ok(OpenFile {
            path,
            partition,
            writer,
            stats: StatsCollector::new(&public_inside),
            digest: Digest::default(),
            min: Micros::MAX,
            max: Micros::MIN,
            bytes,
        })
    }

    fn close(&mut self) -> Result<()> {
        let Some(file) = self.open.take() else { return Ok(()) };
        file.writer.finish().with("file", &file.path)?;
        self.commands.blocking_send(Command::Finish).map_err(|_| cut_off())?;
        self.written.digest = self.written.digest.merge(file.digest);
        self.written.rows += file.digest.rows;
        self.written.files.push(DataFile {
            path: file.path,
            partition: file.partition,
            rows: file.digest.rows,
            bytes: file.bytes.load(Ordering::Relaxed),
            min_time: file.min,
            max_time: file.max,
            stats: file.stats.finish(),
            digest: file.digest,
            generation: self.naming.generation,
        });
        Ok(())
    }
}

/// Hands a writer's bytes to the upload stage.
struct Sink {
    commands: mpsc::Sender<Command>,
    bytes: Arc<AtomicU64>,
}

impl ByteSink for Sink {
    fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.commands.blocking_send(Command::Bytes(bytes)).map_err(|_| cut_off())
    }
}

//! Where results go: batches to an [`Output`], the bytes of a file to a [`Sink`].

use std::io;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::SchemaRef;
use tidelake_columns::Columns;

use crate::batch::Batch;
use crate::bindings::host::tidelake::plugin::arrow as wit;
use crate::error::{Error, Result};

/// One column of a result.
#[derive(Debug, Clone)]
pub enum Column {
    /// The input column with this index, unchanged. Its bytes never cross, and it
    /// need not have been read.
    Same(usize),
    /// An array.
    Data(ArrayRef),
}

impl From<ArrayRef> for Column {
    fn from(array: ArrayRef) -> Self {
        Self::Data(array)
    }
}

/// Takes the batches that a plugin emits.
pub struct Output<'a> {
    target: Target<'a>,
    schema: SchemaRef,
    input: Option<&'a Batch<'a>>,
}

enum Target<'a> {
    Host(&'a wit::BatchSink),
    Memory(&'a mut Vec<RecordBatch>),
    #[cfg(all(feature = "native", not(target_arch = "wasm32")))]
    Native,
}

impl<'a> Output<'a> {
    pub(crate) fn to_host(
        sink: &'a wit::BatchSink,
        schema: SchemaRef,
        input: Option<&'a Batch<'a>>,
    ) -> Self {
        Self { target: Target::Host(sink), schema, input }
    }

    /// An output to the host that loaded this library.
    #[cfg(all(feature = "native", not(target_arch = "wasm32")))]
    pub(crate) fn to_native(schema: SchemaRef, input: Option<&'a Batch<'a>>) -> Self {
        Self { target: Target::Native, schema, input }
    }

    /// An output that collects batches of `schema`, for tests and native builds.
    /// `input` is the batch that the current call was given, if it was given one.
    pub fn to_memory(
        batches: &'a mut Vec<RecordBatch>,
        schema: SchemaRef,
        input: Option<&'a Batch<'a>>,
    ) -> Self {
        Self { target: Target::Memory(batches), schema, input }
    }

    /// The schema that was declared, of every batch that is emitted.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Emits a batch. Columns that are arrays of the input batch, as it handed
    /// them out, are recognised and do not cross again.
    pub fn emit_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.emit(batch.num_rows(), batch.columns().iter().cloned().map(Column::Data))
    }

    /// Emits one batch, a column for each field of the declared schema.
    pub fn emit(&mut self, rows: usize, columns: impl IntoIterator<Item = Column>) -> Result<()> {
        let columns: Vec<Column> = columns.into_iter().map(|c| self.recognise(c)).collect();
        self.check(rows, &columns)?;
        match &mut self.target {
            Target::Host(sink) => emit_to_host(sink, rows, &columns),
            #[cfg(all(feature = "native", not(target_arch = "wasm32")))]
            Target::Native => crate::native::host::emit(rows, &columns),
            Target::Memory(batches) => {
                let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
                let arrays = columns
                    .into_iter()
                    .map(|column| match (column, self.input) {
                        (Column::Data(array), _) => Ok(array),
                        (Column::Same(index), Some(input)) => input.column(index),
                        (Column::Same(_), None) => Err(no_input()),
                    })
                    .collect::<Result<Vec<_>>>()?;
                let batch =
                    RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?;
                batches.push(batch);
                Ok(())
            }
        }
    }

    /// Emits the input's rows whose bit is set, all columns unchanged. The
    /// declared schema must be the input's; no column crosses.
    pub fn emit_selected(&mut self, selection: &BooleanBuffer) -> Result<()> {
        let input = self.input.ok_or_else(no_input)?;
        if selection.len() != input.rows() {
            return Err(Error::internal(format!(
                "a selection of {} rows for a batch of {}",
                selection.len(),
                input.rows()
            )));
        }
        if input.schema().fields() != self.schema.fields() {
            return Err(Error::internal(
                "rows can be selected only where the declared schema is the input's",
            ));
        }
        match &mut self.target {
            Target::Host(sink) => Ok(sink.emit_selected(&selection.sliced())?),
            #[cfg(all(feature = "native", not(target_arch = "wasm32")))]
            Target::Native => crate::native::host::emit_selected(&selection.sliced()),
            Target::Memory(batches) => {
                batches.push(select(input, selection)?);
                Ok(())
            }
        }
    }

    /// Emits the input's rows for which `condition` is true; null is not true.
    pub fn emit_where(&mut self, condition: &BooleanArray) -> Result<()> {
        match condition.nulls() {
            Some(nulls) => self.emit_selected(&(condition.values() & nulls.inner())),
            None => self.emit_selected(condition.values()),
        }
    }

    fn recognise(&self, column: Column) -> Column {
        match (&column, self.input) {
            (Column::Data(array), Some(input)) => {
                input.index_of(array).map_or(column, Column::Same)
            }
            _ => column,
        }
    }

    /// Mistakes are found here, where the message can still name the column.
    fn check(&self, rows: usize, columns: &[Column]) -> Result<()> {
        if columns.len() != self.schema.fields().len() {
            return Err(Error::internal(format!(
                "{} columns emitted where the declared schema has {}",
                columns.len(),
                self.schema.fields().len()
            )));
        }
        for (field, column) in self.schema.fields().iter().zip(columns) {
            let (len, data_type) = match column {
                Column::Data(array) => (array.len(), array.data_type().clone()),
                Column::Same(index) => {
                    let input = self.input.ok_or_else(no_input)?;
                    let field = input.schema().fields().get(*index).ok_or_else(|| {
                        Error::internal(format!("there is no input column {index} to pass on"))
                    })?;
                    (input.rows(), field.data_type().clone())
                }
            };
            if len != rows || data_type != *field.data_type() {
                return Err(Error::internal(format!(
                    "column `{}`: emitted {len} rows of {data_type}, declared {rows} rows of {}",
                    field.name(),
                    field.data_type()
                )));
            }
        }
        Ok(())
    }
}

fn no_input() -> Error {
    Error::internal("only a call that is given a batch can pass its columns on")
}

/// A column on its way to the host.
enum Crossing {
    Same(u32),
    Data { columns: Columns, nodes: Vec<wit::Node> },
}

impl Crossing {
    fn new(column: &Column) -> Result<Self> {
        Ok(match column {
            Column::Same(index) => Self::Same(*index as u32),
            Column::Data(array) => {
                let columns = tidelake_columns::encode(std::slice::from_ref(array))?;
                let nodes = columns.nodes.iter();
                let nodes = nodes.map(|n| wit::Node { len: n.len, nulls: n.nulls }).collect();
                Self::Data { columns, nodes }
            }
        })
    }

    fn buffers(&self) -> Vec<&[u8]> {
        match self {
            Self::Same(_) => Vec::new(),
            Self::Data { columns, .. } => columns.buffers.iter().map(|b| b.as_slice()).collect(),
        }
    }
}

fn emit_to_host(sink: &wit::BatchSink, rows: usize, columns: &[Column]) -> Result<()> {
    let crossing = columns.iter().map(Crossing::new).collect::<Result<Vec<_>>>()?;
    let buffers: Vec<Vec<&[u8]>> = crossing.iter().map(Crossing::buffers).collect();
    let out: Vec<wit::OutColumn<'_>> = crossing
        .iter()
        .zip(&buffers)
        .map(|(column, buffers)| match column {
            Crossing::Same(index) => wit::OutColumn::Same(*index),
            Crossing::Data { columns, nodes } => wit::OutColumn::Data(wit::ColumnsParam {
                rows: columns.rows,
                nodes,
                variadic: &columns.variadic,
                buffers,
            }),
        })
        .collect();
    Ok(sink.emit(rows as u64, &out)?)
}

#[cfg(not(target_arch = "wasm32"))]
fn select(input: &Batch<'_>, selection: &BooleanBuffer) -> Result<RecordBatch> {
    let batch = input.to_record_batch()?;
    let condition = BooleanArray::new(selection.clone(), None);
    Ok(arrow_select::filter::filter_record_batch(&batch, &condition)?)
}

#[cfg(target_arch = "wasm32")]
fn select(_: &Batch<'_>, _: &BooleanBuffer) -> Result<RecordBatch> {
    Err(Error::internal("inside a component the host selects rows"))
}

/// Takes the bytes of one file, in order.
pub struct Sink {
    target: Bytes,
    position: u64,
}

type WriteBytes = Box<dyn FnMut(&[u8]) -> Result<()> + Send>;

enum Bytes {
    Host(wit::ByteSink),
    Function(WriteBytes),
}

impl Sink {
    pub(crate) fn to_host(sink: wit::ByteSink) -> Self {
        Self { target: Bytes::Host(sink), position: 0 }
    }

    /// A sink that hands every write to a function, for tests and native builds.
    pub fn from_fn(write: impl FnMut(&[u8]) -> Result<()> + Send + 'static) -> Self {
        Self { target: Bytes::Function(Box::new(write)), position: 0 }
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.target {
            Bytes::Host(sink) => sink.write(bytes)?,
            Bytes::Function(write) => write(bytes)?,
        }
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub fn position(&self) -> u64 {
        self.position
    }
}

/// Unbuffered: every write crosses to the host.
impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! The batch that a call works on.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Fields, SchemaRef};
use tidelake_columns::{Check, Columns, Node};

use crate::bindings::host::tidelake::plugin::arrow as wit;
use crate::error::{Error, Result};

/// A batch of rows that the host holds.
///
/// Columns cross into the plugin when they are first asked for, so a plugin pays
/// for what it reads and nothing else.
pub struct Batch<'a> {
    source: Source<'a>,
    schema: SchemaRef,
    rows: usize,
    read: RefCell<Vec<Option<ArrayRef>>>,
}

enum Source<'a> {
    Host(&'a wit::RecordBatch),
    Memory(&'a RecordBatch),
}

impl<'a> Batch<'a> {
    pub(crate) fn from_host(batch: &'a wit::RecordBatch, schema: &SchemaRef) -> Result<Self> {
        let rows = usize::try_from(batch.rows())
            .map_err(|_| Error::internal("the batch has more rows than memory can hold"))?;
        Ok(Self::new(Source::Host(batch), schema.clone(), rows))
    }

    /// A batch in the plugin's own memory, for tests and native builds.
    pub fn from_memory(batch: &'a RecordBatch) -> Self {
        Self::new(Source::Memory(batch), batch.schema(), batch.num_rows())
    }

    fn new(source: Source<'a>, schema: SchemaRef, rows: usize) -> Self {
        let read = RefCell::new(vec![None; schema.fields().len()]);
        Self { source, schema, rows, read }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Its columns' names and types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The column at `index` of the schema.
    pub fn column(&self, index: usize) -> Result<ArrayRef> {
        if let Some(Some(array)) = self.read.borrow().get(index) {
            return Ok(array.clone());
        }
        self.load(&[index])?;
        self.read.borrow()[index].clone().ok_or_else(|| Error::internal("a column did not arrive"))
    }

    /// Several columns, which cross in one call.
    pub fn columns(&self, indexes: &[usize]) -> Result<Vec<ArrayRef>> {
        self.load(indexes)?;
        indexes.iter().map(|index| self.column(*index)).collect()
    }

    /// All columns.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        if let Source::Memory(batch) = self.source {
            return Ok(batch.clone());
        }
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), self.columns(&all)?, &options)?)
    }

    /// The input column that `array` is, if it is one that was handed out here.
    pub(crate) fn index_of(&self, array: &ArrayRef) -> Option<usize> {
        if let Source::Memory(batch) = self.source {
            return batch.columns().iter().position(|column| Arc::ptr_eq(column, array));
        }
        let read = self.read.borrow();
        read.iter().position(|column| column.as_ref().is_some_and(|c| Arc::ptr_eq(c, array)))
    }

    /// Makes sure that some columns are here.
    fn load(&self, indexes: &[usize]) -> Result<()> {
        let mut wanted = Vec::with_capacity(indexes.len());
        for &index in indexes {
            match self.read.borrow().get(index) {
                Some(Some(_)) => {}
                Some(None) if wanted.contains(&index) => {}
                Some(None) => wanted.push(index),
                None => {
                    return Err(Error::internal(format!(
                        "column {index} asked for, but the batch has {}",
                        self.schema.fields().len()
                    )));
                }
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let arrays = match self.source {
            Source::Memory(batch) => wanted.iter().map(|i| batch.column(*i).clone()).collect(),
            Source::Host(batch) => self.fetch(batch, &wanted)?,
        };
        let mut read = self.read.borrow_mut();
        for (index, array) in wanted.into_iter().zip(arrays) {
            read[index] = Some(array);
        }
        Ok(())
    }

    fn fetch(&self, batch: &wit::RecordBatch, indexes: &[usize]) -> Result<Vec<ArrayRef>> {
        let projection: Vec<u32> = indexes.iter().map(|i| *i as u32).collect();
        let fields: Fields = indexes.iter().map(|i| self.schema.fields()[*i].clone()).collect();
        let columns = batch.read(&projection);
        let columns = Columns {
            rows: columns.rows,
            nodes: columns.nodes.iter().map(|n| Node { len: n.len, nulls: n.nulls }).collect(),
            variadic: columns.variadic,
            // Each list of bytes becomes the buffer of an array as it is.
            buffers: columns.buffers.into_iter().map(Into::into).collect(),
        };
        let arrays = tidelake_columns::decode(&fields, columns, Check::Trusted)?;
        match arrays.iter().find(|array| array.len() != self.rows) {
            Some(array) => Err(Error::internal(format!(
                "the host sent {} rows of a batch of {}",
                array.len(),
                self.rows
            ))),
            None => Ok(arrays),
        }
    }
}

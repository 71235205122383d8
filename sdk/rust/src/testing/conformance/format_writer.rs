//! The cases of format writers.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use tidelake_columns::samples::{Flavour, LAYOUTS, cut, difference, every_type, relaid, sliced};

use super::{Cases, Failures, LARGE, ROWS, Suite, must, refused};
use crate::batch::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::format_writer::FormatWriter;
use crate::options;
use crate::output::Sink;
use crate::testing::{describe_format_writer, write_file};

/// Reads a file back: the rows of all its batches in one, in columns of the names that
/// were written. `Err` says why it could not be read.
pub type ReadBack = dyn Fn(&[u8], &SchemaRef) -> Result<RecordBatch, String>;

impl Suite {
    /// Runs all cases of a format writer. With `read`, every file is read back and must
    /// hold the rows that were written; types must be those of the schema, but for the
    /// layouts of texts and bytes.
    pub fn format_writer<T: FormatWriter>(&self, read: Option<&ReadBack>) -> Result<(), Failures> {
        let mut cases = Cases::new(T::NAME);
        cases.description(&describe_format_writer::<T>());
        cases.unknown_option(&self.options, |options| {
            let sink = Sink::from_fn(|_| Ok(()));
            T::create(self.schema().clone(), &[], options::parse(&options.to_string())?, sink)
                .map(drop)
        });
        cases.case("no batch, and an empty one", || {
            let empty = self.batch(0..0, Flavour::Ordinary)?;
            must(self.write::<T>(self.schema(), &[]))?;
            let file = must(self.write::<T>(self.schema(), std::slice::from_ref(&empty)))?;
            compare(read, &file, &empty)
        });
        for (name, rows) in [("one row", 1), ("many rows", ROWS), ("a large batch", LARGE)] {
            cases.case(name, || {
                let batch = self.batch(0..rows, Flavour::Ordinary)?;
                let file = must(self.write::<T>(self.schema(), std::slice::from_ref(&batch)))?;
                if file != must(self.write::<T>(self.schema(), std::slice::from_ref(&batch)))? {
                    return Err("not deterministic: other bytes the second time".to_owned());
                }
                compare(read, &file, &batch)?;
                // Where batches end may show in the bytes, not in the rows.
                compare(read, &must(self.write::<T>(self.schema(), &cut(&batch)))?, &batch)
            });
        }
        for flavour in [Flavour::AllNull, Flavour::Nulls, Flavour::Edges] {
            cases.case(format!("values ({flavour:?})"), || {
                let batch = self.batch(0..ROWS, flavour)?;
                let file = match self.write::<T>(self.schema(), std::slice::from_ref(&batch)) {
                    Err(error) if flavour == Flavour::Edges => return refused(&error),
                    written => must(written)?,
                };
                compare(read, &file, &batch)?;
                let other = self.samples.batch_of(self.schema(), 0..ROWS, flavour, 1)?;
                if file != must(self.write::<T>(self.schema(), &[other]))? {
                    return Err("what is under a null shows in the file".to_owned());
                }
                if file != must(self.write::<T>(self.schema(), &[sliced(&batch)?]))? {
                    return Err("sliced arrays give another file".to_owned());
                }
                Ok(())
            });
            for layout in LAYOUTS {
                cases.case(format!("texts in {} ({flavour:?})", layout.name()), || {
                    let batch = self.batch(0..ROWS, flavour)?;
                    let Some(other) = relaid(&batch, layout) else { return Ok(()) };
                    match self.write::<T>(&other.schema(), &[sliced(&other)?]) {
                        Err(error) => refused(&error),
                        Ok(file) => compare(read, &file, &other),
                    }
                });
            }
        }
        self.types::<T>(&mut cases);
        self.sinks::<T>(&mut cases);
        cases.finish()
    }

    /// Every type is written, or refused by the name of its column.
    fn types<T: FormatWriter>(&self, cases: &mut Cases) {
        for data_type in every_type() {
            cases.case(format!("a column of {data_type}"), || {
                let fields = vec![arrow_schema::Field::new("the_column", data_type, true)];
                let schema = Arc::new(Schema::new(fields));
                if let Err(error) = self.write::<T>(&schema, &[]) {
                    return if error.message().contains("the_column") {
                        refused(&error)
                    } else {
                        Err(format!("the refusal does not name the column: {error}"))
                    };
                }
                for flavour in [Flavour::Ordinary, Flavour::Nulls, Flavour::AllNull] {
                    let batch = self.samples.batch_of(&schema, 0..ROWS, flavour, 0)?;
                    must(self.write::<T>(&schema, &[batch]))?;
                }
                let batch = self.samples.batch_of(&schema, 0..ROWS, Flavour::Edges, 0)?;
                let written = self.write::<T>(&schema, &[sliced(&batch)?]);
                written.map_or_else(|error| refused(&error), |_| Ok(()))
            });
        }
    }

    /// What the host answers reaches the host again, and nothing stays behind unsaid.
    fn sinks<T: FormatWriter>(&self, cases: &mut Cases) {
        cases.case("a full disk", || {
            let batch = self.batch(0..ROWS, Flavour::Ordinary)?;
            let full = || Error::exhausted("the output cap is reached");
            let mut room = 10;
            let sink = Sink::from_fn(move |bytes| match bytes.len() <= room {
                true => {
                    room -= bytes.len();
                    Ok(())
                }
                false => Err(full()),
            });
            match self.write_to::<T>(sink, &batch) {
                Err(error) if error.kind() == ErrorKind::Exhausted => Ok(()),
                Err(error) => Err(format!("the host's error came back as another one: {error}")),
                Ok(()) => Err("the host's error was swallowed".to_owned()),
            }
        });
        cases.case("bytes taken in are accounted for", || {
            let (sent, count) = std::sync::mpsc::channel();
            let sink = Sink::from_fn(move |bytes| {
                sent.send(bytes.len()).map_err(|_| Error::internal("nobody counts"))
            });
            let options = must(options::parse(&self.options.to_string()))?;
            let mut writer = must(T::create(self.schema().clone(), &[], options, sink))?;
            let batch = self.batch(0..LARGE, Flavour::Ordinary)?;
            must(writer.write(&Batch::from_memory(&batch)))?;
            let written: usize = count.try_iter().sum();
            match written as u64 + writer.buffered() {
                0 => Err(format!("{LARGE} rows are neither buffered nor written")),
                _ => Ok(()),
            }
        });
    }

    fn write<T: FormatWriter>(
        &self,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<Vec<u8>> {
        write_file::<T>(schema, &[], &self.options, batches)
    }

    fn write_to<T: FormatWriter>(&self, sink: Sink, batch: &RecordBatch) -> Result<()> {
        let options = options::parse(&self.options.to_string())?;
        let mut writer = T::create(self.schema().clone(), &[], options, sink)?;
        writer.write(&Batch::from_memory(batch))?;
        writer.finish()
    }
}

fn compare(read: Option<&ReadBack>, file: &[u8], batch: &RecordBatch) -> Result<(), String> {
    let Some(read) = read else { return Ok(()) };
    let found =
        read(file, &batch.schema()).map_err(|error| format!("cannot be read back: {error}"))?;
    difference(batch, &found, &[]).map_or(Ok(()), |how| Err(format!("read back: {how}")))
}

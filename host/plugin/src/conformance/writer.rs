//! The checks of format writers.

use std::slice;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::Bytes;
use tidelake_columns::samples::{Flavour, LAYOUTS, cut, difference, every_type, relaid, sliced};
use tidelake_core::plugin::{ByteSink, FormatWriter, Plugins};
use tidelake_core::{ErrorKind, Result};

use super::judge::{Tally, must, refusal, refusal_of, th1};
use super::{Case, Checks, LARGE, MILLION, ROWS, Suite, noted, passed, skipped};

/// The rows of a file: those that a reader found, or why there is no reader for it.
#[derive(Debug)]
pub enum ReadBack {
    /// All rows, in columns of the names and types that were written.
    Rows(RecordBatch),
    /// The format, or a type in it, is none that this reader knows.
    Unknown(String),
}

/// Reads a file back; it was written from so many rows of this schema. The error says
/// why a file that should be readable is not.
pub type Reader<'a> = dyn Fn(&[u8], &SchemaRef, usize) -> Result<ReadBack, String> + 'a;

impl Suite<'_> {
    pub(super) fn writer(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        checks.run("an unknown option is refused by name", || {
            self.unknown_option(|options| {
                let context = self.context();
                let sink = Box::new(File::default());
                let made = self.plugins.format_writer(
                    &self.info.name,
                    &context,
                    schema.clone(),
                    &[],
                    options,
                    sink,
                );
                made.map(drop)
            })
        });
        checks.run("its files can be read by this host", || {
            let batch = self.batch(0..ROWS, Flavour::Ordinary)?;
            let file = must(self.write(schema, slice::from_ref(&batch)))?;
            match self.reader {
                None => skipped("there is no reader"),
                Some(read) => match read(&file, schema, ROWS)? {
                    ReadBack::Unknown(why) => skipped(why),
                    ReadBack::Rows(_) => noted(self.info.file_format.clone().unwrap_or_default()),
                },
            }
        });
        self.sizes_written(checks);
        self.values_written(checks);
        checks.run("a column of every type", || self.types());
        self.limits(checks);
        for (name, read) in &self.foreign {
            checks.run(format!("{name} reads the same rows"), || self.read_elsewhere(read));
        }
        checks.run("your own rows", || self.own_file());
    }

    fn sizes_written(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        checks.run("no batch, and an empty one", || {
            let empty = self.batch(0..0, Flavour::Ordinary)?;
            must(self.write(schema, &[]))?;
            let file = must(self.write(schema, slice::from_ref(&empty)))?;
            self.holds(&file, &empty)
        });
        for (name, rows) in [("one row", 1), ("many rows", ROWS)] {
            checks.run(name, || {
                let batch = self.batch(0..rows, Flavour::Ordinary)?;
                let file = must(self.write(schema, slice::from_ref(&batch)))?;
                self.holds(&file, &batch)?;
                // Where batches end may show in the bytes, not in the rows.
                self.holds(&must(self.write(schema, &cut(&batch)))?, &batch)
            });
        }
        checks.run("the same bytes twice", || {
            let batch = self.batch(0..LARGE, Flavour::Nulls)?;
            let file = must(self.write(schema, slice::from_ref(&batch)))?;
            match file == must(self.write(schema, &[batch]))? {
                true => noted(format!("{} bytes", file.len())),
                false => Err("other bytes the second time".to_owned()),
            }
        });
        checks.run("a batch of a million rows", || {
            let batch = self.batch(0..MILLION, Flavour::Ordinary)?;
            let file = must(self.write(schema, slice::from_ref(&batch)))?;
            self.holds(&file, &batch)?;
            noted(format!("{} bytes", file.len()))
        });
    }

    fn values_written(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        for (name, flavour) in [
            ("all null", Flavour::AllNull),
            ("nulls everywhere", Flavour::Nulls),
            ("NaN, infinities, -0, extremes, odd texts", Flavour::Edges),
        ] {
            checks.run(name, || {
                let batch = self.batch(0..ROWS, flavour)?;
                let file = match self.write(schema, slice::from_ref(&batch)) {
                    Err(error) if flavour == Flavour::Edges => {
                        return super::refused(refusal(&error)?);
                    }
                    written => must(written)?,
                };
                let held = self.holds(&file, &batch)?;
                let other = self.samples.batch_of(schema, 0..ROWS, flavour, 1)?;
                if file != must(self.write(schema, &[other]))? {
                    return Err("what is under a null shows in the file".to_owned());
                }
                Ok(held)
            });
        }
        let flavours = [Flavour::Ordinary, Flavour::Nulls];
        checks.run("sliced arrays", || {
            for flavour in flavours {
                let batch = self.batch(0..ROWS, flavour)?;
                let slice = sliced(&batch)?;
                if must(self.write(schema, &[batch]))? != must(self.write(schema, &[slice]))? {
                    return Err("give another file".to_owned());
                }
            }
            passed()
        });
        for layout in LAYOUTS {
            checks.run(format!("texts in {}", layout.name()), || {
                for flavour in flavours {
                    let batch = self.batch(0..ROWS, flavour)?;
                    let Some(other) = relaid(&batch, layout) else {
                        return skipped("the sample table has no texts");
                    };
                    match self.write(&other.schema(), &[sliced(&other)?]) {
                        Err(error) => return super::refused(refusal(&error)?),
                        Ok(file) => self.holds(&file, &other)?,
                    };
                }
                passed()
            });
        }
    }

    /// Every type is written, or refused by the name of its column.
    fn types(&self) -> Case {
        let mut tally = Tally::default();
        for data_type in every_type() {
            let of = data_type.to_string();
            let fields = vec![Field::new("the_column", data_type, true)];
            let schema: SchemaRef = Arc::new(Schema::new(fields));
            let told = |how: String| format!("{of}: {how}");
            if let Err(error) = self.write(&schema, &[]) {
                tally.refuse(&of, refusal_of("the_column", &error).map_err(told)?);
                continue;
            }
            for flavour in [Flavour::Ordinary, Flavour::Nulls, Flavour::AllNull, Flavour::Edges] {
                let batch = self.samples.batch_of(&schema, 0..ROWS, flavour, 0)?;
                match self.write(&schema, &[sliced(&batch)?]) {
                    Err(error) if flavour == Flavour::Edges => {
                        refusal(&error).map_err(told)?;
                    }
                    written => {
                        let file = must(written).map_err(told)?;
                        self.holds(&file, &batch)
                            .map_err(|how| format!("{of} ({flavour:?}): {how}"))?;
                    }
                }
            }
            tally.take();
        }
        tally.end()
    }

    fn limits(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        checks.run("what is taken in is buffered or written", || {
            let file = File::default();
            let mut writer = must(self.open(self.plugins, schema, file.clone()))?;
            must(writer.write(&self.batch(0..LARGE, Flavour::Ordinary)?))?;
            match file.take().len() as u64 + must(writer.buffered())? {
                0 => Err(format!("{LARGE} rows are neither")),
                _ => passed(),
            }
        });
        checks.run("output beyond the cap ends in an error", || {
            let Some(tight) = self.tight else { return skipped("there is no host with a low cap") };
            let large = self.batch(0..LARGE, Flavour::Ordinary)?;
            match self.write_by(tight, schema, &[large]) {
                Ok(_) => return skipped("no call of it writes enough to come near the cap"),
                Err(error) if error.kind() == ErrorKind::Exhausted => {}
                Err(error) => return Err(format!("not the error of a cap: {error}")),
            }
            let few = [self.batch(0..1, Flavour::Ordinary)?];
            let after = must(self.write_by(tight, schema, &few));
            match after.map_err(|how| format!("not usable afterwards: {how}"))?
                == must(self.write(schema, &few))?
            {
                true => passed(),
                false => Err("writes another file afterwards".to_owned()),
            }
        });
    }

    fn read_elsewhere(&self, read: &Reader<'_>) -> Case {
        for flavour in [Flavour::Ordinary, Flavour::Nulls] {
            let batch = self.batch(0..ROWS, flavour)?;
            let schema = batch.schema();
            let file = must(self.write(&schema, slice::from_ref(&batch)))?;
            match read(&file, &schema, ROWS)? {
                ReadBack::Unknown(why) => return skipped(why),
                ReadBack::Rows(rows) => equal(&batch, &rows)?,
            }
        }
        passed()
    }

    fn own_file(&self) -> Case {
        let rows = &self.subject.rows;
        let Some(first) = rows.first() else { return skipped("none were given: --data FILE") };
        let schema = first.schema();
        let file = must(self.write(&schema, rows))?;
        let all = arrow::compute::concat_batches(&schema, rows).map_err(|e| e.to_string())?;
        self.holds(&file, &all)?;
        noted(format!("{} rows in {} bytes", all.num_rows(), file.len()))
    }

    /// A file holds the rows of a batch, as far as there is a reader for it.
    fn holds(&self, file: &[u8], batch: &RecordBatch) -> Case {
        let Some(read) = self.reader else { return passed() };
        let found = read(file, &batch.schema(), batch.num_rows());
        match found.map_err(|how| format!("cannot be read back: {how}"))? {
            ReadBack::Unknown(_) => noted("written; not read back"),
            ReadBack::Rows(rows) => {
                equal(batch, &rows).map_err(|how| format!("read back: {how}"))?;
                passed()
            }
        }
    }

    fn open(
        &self,
        plugins: &dyn Plugins,
        schema: &SchemaRef,
        file: File,
    ) -> Result<Box<dyn FormatWriter>> {
        let (name, options) = (&self.info.name, &self.subject.options);
        let context = self.context();
        plugins.format_writer(name, &context, schema.clone(), &[], options, Box::new(file))
    }

    fn write(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Vec<u8>> {
        self.write_by(self.plugins, schema, batches)
    }

    fn write_by(
        &self,
        plugins: &dyn Plugins,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<Vec<u8>> {
        let file = File::default();
        let mut writer = self.open(plugins, schema, file.clone())?;
        for batch in batches {
            writer.write(batch)?;
        }
        writer.finish()?;
        Ok(file.take())
    }
}

/// The same rows, by their content hash: it knows no difference between 0 and −0, nor
/// between one NaN and another, as no format promises one. Types without a hash are
/// compared value by value.
fn equal(batch: &RecordBatch, found: &RecordBatch) -> Result<(), String> {
    if batch.num_rows() != found.num_rows() {
        return Err(format!("{} rows instead of {}", found.num_rows(), batch.num_rows()));
    }
    match (th1(slice::from_ref(batch)), th1(slice::from_ref(found))) {
        (Some(one), Some(other)) if one == other => Ok(()),
        (one, other) => match difference(batch, found, &[]) {
            Some(how) => Err(how),
            None if one == other => Ok(()),
            None => Err("rows of another content hash".to_owned()),
        },
    }
}

/// A file in memory.
#[derive(Clone, Default)]
pub(super) struct File(Arc<Mutex<Vec<u8>>>);

impl File {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ByteSink for File {
    fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes);
        Ok(())
    }
}

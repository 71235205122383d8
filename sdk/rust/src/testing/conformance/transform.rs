//! The cases of transforms.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use std::sync::Arc;
use tidelake_columns::samples::{Flavour, LAYOUTS, cut, relaid, sliced};

use super::{Cases, Failures, LARGE, ROWS, Suite, must, refused, same_end};
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::options;
use crate::output::Output;
use crate::testing::describe_transform;
use crate::transform::Transform;

impl Suite {
    /// Runs all cases of a transform.
    pub fn transform<T: Transform>(&self) -> Result<(), Failures> {
        let mut cases = Cases::new(T::NAME);
        cases.description(&describe_transform::<T>());
        cases.unknown_option(&self.options, |options| {
            T::create(self.schema().clone(), options::parse(&options.to_string())?).map(drop)
        });
        cases.case("declared schema", || {
            let (one, two) =
                (must(self.open::<T>(self.schema()))?, must(self.open::<T>(self.schema()))?);
            let same = one.output_schema() == two.output_schema();
            if same { Ok(()) } else { Err("differs between two runs".to_owned()) }
        });
        cases.case("a table without columns", || {
            self.open::<T>(&Arc::new(Schema::empty())).map_or_else(|e| refused(&e), |_| Ok(()))
        });
        self.sizes::<T>(&mut cases);
        self.values::<T>(&mut cases);
        self.layouts::<T>(&mut cases);
        for schema in self.samples.with_every_type() {
            let Some(further) = schema.fields().last() else { continue };
            cases.case(format!("a further column of {}", further.data_type()), || {
                if let Err(error) = self.open::<T>(&schema) {
                    return refused(&error);
                }
                let batch = self.samples.batch_of(&schema, 0..ROWS, Flavour::Ordinary, 0)?;
                let found = must(self.run::<T>(&schema, &[batch]))?;
                // The results without it are still the same.
                let plain = [self.batch(0..ROWS, Flavour::Ordinary)?];
                let expected = must(self.run::<T>(self.schema(), &plain))?;
                let names = expected.schema();
                let names =
                    names.fields().iter().map(|field| found.schema().index_of(field.name()));
                let same = names.collect::<Result<Vec<_>, _>>().and_then(|i| found.project(&i));
                same_end(&Ok(expected), &same.map_err(Error::from), &[])
            });
        }
        self.cuts::<T>(&mut cases);
        cases.finish()
    }

    fn sizes<T: Transform>(&self, cases: &mut Cases) {
        cases.case("no batch, and empty ones", || {
            let empty = self.batch(0..0, Flavour::Ordinary)?;
            for batches in [vec![], vec![empty.clone()], vec![empty.clone(), empty]] {
                let out = must(self.run::<T>(self.schema(), &batches))?;
                if T::ROW_WISE && out.num_rows() > 0 {
                    return Err(format!("{} rows out of none", out.num_rows()));
                }
            }
            Ok(())
        });
        for (name, rows) in [("one row", 1), ("many rows", ROWS), ("a large batch", LARGE)] {
            cases.case(name, || {
                let batch = [self.batch(0..rows, Flavour::Ordinary)?];
                let out = must(self.run::<T>(self.schema(), &batch))?;
                let again = self.run::<T>(self.schema(), &batch);
                same_end(&Ok(out), &again, &[]).map_err(|how| format!("not deterministic: {how}"))
            });
        }
    }

    fn values<T: Transform>(&self, cases: &mut Cases) {
        cases.case("all null", || {
            must(self.run::<T>(self.schema(), &[self.batch(0..ROWS, Flavour::AllNull)?])).map(drop)
        });
        cases.case("nulls everywhere", || {
            let batch = self.batch(0..ROWS, Flavour::Nulls)?;
            let expected = must(self.run::<T>(self.schema(), &[batch]))?;
            // What stands under a null must not matter.
            let other = self.samples.batch_of(self.schema(), 0..ROWS, Flavour::Nulls, 1)?;
            let found = self.run::<T>(self.schema(), &[other]);
            same_end(&Ok(expected), &found, &[])
                .map_err(|how| format!("what is under a null shows: {how}"))
        });
        cases.case("NaN, infinities, −0, ends of the types, odd texts", || {
            let batch = self.batch(0..ROWS, Flavour::Edges)?;
            let expected = self.run::<T>(self.schema(), std::slice::from_ref(&batch));
            let found = self.run::<T>(self.schema(), &[batch]);
            same_end(&expected, &found, &[])
        });
        // One at a time, so that one that is refused does not hide the others.
        cases.case("the same, row by row", || {
            let batch = self.batch(0..ROWS, Flavour::Edges)?;
            (0..ROWS).try_for_each(|row| {
                let result = self.run::<T>(self.schema(), &[batch.slice(row, 1)]);
                result.map_or_else(|error| refused(&error), |_| Ok(()))
            })
        });
    }

    fn layouts<T: Transform>(&self, cases: &mut Cases) {
        for flavour in [Flavour::Ordinary, Flavour::Nulls, Flavour::Edges] {
            cases.case(format!("sliced arrays ({flavour:?})"), || {
                let batch = self.batch(0..ROWS, flavour)?;
                let slice = sliced(&batch)?;
                let expected = self.run::<T>(self.schema(), &[batch]);
                same_end(&expected, &self.run::<T>(self.schema(), &[slice]), &[])
            });
            for layout in LAYOUTS {
                cases.case(format!("texts in {} ({flavour:?})", layout.name()), || {
                    let batch = self.batch(0..ROWS, flavour)?;
                    let Some(other) = relaid(&batch, layout) else { return Ok(()) };
                    if let Err(error) = self.open::<T>(&other.schema()) {
                        return refused(&error);
                    }
                    let expected = self.run::<T>(self.schema(), &[batch]);
                    let found = self.run::<T>(&other.schema(), std::slice::from_ref(&other));
                    same_end(&expected, &found, &[])?;
                    let slice = sliced(&other)?;
                    same_end(&expected, &self.run::<T>(&other.schema(), &[slice]), &[])
                });
            }
        }
    }

    fn cuts<T: Transform>(&self, cases: &mut Cases) {
        let whole = || -> Result<(RecordBatch, RecordBatch), String> {
            let batch = self.batch(0..ROWS, Flavour::Ordinary)?;
            let out = must(self.run::<T>(self.schema(), std::slice::from_ref(&batch)))?;
            Ok((batch, out))
        };
        cases.case("a stream cut into other batches", || {
            let (batch, expected) = whole()?;
            same_end(&Ok(expected), &self.run::<T>(self.schema(), &cut(&batch)), &[])
        });
        if T::ROW_WISE {
            cases.case("row-wise: each batch by an instance of its own", || {
                let (batch, expected) = whole()?;
                let outs = cut(&batch)
                    .iter()
                    .map(|part| self.run::<T>(self.schema(), std::slice::from_ref(part)))
                    .collect::<Result<Vec<_>>>();
                let outs = must(outs)?;
                let found = concat_batches(&expected.schema(), &outs).map_err(Error::from);
                same_end(&Ok(expected), &found, &[])
            });
        }
        cases.case("stopped by a snapshot and carried on", || {
            let (batch, expected) = whole()?;
            for at in [0, 1, ROWS / 3, ROWS / 2, ROWS - 1, ROWS] {
                let found = self.carried_on::<T>(&batch, at);
                same_end(&Ok(expected.clone()), &found, &[])
                    .map_err(|how| format!("cut at row {at}: {how}"))?;
            }
            Ok(())
        });
        cases.case("a snapshot that is none", || {
            let (batch, _) = whole()?;
            let mut transform = must(self.open::<T>(self.schema()))?;
            let mut emitted = Vec::new();
            must(feed(&mut transform, &batch, &mut emitted))?;
            let snapshot = must(transform.snapshot())?;
            let mut wrong = vec![b"not a snapshot".to_vec(), vec![0; 64], vec![0xff; 64]];
            if !snapshot.is_empty() {
                for part in [1, snapshot.len() / 2, snapshot.len() - 1] {
                    wrong.push(snapshot[..part].to_vec());
                }
            }
            for wrong in wrong {
                match self.restore::<T>(&wrong) {
                    Err(error) => refused(&error)?,
                    Ok(_) => {
                        return Err(format!("{} bytes of another kind were taken", wrong.len()));
                    }
                }
            }
            Ok(())
        });
    }

    fn open<T: Transform>(&self, schema: &SchemaRef) -> Result<T> {
        T::create(schema.clone(), options::parse(&self.options.to_string())?)
    }

    fn restore<T: Transform>(&self, snapshot: &[u8]) -> Result<T> {
        let options = options::parse(&self.options.to_string())?;
        T::restore(self.schema().clone(), options, snapshot)
    }

    /// All that comes out of some batches, in one.
    fn run<T: Transform>(
        &self,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<RecordBatch> {
        let mut transform: T = self.open(schema)?;
        let mut emitted = Vec::new();
        for batch in batches {
            feed(&mut transform, batch, &mut emitted)?;
        }
        end(transform, emitted)
    }

    /// The same with a snapshot in between.
    fn carried_on<T: Transform>(&self, batch: &RecordBatch, at: usize) -> Result<RecordBatch> {
        let mut transform: T = self.open(self.schema())?;
        let mut emitted = Vec::new();
        feed(&mut transform, &batch.slice(0, at), &mut emitted)?;
        let snapshot = transform.snapshot()?;
        let mut transform: T = self.restore(&snapshot)?;
        if transform.snapshot()? != snapshot {
            return Err(Error::internal("what was restored gives another snapshot"));
        }
        feed(&mut transform, &batch.slice(at, batch.num_rows() - at), &mut emitted)?;
        end(transform, emitted)
    }
}

fn feed<T: Transform>(
    transform: &mut T,
    batch: &RecordBatch,
    emitted: &mut Vec<RecordBatch>,
) -> Result<()> {
    let schema = transform.output_schema();
    let input = Batch::from_memory(batch);
    transform.process(&input, &mut Output::to_memory(emitted, schema, Some(&input)))
}

fn end<T: Transform>(mut transform: T, mut emitted: Vec<RecordBatch>) -> Result<RecordBatch> {
    let schema = transform.output_schema();
    transform.finish(&mut Output::to_memory(&mut emitted, schema.clone(), None))?;
    Ok(concat_batches(&schema, &emitted)?)
}

//! The cases of downsamplers.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{DataType, Field, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use tidelake_columns::samples::{Flavour, LAYOUTS, cut, instants, plain, relaid, sliced};

use super::{Cases, Failures, LARGE, ROWS, Suite, must, refused, same_end};
use crate::batch::Batch;
use crate::downsampler::{Downsampler, Roles};
use crate::error::{Error, Result};
use crate::testing::{describe_downsampler, downsampler, drain};

/// The column that the suite adds, as the host does.
const BUCKET: &str = "bucket of the host";

/// Rows of a bucket.
const BUCKET_ROWS: usize = 60;

/// A suite whose schema has the bucket, and the roles in it.
struct Bench {
    suite: Suite,
    time: String,
    groups: Vec<String>,
}

impl Suite {
    /// Runs all cases of a downsampler that groups by some columns of the schema. The
    /// suite makes times and buckets itself.
    pub fn downsampler<T: Downsampler>(&self, time: &str, groups: &[&str]) -> Result<(), Failures> {
        let data_type = self.schema().field_with_name(time).map(|f| f.data_type().clone());
        let data_type = data_type.unwrap_or(DataType::Int64);
        let mut suite = self.clone();
        suite.samples = suite.samples.with_field(Field::new(BUCKET, data_type.clone(), false));
        let bucket = move |rows: std::ops::Range<usize>| {
            instants(rows.map(|row| row / BUCKET_ROWS * BUCKET_ROWS), Some(&data_type))
        };
        let suite = suite.ascending(time).column(BUCKET, bucket);
        let groups = groups.iter().map(|name| (*name).to_owned()).collect();
        Bench { suite, time: time.to_owned(), groups }.run::<T>()
    }
}

impl Bench {
    fn run<T: Downsampler>(&self) -> Result<(), Failures> {
        let mut cases = Cases::new(T::NAME);
        let schema = self.suite.schema();
        cases.description(&describe_downsampler::<T>());
        cases.unknown_option(&self.suite.options, |options| {
            downsampler::<T>(schema, &self.roles(schema)?, options).map(drop)
        });
        cases.case("declared schema", || self.declared::<T>());
        cases.case("no rows", || {
            let mut empty = must(self.open::<T>(schema))?;
            let batch = self.suite.batch(0..0, Flavour::Ordinary)?;
            must(empty.update(&Batch::from_memory(&batch)))?;
            match must(rows(&mut empty))?.num_rows() {
                0 => Ok(()),
                rows => Err(format!("{rows} groups out of no rows")),
            }
        });
        for (name, rows) in [("one row", 1), ("many rows", ROWS), ("a large batch", LARGE)] {
            cases.case(name, || {
                let batch = [self.suite.batch(0..rows, Flavour::Ordinary)?];
                let out = must(self.roll::<T>(&batch))?;
                self.in_order(&out)?;
                let again = self.roll::<T>(&batch);
                same_end(&Ok(out), &again, &[]).map_err(|how| format!("not deterministic: {how}"))
            });
        }
        self.values::<T>(&mut cases);
        self.layouts::<T>(&mut cases);
        self.orders::<T>(&mut cases);
        self.partials::<T>(&mut cases);
        cases.finish()
    }

    fn declared<T: Downsampler>(&self) -> Result<(), String> {
        let schema = self.suite.schema();
        let out = must(self.open::<T>(schema))?.output_schema();
        let expected = [&self.time].into_iter().chain(&self.groups);
        for (i, name) in expected.enumerate() {
            let found = out.fields().get(i).map_or("none", |field| field.name());
            if found != name {
                return Err(format!("column {i} is `{found}`, and has to be `{name}`"));
            }
        }
        let time = schema.field_with_name(&self.time).map_err(|error| error.to_string())?;
        if out.field(0).data_type() == time.data_type() {
            return Ok(());
        }
        Err(format!("column `{}` is {} there", self.time, out.field(0).data_type()))
    }

    fn values<T: Downsampler>(&self, cases: &mut Cases) {
        let suite = &self.suite;
        cases.case("all null", || {
            must(self.roll::<T>(&[suite.batch(0..ROWS, Flavour::AllNull)?])).map(drop)
        });
        cases.case("nulls everywhere", || {
            let batch = suite.batch(0..ROWS, Flavour::Nulls)?;
            let expected = must(self.roll::<T>(&[batch]))?;
            self.in_order(&expected)?;
            let other = suite.samples.batch_of(suite.schema(), 0..ROWS, Flavour::Nulls, 1)?;
            same_end(&Ok(expected), &self.roll::<T>(&[other]), &[])
                .map_err(|how| format!("what is under a null shows: {how}"))
        });
        cases.case("NaN, infinities, −0, ends of the types, odd texts", || {
            let batch = [suite.batch(0..ROWS, Flavour::Edges)?];
            same_end(&self.roll::<T>(&batch), &self.roll::<T>(&batch), &[])
        });
    }

    fn layouts<T: Downsampler>(&self, cases: &mut Cases) {
        for flavour in [Flavour::Ordinary, Flavour::Nulls, Flavour::Edges] {
            cases.case(format!("sliced arrays ({flavour:?})"), || {
                let batch = self.suite.batch(0..ROWS, flavour)?;
                let slice = sliced(&batch)?;
                same_end(&self.roll::<T>(&[batch]), &self.roll::<T>(&[slice]), &[])
            });
            for layout in LAYOUTS {
                cases.case(format!("texts in {} ({flavour:?})", layout.name()), || {
                    let batch = self.suite.batch(0..ROWS, flavour)?;
                    let Some(other) = relaid(&batch, layout) else { return Ok(()) };
                    if let Err(error) = self.open::<T>(&other.schema()) {
                        return refused(&error);
                    }
                    same_end(&self.roll::<T>(&[batch]), &self.roll::<T>(&[other]), &[])
                });
            }
        }
    }

    fn orders<T: Downsampler>(&self, cases: &mut Cases) {
        let sums = &self.suite.sums;
        cases.case("rows in other batches", || {
            let batch = self.suite.batch(0..ROWS, Flavour::Ordinary)?;
            same_end(
                &self.roll::<T>(std::slice::from_ref(&batch)),
                &self.roll::<T>(&cut(&batch)),
                sums,
            )
        });
        cases.case("rows in the opposite order", || {
            let batch = self.suite.batch(0..ROWS, Flavour::Ordinary)?;
            let backwards = pick(&batch, (0..ROWS as u32).rev())?;
            same_end(&self.roll::<T>(&[batch]), &self.roll::<T>(&[backwards]), sums)
        });
        cases.case("a drained one begins anew", || {
            let batch = self.suite.batch(0..ROWS, Flavour::Ordinary)?;
            let mut used: T = must(self.open(self.suite.schema()))?;
            let mut add = || {
                must(used.update(&Batch::from_memory(&batch)))?;
                let first = must(rows(&mut used))?;
                Ok::<_, String>((first, must(rows(&mut used))?))
            };
            let ((first, left), (second, _)) = (add()?, add()?);
            if left.num_rows() > 0 {
                return Err(format!("{} groups come twice", left.num_rows()));
            }
            same_end(&Ok(first), &Ok(second), &[])
        });
    }

    fn partials<T: Downsampler>(&self, cases: &mut Cases) {
        let sums = &self.suite.sums;
        for flavour in [Flavour::Ordinary, Flavour::Nulls] {
            // Every third row: most groups are in all three.
            let thirds = || -> Result<[RecordBatch; 3], String> {
                let batch = self.suite.batch(0..ROWS, flavour)?;
                let part = |first: u32| pick(&batch, (first..ROWS as u32).step_by(3));
                Ok([part(0)?, part(1)?, part(2)?])
            };
            let whole = || must(self.roll::<T>(&[self.suite.batch(0..ROWS, flavour)?]));
            cases.case(format!("drained and merged alone ({flavour:?})"), || {
                let whole = whole()?;
                same_end(&Ok(whole.clone()), &self.merge::<T>(&[&whole]), &[])
            });
            cases.case(format!("merged in any order ({flavour:?})"), || {
                let [a, b, c] = thirds()?.map(|part| self.roll::<T>(&[part]));
                let (a, b, c) = (must(a)?, must(b)?, must(c)?);
                let empty = a.slice(0, 0);
                let (ab, bc) =
                    (must(self.merge::<T>(&[&a, &b]))?, must(self.merge::<T>(&[&b, &c]))?);
                let whole = Ok(whole()?);
                for (name, parts) in [
                    ("a, b, c", vec![&a, &b, &c]),
                    ("c, b, a", vec![&c, &b, &a]),
                    ("(a, b), c", vec![&ab, &c]),
                    ("a, (b, c)", vec![&a, &bc]),
                    ("b, none, a, c", vec![&b, &empty, &a, &c]),
                ] {
                    same_end(&whole, &self.merge::<T>(&parts), sums)
                        .map_err(|how| format!("merged as {name}: {how}"))?;
                }
                let slice = sliced(&ab)?;
                same_end(&whole, &self.merge::<T>(&[&slice, &c]), sums)
                    .map_err(|how| format!("partials as a slice: {how}"))
            });
            cases.case(format!("late rows after a merge ({flavour:?})"), || {
                let [a, b, c] = thirds()?;
                let early = must(self.roll::<T>(&[a, b]))?;
                let mut late: T = must(self.open(self.suite.schema()))?;
                must(late.merge(&Batch::from_memory(&early)))?;
                must(late.update(&Batch::from_memory(&c)))?;
                same_end(&Ok(whole()?), &rows(&mut late), sums)
            });
        }
    }

    /// Sorted by group, then bucket, and each but once.
    fn in_order(&self, out: &RecordBatch) -> Result<(), String> {
        let groups: Vec<ArrayRef> =
            out.columns()[1..=self.groups.len()].iter().map(plain).collect();
        let bucket = as_ints(out.column(0));
        let bucket = bucket.as_primitive::<Int64Type>();
        for row in 1..out.num_rows() {
            let mut order = std::cmp::Ordering::Equal;
            for group in &groups {
                order = order.then_with(|| in_group(group, row));
            }
            let order = order.then(bucket.value(row - 1).cmp(&bucket.value(row)));
            if order != std::cmp::Ordering::Less {
                return Err(format!(
                    "rows {} and {row} are not in order of group, then bucket",
                    row - 1
                ));
            }
        }
        Ok(())
    }

    fn roles(&self, schema: &SchemaRef) -> Result<Roles> {
        let index = |name: &str| schema.index_of(name).map_err(Error::from);
        Ok(Roles {
            time_column: index(&self.time)?,
            bucket_column: index(BUCKET)?,
            group_columns: self.groups.iter().map(|name| index(name)).collect::<Result<_>>()?,
        })
    }

    fn open<T: Downsampler>(&self, schema: &SchemaRef) -> Result<T> {
        downsampler(schema, &self.roles(schema)?, &self.suite.options)
    }

    fn roll<T: Downsampler>(&self, batches: &[RecordBatch]) -> Result<RecordBatch> {
        let schema = batches.first().map_or(self.suite.schema().clone(), RecordBatch::schema);
        let mut downsampler: T = self.open(&schema)?;
        for batch in batches {
            downsampler.update(&Batch::from_memory(batch))?;
        }
        rows(&mut downsampler)
    }

    fn merge<T: Downsampler>(&self, partials: &[&RecordBatch]) -> Result<RecordBatch> {
        let mut downsampler: T = self.open(self.suite.schema())?;
        for partials in partials {
            downsampler.merge(&Batch::from_memory(partials))?;
        }
        rows(&mut downsampler)
    }
}

fn rows<T: Downsampler>(downsampler: &mut T) -> Result<RecordBatch> {
    let schema = downsampler.output_schema();
    Ok(concat_batches(&schema, &drain(downsampler)?)?)
}

fn pick(batch: &RecordBatch, rows: impl Iterator<Item = u32>) -> Result<RecordBatch, String> {
    take_record_batch(batch, &UInt32Array::from_iter_values(rows)).map_err(|e| e.to_string())
}

/// Times as whole numbers.
fn as_ints(array: &ArrayRef) -> ArrayRef {
    if let Some(days) = array.as_primitive_opt::<arrow_array::types::Date32Type>() {
        return Arc::new(days.unary::<_, Int64Type>(i64::from));
    }
    let data = array.to_data().into_builder().data_type(DataType::Int64).build();
    data.map_or(array.clone(), arrow_array::make_array)
}

/// How the group of the row before compares, null first. Groups of types other than
/// text are only told apart.
fn in_group(group: &ArrayRef, row: usize) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    if let Some(texts) = group.as_string_opt::<i32>() {
        let text = |row: usize| texts.is_valid(row).then(|| texts.value(row));
        return text(row - 1).cmp(&text(row));
    }
    let same = group.slice(row - 1, 1).to_data() == group.slice(row, 1).to_data();
    if same { Ordering::Equal } else { Ordering::Less }
}

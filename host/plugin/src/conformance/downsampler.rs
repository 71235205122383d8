//! The checks of downsamplers.

use std::cmp::Ordering;
use std::slice;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, make_array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Field, Int64Type, SchemaRef};
use tidelake_columns::samples::{
    Flavour, LAYOUTS, Samples, cut, instants, pick_rows, plain, relaid, sliced,
};
use tidelake_core::plugin::{DownsampleSpec, Downsampler, Plugins};
use tidelake_core::{Error, ErrorKind, Result};

use super::judge::{Tally, alike, floats, must, refusal, refusal_of, same, th1};
use super::{Case, Checks, LARGE, MILLION, ROWS, Suite, noted, passed, refused, skipped};

/// The column that the suite adds, as the engine does.
const BUCKET: &str = "bucket of the host";

/// Rows of a bucket.
const BUCKET_ROWS: usize = 60;

/// A suite whose sample table has the bucket.
struct Bench<'a> {
    suite: &'a Suite<'a>,
    samples: Samples,
    time: &'a str,
    key: &'a [String],
}

impl Suite<'_> {
    pub(super) fn downsampler(&self, checks: &mut Checks<'_>) {
        let Some(time) = &self.subject.time else {
            return checks.run("the sample table has a time column", || {
                Err("downsamplers need one: say which it is (`time`)".to_owned())
            });
        };
        let field = self.subject.schema.field_with_name(time);
        let data_type = field.map_or(DataType::Int64, |field| field.data_type().clone());
        let samples = self.samples.clone();
        let samples = samples.with_field(Field::new(BUCKET, data_type.clone(), false));
        let samples = samples.column(BUCKET, move |rows| {
            instants(rows.map(|row| row / BUCKET_ROWS * BUCKET_ROWS), Some(&data_type))
        });
        Bench { suite: self, samples, time, key: &self.subject.key }.run(checks);
    }
}

impl Bench<'_> {
    fn run(&self, checks: &mut Checks<'_>) {
        checks.run("an unknown option is refused by name", || {
            self.suite.unknown_option(|options| {
                let suite = self.suite;
                let (schema, spec) = (self.samples.schema(), self.spec(self.samples.schema())?);
                let (name, context) = (&suite.info.name, suite.context());
                let made =
                    suite.plugins.downsampler(name, &context, schema.clone(), &spec, options);
                made.map(drop)
            })
        });
        checks.run("declared schema: bucket, groups, values", || self.declared());
        self.sizes(checks);
        self.values(checks);
        self.layouts(checks);
        checks.run("a further column, of every type", || self.further_columns());
        checks.run("its own columns, of every type", || self.own_columns());
        self.orders(checks);
        self.partials(checks);
        checks.run("output beyond the cap ends in an error", || self.capped());
        checks.run("your own rows", || self.own_rows());
    }

    fn batch(&self, rows: std::ops::Range<usize>, flavour: Flavour) -> Result<RecordBatch, String> {
        self.samples.batch(rows, flavour)
    }

    fn declared(&self) -> Case {
        let schema = self.samples.schema();
        let declared = || must(self.open(schema)).map(|aggregator| aggregator.output_schema());
        let out = declared()?;
        if out != declared()? {
            return Err("differs between two runs".to_owned());
        }
        for (i, name) in [self.time].into_iter().chain(self.key.iter().map(|k| &**k)).enumerate() {
            let found = out.fields().get(i).map_or("none", |field| field.name());
            if found != name {
                return Err(format!("column {i} is `{found}`, and has to be `{name}`"));
            }
        }
        let time = schema.field_with_name(self.time).map_err(|error| error.to_string())?;
        if out.field(0).data_type() == time.data_type() {
            return passed();
        }
        Err(format!("column `{}` is {} there", self.time, out.field(0).data_type()))
    }

    fn sizes(&self, checks: &mut Checks<'_>) {
        checks.run("no batch, and an empty one", || {
            let mut empty = must(self.open(self.samples.schema()))?;
            let none = must(rows(&mut *empty))?.num_rows();
            must(empty.update(&self.batch(0..0, Flavour::Ordinary)?))?;
            match none + must(rows(&mut *empty))?.num_rows() {
                0 => passed(),
                rows => Err(format!("{rows} groups out of no rows")),
            }
        });
        for (name, rows) in [("one row", 1), ("many rows", ROWS)] {
            checks.run(name, || {
                let batch = [self.batch(0..rows, Flavour::Ordinary)?];
                let out = must(self.roll(&batch))?;
                self.in_order(&out)?;
                same(&out, &must(self.roll(&batch))?)
                    .map_err(|how| format!("not deterministic: {how}"))?;
                passed()
            });
        }
        checks.run("the same content hash twice", || {
            let batch = [self.batch(0..LARGE, Flavour::Nulls)?];
            let hash = || -> Result<_, String> { Ok(th1(&[must(self.roll(&batch))?])) };
            match (hash()?, hash()?) {
                (None, _) | (_, None) => skipped("it emits a type that has no content hash"),
                (Some(one), Some(other)) if one == other => noted(format!("{} rows", one.rows)),
                (Some(one), Some(other)) => Err(format!("{one}, and then {other}")),
            }
        });
        checks.run("a batch of a million rows", || {
            let out = must(self.roll(&[self.batch(0..MILLION, Flavour::Ordinary)?]))?;
            self.in_order(&out)?;
            noted(format!("{} groups", out.num_rows()))
        });
    }

    fn values(&self, checks: &mut Checks<'_>) {
        checks.run("all null", || {
            self.in_order(&must(self.roll(&[self.batch(0..ROWS, Flavour::AllNull)?]))?)?;
            passed()
        });
        checks.run("nulls everywhere", || {
            let expected = must(self.roll(&[self.batch(0..ROWS, Flavour::Nulls)?]))?;
            self.in_order(&expected)?;
            let schema = self.samples.schema();
            let other = self.samples.batch_of(schema, 0..ROWS, Flavour::Nulls, 1)?;
            alike(&Ok(expected), &self.roll(&[other]), &[])
                .map_err(|how| format!("what is under a null shows: {how}"))
        });
        checks.run("NaN, infinities, -0, extremes, odd texts", || {
            let batch = [self.batch(0..ROWS, Flavour::Edges)?];
            alike(&self.roll(&batch), &self.roll(&batch), &[])
        });
    }

    fn layouts(&self, checks: &mut Checks<'_>) {
        let flavours = [Flavour::Ordinary, Flavour::Nulls, Flavour::Edges];
        checks.run("sliced arrays", || {
            for flavour in flavours {
                let batch = self.batch(0..ROWS, flavour)?;
                let slice = sliced(&batch)?;
                alike(&self.roll(&[batch]), &self.roll(&[slice]), &[])?;
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
                    if let Err(error) = self.open(&other.schema()) {
                        return refused(refusal(&error)?);
                    }
                    alike(&self.roll(&[batch]), &self.roll(&[other]), &[])?;
                }
                passed()
            });
        }
    }

    fn further_columns(&self) -> Case {
        let plain = [self.batch(0..ROWS, Flavour::Ordinary)?];
        let expected = must(self.roll(&plain))?;
        let mut tally = Tally::default();
        for schema in self.samples.with_every_type() {
            let Some(further) = schema.fields().last() else { continue };
            let of = further.data_type().to_string();
            if let Err(error) = self.open(&schema) {
                let why = refusal_of(further.name(), &error);
                tally.refuse(&of, why.map_err(|how| format!("{of}: {how}"))?);
                continue;
            }
            let batch = self.samples.batch_of(&schema, 0..ROWS, Flavour::Ordinary, 0)?;
            let found = must(self.roll(&[batch]));
            let judged = found.and_then(|found| same(&expected, &found));
            judged.map_err(|how| format!("{of}: {how}"))?;
            tally.take();
        }
        tally.end()
    }

    /// Each type is taken, or refused at once by the name of its column.
    fn own_columns(&self) -> Case {
        let mut tally = Tally::default();
        for (name, schema) in self.suite.retyped(&self.samples) {
            let field = schema.field_with_name(&name).map_err(|e| e.to_string())?;
            let of = format!("{name} {}", field.data_type());
            if let Err(error) = self.open(&schema) {
                let why = refusal_of(&name, &error).map_err(|how| format!("{of}: {how}"))?;
                tally.refuse(of, why);
                continue;
            }
            for flavour in [Flavour::Ordinary, Flavour::Nulls] {
                let batch = self.samples.batch_of(&schema, 0..ROWS, flavour, 0)?;
                if let Err(error) = self.roll(slice::from_ref(&batch)) {
                    refusal(&error).map_err(|how| format!("{of}: {how}"))?;
                }
            }
            tally.take();
        }
        tally.end()
    }

    fn orders(&self, checks: &mut Checks<'_>) {
        let whole = || self.batch(0..ROWS, Flavour::Ordinary);
        checks.run("rows in other batches", || {
            let batch = whole()?;
            let expected = must(self.roll(slice::from_ref(&batch)))?;
            let sums = floats(&expected);
            alike(&Ok(expected), &self.roll(&cut(&batch)), &sums)
        });
        checks.run("rows and batches in the opposite order", || {
            let batch = whole()?;
            let expected = must(self.roll(slice::from_ref(&batch)))?;
            let backwards = pick_rows(&batch, (0..ROWS).rev())?;
            let sums = floats(&expected);
            alike(&Ok(expected.clone()), &self.roll(&[backwards]), &sums)?;
            let mut parts = cut(&batch);
            parts.reverse();
            alike(&Ok(expected), &self.roll(&parts), &sums)
        });
        checks.run("a drained one begins anew", || {
            let batch = whole()?;
            let mut used = must(self.open(self.samples.schema()))?;
            let mut add = || {
                must(used.update(&batch))?;
                let first = must(rows(&mut *used))?;
                Ok::<_, String>((first, must(rows(&mut *used))?))
            };
            let ((first, left), (second, _)) = (add()?, add()?);
            if left.num_rows() > 0 {
                return Err(format!("{} groups come twice", left.num_rows()));
            }
            same(&first, &second)?;
            passed()
        });
    }

    fn partials(&self, checks: &mut Checks<'_>) {
        let flavours = [Flavour::Ordinary, Flavour::Nulls];
        // Every third row: most groups are in all three.
        let thirds = |flavour| -> Result<[RecordBatch; 3], String> {
            let batch = self.batch(0..ROWS, flavour)?;
            let part = |first: usize| pick_rows(&batch, (first..ROWS).step_by(3));
            Ok([part(0)?, part(1)?, part(2)?])
        };
        let whole = |flavour| must(self.roll(&[self.batch(0..ROWS, flavour)?]));
        checks.run("drained and merged alone, it is the same", || {
            for flavour in flavours {
                let whole = whole(flavour)?;
                alike(&Ok(whole.clone()), &self.merge(&[&whole]), &[])?;
            }
            passed()
        });
        checks.run("merging is associative and commutative", || {
            for flavour in flavours {
                let [a, b, c] = thirds(flavour)?.map(|part| self.roll(&[part]));
                let (a, b, c) = (must(a)?, must(b)?, must(c)?);
                let empty = a.slice(0, 0);
                let (ab, bc) = (must(self.merge(&[&a, &b]))?, must(self.merge(&[&b, &c]))?);
                let slice = sliced(&ab)?;
                let whole = whole(flavour)?;
                let sums = floats(&whole);
                let whole = Ok(whole);
                for (name, parts) in [
                    ("a, b, c", vec![&a, &b, &c]),
                    ("c, b, a", vec![&c, &b, &a]),
                    ("(a, b), c", vec![&ab, &c]),
                    ("a, (b, c)", vec![&a, &bc]),
                    ("b, none, a, c", vec![&b, &empty, &a, &c]),
                    ("(a, b) as a slice, c", vec![&slice, &c]),
                ] {
                    alike(&whole, &self.merge(&parts), &sums)
                        .map_err(|how| format!("merged as {name}: {how}"))?;
                }
            }
            passed()
        });
        checks.run("late rows after a merge", || {
            for flavour in flavours {
                let [a, b, c] = thirds(flavour)?;
                let early = must(self.roll(&[a, b]))?;
                let mut late = must(self.open(self.samples.schema()))?;
                must(late.merge(&early))?;
                must(late.update(&c))?;
                let whole = whole(flavour)?;
                let sums = floats(&whole);
                alike(&Ok(whole), &rows(&mut *late), &sums)?;
            }
            passed()
        });
    }

    fn capped(&self) -> Case {
        let Some(tight) = self.suite.tight else {
            return skipped("there is no host with a low cap");
        };
        let large = self.batch(0..LARGE, Flavour::Ordinary)?;
        match self.roll_by(tight, &[large]) {
            Ok(_) => return skipped("it emits too little to come near the cap"),
            Err(error) if error.kind() == ErrorKind::Exhausted => {}
            Err(error) => return Err(format!("not the error of a cap: {error}")),
        }
        let few = [self.batch(0..1, Flavour::Ordinary)?];
        alike(&self.roll(&few), &self.roll_by(tight, &few), &[])
            .map_err(|how| format!("not usable afterwards: {how}"))
    }

    /// Each instant is a bucket of its own.
    fn own_rows(&self) -> Case {
        let rows = &self.suite.subject.rows;
        if rows.is_empty() {
            return skipped("none were given: --data FILE");
        }
        let with_bucket = |batch: &RecordBatch| {
            let time = batch.column_by_name(self.time).cloned();
            let columns = batch.columns().iter().cloned().chain(time).collect();
            RecordBatch::try_new(self.samples.schema().clone(), columns)
        };
        let rows = rows.iter().map(with_bucket).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(|error| error.to_string())?;
        let out = must(self.roll(&rows))?;
        self.in_order(&out)?;
        let sums = floats(&out);
        let parts: Vec<_> = rows.iter().flat_map(cut).collect();
        let groups = out.num_rows();
        alike(&Ok(out), &self.roll(&parts), &sums)?;
        let read: usize = rows.iter().map(RecordBatch::num_rows).sum();
        noted(format!("{read} rows in, {groups} groups out"))
    }

    /// Sorted by group, then bucket, and each but once.
    fn in_order(&self, out: &RecordBatch) -> Result<(), String> {
        let groups: Vec<ArrayRef> = out.columns()[1..=self.key.len()].iter().map(plain).collect();
        let bucket = as_ints(out.column(0));
        let bucket = bucket.as_primitive::<Int64Type>();
        for row in 1..out.num_rows() {
            let order = groups
                .iter()
                .fold(Ordering::Equal, |order, group| order.then_with(|| in_group(group, row)));
            let order = order.then(bucket.value(row - 1).cmp(&bucket.value(row)));
            if order != Ordering::Less {
                let before = row - 1;
                return Err(format!("rows {before} and {row} are not in order of group, bucket"));
            }
        }
        Ok(())
    }

    fn spec(&self, schema: &SchemaRef) -> Result<DownsampleSpec> {
        let index = |name: &str| schema.index_of(name).map_err(Error::from);
        Ok(DownsampleSpec {
            time_column: index(self.time)?,
            bucket_column: index(BUCKET)?,
            group_columns: self.key.iter().map(|name| index(name)).collect::<Result<_>>()?,
        })
    }

    fn open(&self, schema: &SchemaRef) -> Result<Box<dyn Downsampler>> {
        self.open_by(self.suite.plugins, schema)
    }

    fn open_by(&self, plugins: &dyn Plugins, schema: &SchemaRef) -> Result<Box<dyn Downsampler>> {
        let (spec, options) = (self.spec(schema)?, &self.suite.subject.options);
        let (name, context) = (&self.suite.info.name, self.suite.context());
        plugins.downsampler(name, &context, schema.clone(), &spec, options)
    }

    fn roll(&self, batches: &[RecordBatch]) -> Result<RecordBatch> {
        self.roll_by(self.suite.plugins, batches)
    }

    fn roll_by(&self, plugins: &dyn Plugins, batches: &[RecordBatch]) -> Result<RecordBatch> {
        let schema = batches.first().map_or(self.samples.schema().clone(), RecordBatch::schema);
        let mut aggregator = self.open_by(plugins, &schema)?;
        for batch in batches {
            aggregator.update(batch)?;
        }
        rows(&mut *aggregator)
    }

    fn merge(&self, partials: &[&RecordBatch]) -> Result<RecordBatch> {
        let mut aggregator = self.open(self.samples.schema())?;
        for partials in partials {
            aggregator.merge(partials)?;
        }
        rows(&mut *aggregator)
    }
}

fn rows(aggregator: &mut dyn Downsampler) -> Result<RecordBatch> {
    let mut emitted = Vec::new();
    aggregator.drain(&mut emitted)?;
    Ok(concat_batches(&aggregator.output_schema(), &emitted)?)
}

/// Times as whole numbers.
fn as_ints(array: &ArrayRef) -> ArrayRef {
    if let Some(days) = array.as_primitive_opt::<Date32Type>() {
        return Arc::new(days.unary::<_, Int64Type>(i64::from));
    }
    let data = array.to_data().into_builder().data_type(DataType::Int64).build();
    data.map_or(array.clone(), make_array)
}

/// How the group of the row before compares, null first. Groups of types other than
/// text are only told apart.
fn in_group(group: &ArrayRef, row: usize) -> Ordering {
    if let Some(texts) = group.as_string_opt::<i32>() {
        let text = |row: usize| texts.is_valid(row).then(|| texts.value(row));
        return text(row - 1).cmp(&text(row));
    }
    let same = group.slice(row - 1, 1).to_data() == group.slice(row, 1).to_data();
    if same { Ordering::Equal } else { Ordering::Less }
}

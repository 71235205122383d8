//! The checks of transforms.

use std::slice;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Schema, SchemaRef};
use tidelake_columns::samples::{Flavour, LAYOUTS, cut, relaid, sliced};
use tidelake_core::plugin::{Plugins, Transform};
use tidelake_core::{ErrorKind, Result};

use super::judge::{Tally, alike, must, refusal, refusal_of, same, th1};
use super::{Answer, Case, Checks, LARGE, MILLION, ROWS, Suite, noted, passed, refused, skipped};

impl Suite<'_> {
    pub(super) fn transform(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        checks.run("an unknown option is refused by name", || {
            self.unknown_option(|options| {
                let context = self.context();
                let made =
                    self.plugins.transform(&self.info.name, &context, schema.clone(), options);
                made.map(drop)
            })
        });
        checks.run("the declared schema is always the same", || {
            let declared = || must(self.stage(schema)).map(|stage| stage.output_schema());
            if declared()? == declared()? { passed() } else { Err("differs".to_owned()) }
        });
        checks.run("a table without columns", || self.no_columns());
        self.sizes(checks);
        self.values(checks);
        self.layouts(checks);
        checks.run("a further column, of every type", || self.further_columns());
        checks.run("its own columns, of every type", || self.own_columns());
        self.cuts(checks);
        checks.run("output beyond the cap ends in an error", || self.capped());
        checks.run("your own rows", || self.own_rows());
    }

    fn no_columns(&self) -> Case {
        let schema: SchemaRef = Arc::new(Schema::empty());
        let batch = self.samples.batch_of(&schema, 0..ROWS, Flavour::Ordinary, 0)?;
        match self.stage(&schema) {
            Err(error) => refused(refusal(&error)?),
            Ok(_) => must(self.pass(&schema, &[batch])).map(|_| Answer::passed()),
        }
    }

    fn sizes(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        checks.run("no batch, and empty ones", || {
            let empty = self.batch(0..0, Flavour::Ordinary)?;
            for batches in [vec![], vec![empty.clone()], vec![empty.clone(), empty]] {
                let out = must(self.pass(schema, &batches))?;
                if self.info.row_wise && out.num_rows() > 0 {
                    return Err(format!("{} rows out of none", out.num_rows()));
                }
            }
            passed()
        });
        for (name, rows) in [("one row", 1), ("many rows", ROWS)] {
            checks.run(name, || {
                let batch = [self.batch(0..rows, Flavour::Ordinary)?];
                let out = must(self.pass(schema, &batch))?;
                same(&out, &must(self.pass(schema, &batch))?)
                    .map_err(|how| format!("not deterministic: {how}"))?;
                passed()
            });
        }
        checks.run("the same content hash twice", || {
            let batch = [self.batch(0..LARGE, Flavour::Nulls)?];
            let hash = || -> Result<_, String> { Ok(th1(&[must(self.pass(schema, &batch))?])) };
            match (hash()?, hash()?) {
                (None, _) | (_, None) => skipped("it emits a type that has no content hash"),
                (Some(one), Some(other)) if one == other => noted(format!("{} rows", one.rows)),
                (Some(one), Some(other)) => Err(format!("{one}, and then {other}")),
            }
        });
        checks.run("a batch of a million rows", || {
            let batch = self.batch(0..MILLION, Flavour::Ordinary)?;
            let parts: Vec<_> =
                (0..10).map(|i| batch.slice(i * MILLION / 10, MILLION / 10)).collect();
            let whole = must(self.pass(schema, &[batch]))?;
            let rows = whole.num_rows();
            let parts = must(self.pass(schema, &parts))?;
            match (th1(&[whole]), th1(&[parts])) {
                (Some(a), Some(b)) if a != b => Err("in ten batches, other rows come out".into()),
                _ => noted(format!("{rows} rows come out")),
            }
        });
    }

    fn values(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        checks.run("all null", || {
            must(self.pass(schema, &[self.batch(0..ROWS, Flavour::AllNull)?]))?;
            passed()
        });
        checks.run("nulls everywhere", || {
            let expected = must(self.pass(schema, &[self.batch(0..ROWS, Flavour::Nulls)?]))?;
            // What stands under a null must not matter.
            let other = self.samples.batch_of(schema, 0..ROWS, Flavour::Nulls, 1)?;
            alike(&Ok(expected), &self.pass(schema, &[other]), &[])
                .map_err(|how| format!("what is under a null shows: {how}"))
        });
        checks.run("NaN, infinities, -0, extremes, odd texts", || {
            let batch = [self.batch(0..ROWS, Flavour::Edges)?];
            alike(&self.pass(schema, &batch), &self.pass(schema, &batch), &[])
        });
        // One at a time, so that one that is refused does not hide the others.
        checks.run("the same, row by row", || {
            let batch = self.batch(0..ROWS, Flavour::Edges)?;
            let mut tally = Tally::default();
            for row in 0..ROWS {
                match self.pass(schema, &[batch.slice(row, 1)]) {
                    Ok(_) => tally.take(),
                    Err(error) => tally.refuse(format!("row {row}"), refusal(&error)?),
                }
            }
            tally.end()
        });
    }

    fn layouts(&self, checks: &mut Checks<'_>) {
        let flavours = [Flavour::Ordinary, Flavour::Nulls, Flavour::Edges];
        let schema = self.samples.schema();
        checks.run("sliced arrays", || {
            for flavour in flavours {
                let batch = self.batch(0..ROWS, flavour)?;
                let slice = sliced(&batch)?;
                alike(&self.pass(schema, &[batch]), &self.pass(schema, &[slice]), &[])?;
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
                    if let Err(error) = self.stage(&other.schema()) {
                        return refused(refusal(&error)?);
                    }
                    let expected = self.pass(schema, &[batch]);
                    let slice = sliced(&other)?;
                    for other in [other, slice] {
                        alike(
                            &expected,
                            &self.pass(&other.schema(), slice::from_ref(&other)),
                            &[],
                        )?;
                    }
                }
                passed()
            });
        }
    }

    /// Results without the further column are still the same.
    fn further_columns(&self) -> Case {
        let plain = [self.batch(0..ROWS, Flavour::Ordinary)?];
        let expected = must(self.pass(self.samples.schema(), &plain))?;
        let mut tally = Tally::default();
        for schema in self.samples.with_every_type() {
            let Some(further) = schema.fields().last() else { continue };
            let of = further.data_type().to_string();
            if let Err(error) = self.stage(&schema) {
                let why = refusal_of(further.name(), &error);
                tally.refuse(&of, why.map_err(|how| format!("{of}: {how}"))?);
                continue;
            }
            for flavour in [Flavour::Ordinary, Flavour::AllNull] {
                let batch = self.samples.batch_of(&schema, 0..ROWS, flavour, 0)?;
                let found = must(self.pass(&schema, &[batch]));
                let found = found.map_err(|how| format!("{of}: {how}"))?;
                if flavour == Flavour::AllNull {
                    continue;
                }
                let (all, known) = (found.schema(), expected.schema());
                let places = known.fields().iter().map(|f| all.index_of(f.name()));
                let places = places.collect::<Result<Vec<_>, _>>();
                let without = places.and_then(|p| found.project(&p)).map_err(|e| e.to_string())?;
                same(&expected, &without).map_err(|how| format!("{of}: {how}"))?;
            }
            tally.take();
        }
        tally.end()
    }

    /// Each type is taken, or refused at once by the name of its column.
    fn own_columns(&self) -> Case {
        let mut tally = Tally::default();
        for (name, schema) in self.retyped(&self.samples) {
            let field = schema.field_with_name(&name).map_err(|e| e.to_string())?;
            let of = format!("{name} {}", field.data_type());
            if let Err(error) = self.stage(&schema) {
                let why = refusal_of(&name, &error).map_err(|how| format!("{of}: {how}"))?;
                tally.refuse(of, why);
                continue;
            }
            for flavour in [Flavour::Ordinary, Flavour::Nulls] {
                let batch = self.samples.batch_of(&schema, 0..ROWS, flavour, 0)?;
                if let Err(error) = self.pass(&schema, slice::from_ref(&batch)) {
                    refusal(&error).map_err(|how| format!("{of}: {how}"))?;
                }
            }
            tally.take();
        }
        tally.end()
    }

    fn cuts(&self, checks: &mut Checks<'_>) {
        let schema = self.samples.schema();
        let whole = || -> Result<(RecordBatch, RecordBatch), String> {
            let batch = self.batch(0..ROWS, Flavour::Ordinary)?;
            let out = must(self.pass(schema, slice::from_ref(&batch)))?;
            Ok((batch, out))
        };
        checks.run("a stream cut into other batches", || {
            let (batch, expected) = whole()?;
            alike(&Ok(expected), &self.pass(schema, &cut(&batch)), &[])
        });
        checks.run("each batch by an instance of its own", || {
            if !self.info.row_wise {
                return skipped("it does not say that it is row-wise");
            }
            let (batch, expected) = whole()?;
            let parts = cut(&batch);
            let outs = parts.iter().map(|part| self.pass(schema, slice::from_ref(part)));
            let outs = must(outs.collect::<Result<Vec<_>>>())?;
            let found = concat_batches(&expected.schema(), &outs).map_err(|e| e.to_string())?;
            same(&expected, &found)?;
            passed()
        });
    }

    fn capped(&self) -> Case {
        let Some(tight) = self.tight else { return skipped("there is no host with a low cap") };
        let schema = self.samples.schema();
        let large = self.batch(0..LARGE, Flavour::Ordinary)?;
        match self.pass_by(tight, schema, &[large]) {
            Ok(_) => return skipped("it emits too little of its own to come near the cap"),
            Err(error) if error.kind() == ErrorKind::Exhausted => {}
            Err(error) => return Err(format!("not the error of a cap: {error}")),
        }
        let few = [self.batch(0..1, Flavour::Ordinary)?];
        let after = self.pass_by(tight, schema, &few);
        alike(&self.pass(schema, &few), &after, &[])
            .map_err(|how| format!("not usable afterwards: {how}"))
    }

    fn own_rows(&self) -> Case {
        let rows = &self.subject.rows;
        if rows.is_empty() {
            return skipped("none were given: --data FILE");
        }
        let schema = self.samples.schema();
        let out = must(self.pass(schema, rows))?;
        let parts: Vec<_> = rows.iter().flat_map(cut).collect();
        alike(&Ok(out.clone()), &self.pass(schema, &parts), &[])?;
        let read: usize = rows.iter().map(RecordBatch::num_rows).sum();
        noted(format!("{read} rows in, {} out", out.num_rows()))
    }

    fn stage(&self, schema: &SchemaRef) -> Result<Box<dyn Transform>> {
        self.stage_by(self.plugins, schema)
    }

    fn stage_by(&self, plugins: &dyn Plugins, schema: &SchemaRef) -> Result<Box<dyn Transform>> {
        let options = &self.subject.options;
        plugins.transform(&self.info.name, &self.context(), schema.clone(), options)
    }

    /// All that comes out of some batches, in one.
    fn pass(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
        self.pass_by(self.plugins, schema, batches)
    }

    fn pass_by(
        &self,
        plugins: &dyn Plugins,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<RecordBatch> {
        let mut stage = self.stage_by(plugins, schema)?;
        let mut emitted = Vec::new();
        for batch in batches {
            stage.process(batch, &mut emitted)?;
        }
        stage.finish(&mut emitted)?;
        Ok(concat_batches(&stage.output_schema(), &emitted)?)
    }
}

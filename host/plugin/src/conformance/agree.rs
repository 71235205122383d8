//! Whether two builds of a plugin do the same: the component and the native library.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tidelake_columns::samples::{Flavour, LAYOUTS, cut, difference, relaid, sliced};
use tidelake_core::plugin::{DownsampleSpec, PluginContext, PluginKind, Plugins};
use tidelake_core::{Error, ErrorKind, Result};

use super::judge::th1;
use super::writer::File;
use super::{Case, Check, Checks, LARGE, ROWS, Subject, moves_rows, noted, passed, samples};
use crate::measure::{BUCKET, with_bucket};

/// What came of one piece of work.
enum Outcome {
    Rows(Vec<RecordBatch>),
    File(Vec<u8>),
    Refused(ErrorKind, String),
}

/// Runs two builds of one plugin over the same rows, of every flavour, layout and type, and
/// compares all that comes out: rows and their th1 digests, the bytes of files, and errors
/// word for word.
pub fn agree(
    one: &dyn Plugins,
    other: &dyn Plugins,
    name: &str,
    subject: &Subject,
) -> Result<Vec<Check>> {
    let info = one.describe(name)?;
    moves_rows(&info)?;
    let samples = samples(subject)?;
    let compare = |batches: &[RecordBatch]| {
        let run = |plugins| outcome(plugins, info.kind, name, subject, batches);
        same(run(one), run(other))
    };
    let mut checks = Checks { told: &mut |_| {}, done: Vec::new() };
    checks.run("they say the same of themselves", || {
        let mut theirs = other.describe(name).map_err(|error| error.to_string())?;
        theirs.digest.clone_from(&info.digest);
        if theirs == info { passed() } else { Err(format!("{info:?}, {theirs:?}")) }
    });
    for (name, rows, flavour) in [
        ("no row", 0, Flavour::Ordinary),
        ("ordinary rows", ROWS, Flavour::Ordinary),
        ("rows in several pieces", LARGE, Flavour::Ordinary),
        ("nulls everywhere", ROWS, Flavour::Nulls),
        ("all null", ROWS, Flavour::AllNull),
        ("the ends of the types", ROWS, Flavour::Edges),
    ] {
        checks.run(name, || compare(&[samples.batch(0..rows, flavour)?]));
    }
    checks.run("slices, and several batches", || {
        let batch = samples.batch(0..ROWS, Flavour::Nulls)?;
        compare(&[sliced(&batch)?])?;
        compare(&cut(&batch))
    });
    for layout in LAYOUTS {
        let batch = samples.batch(0..ROWS, Flavour::Nulls);
        if let Some(batch) = batch.ok().and_then(|batch| relaid(&batch, layout)) {
            checks.run(layout.name(), || compare(&[batch]));
        }
    }
    checks.run("a column of every type", || {
        for schema in samples.with_every_type() {
            for flavour in [Flavour::Ordinary, Flavour::Nulls] {
                let batch = samples.batch_of(&schema, 0..ROWS, flavour, 0)?;
                let further = schema.fields().last().map(|f| f.data_type().to_string());
                compare(std::slice::from_ref(&batch))
                    .and_then(|_| compare(&[sliced(&batch)?]))
                    .map_err(|why| format!("{}: {why}", further.unwrap_or_default()))?;
            }
        }
        passed()
    });
    Ok(checks.done)
}

fn same(one: Outcome, other: Outcome) -> Case {
    match (one, other) {
        (Outcome::Refused(kind, message), Outcome::Refused(other_kind, other)) => {
            match kind == other_kind && message == other {
                true => noted(format!("both refuse: {message}")),
                false => Err(format!("{kind:?} {message:?}, {other_kind:?} {other:?}")),
            }
        }
        (Outcome::Refused(_, message), _) => Err(format!("only the one refuses: {message}")),
        (_, Outcome::Refused(_, message)) => Err(format!("only the other refuses: {message}")),
        (Outcome::File(one), Outcome::File(other)) => match one == other {
            true => noted(format!("{} bytes", one.len())),
            false => Err(format!("files of {} and {} bytes differ", one.len(), other.len())),
        },
        (Outcome::Rows(one), Outcome::Rows(other)) => {
            if one.len() != other.len() {
                return Err(format!("{} batches, {}", one.len(), other.len()));
            }
            let mut rows = 0;
            for (one, other) in one.iter().zip(&other) {
                rows += one.num_rows();
                if one.schema() != other.schema() {
                    return Err(format!("{}, {}", one.schema(), other.schema()));
                }
                if let Some(difference) = difference(one, other, &[]) {
                    return Err(difference);
                }
            }
            if th1(&one) != th1(&other) {
                return Err("th1 digests differ".to_owned());
            }
            noted(format!("{rows} rows come out"))
        }
        _ => Err("rows on the one side, a file on the other".to_owned()),
    }
}

fn outcome(
    plugins: &dyn Plugins,
    kind: PluginKind,
    name: &str,
    subject: &Subject,
    batches: &[RecordBatch],
) -> Outcome {
    match run(plugins, kind, name, subject, batches) {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Refused(error.kind(), error.message().to_owned()),
    }
}

fn run(
    plugins: &dyn Plugins,
    kind: PluginKind,
    name: &str,
    subject: &Subject,
    batches: &[RecordBatch],
) -> Result<Outcome> {
    let Some(first) = batches.first() else { return Ok(Outcome::Rows(Vec::new())) };
    let (schema, options) = (first.schema(), &subject.options);
    let context = PluginContext { table: "sample".to_owned(), unit: "agree".to_owned() };
    let mut out = Vec::new();
    match kind {
        PluginKind::Transform => {
            let mut stage = plugins.transform(name, &context, schema, options)?;
            batches.iter().try_for_each(|batch| stage.process(batch, &mut out))?;
            stage.finish(&mut out)?;
        }
        PluginKind::FormatWriter => {
            let file = File::default();
            let sink = Box::new(file.clone());
            let mut writer = plugins.format_writer(name, &context, schema, &[], options, sink)?;
            batches.iter().try_for_each(|batch| writer.write(batch))?;
            writer.buffered()?;
            writer.finish()?;
            return Ok(Outcome::File(file.take()));
        }
        PluginKind::Downsampler => {
            let mut row = 0;
            let bucketed = batches.iter().map(|batch| {
                row += batch.num_rows();
                with_bucket(batch, subject, row - batch.num_rows())
            });
            let batches = bucketed.collect::<Result<Vec<_>>>()?;
            let schema = batches[0].schema();
            let spec = spec(subject, &schema)?;
            let mut rollup = plugins.downsampler(name, &context, schema, &spec, options)?;
            batches.iter().try_for_each(|batch| rollup.update(batch))?;
            rollup.drain(&mut out)?;
            // What was drained merges into the same again.
            for partials in out.clone() {
                rollup.merge(&partials)?;
            }
            rollup.drain(&mut out)?;
        }
        PluginKind::StorageBackend | PluginKind::Source => {}
    }
    Ok(Outcome::Rows(out))
}

fn spec(subject: &Subject, schema: &SchemaRef) -> Result<DownsampleSpec> {
    let index = |name: &str| schema.index_of(name).map_err(Error::from);
    Ok(DownsampleSpec {
        time_column: index(subject.time.as_deref().unwrap_or_default())?,
        bucket_column: index(BUCKET)?,
        group_columns: subject.key.iter().map(|name| index(name)).collect::<Result<_>>()?,
    })
}

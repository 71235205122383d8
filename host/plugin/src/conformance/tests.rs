//! The suite finds what it is for: plugins with one defect each. They are plain Rust
//! behind the traits, as an embedder's may be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{Float64Type, Int64Type};
use bytes::Bytes;
use serde_json::json;
use tidelake_core::plugin::{
    BatchSink, ByteSink, DownsampleSpec, Downsampler, FormatWriter, SortColumn, Transform,
};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    ShowsWhatIsUnderNulls,
    CountsBatches,
    NotDeterministic,
    RefusesWithoutTheColumn,
    RefusesLate,
    CrashesOnNan,
    TakesAnyOption,
    LosesRows,
    ForgetsTheLastBatch,
    KeepsWhatItDrained,
    SubtractsWhenMerging,
}
use Defect as D;

/// One plugin of a kind: `column` has to be Float64.
#[derive(Debug)]
struct Native {
    kind: PluginKind,
    defect: Defect,
    runs: AtomicU64,
    /// Bytes that may come out in one call.
    cap: usize,
}

fn native(kind: PluginKind, defect: Defect) -> Native {
    Native { kind, defect, runs: AtomicU64::new(0), cap: usize::MAX }
}

impl Native {
    fn column(&self, schema: &SchemaRef, options: &Value) -> Result<usize> {
        let options = options.as_object().expect("an object");
        if self.defect != D::TakesAnyOption
            && let Some(other) = options.keys().find(|key| *key != "column")
        {
            return Err(Error::config(format!("unknown option `{other}`")));
        }
        let name = options["column"].as_str().expect("a text");
        let field = schema.field_with_name(name);
        match field {
            Ok(field) if field.data_type() == &DataType::Float64 => Ok(schema.index_of(name)?),
            _ if self.defect == D::RefusesLate => Ok(usize::MAX),
            _ if self.defect == D::RefusesWithoutTheColumn => {
                Err(Error::unsupported("a column has a type that cannot be"))
            }
            _ => Err(Error::unsupported(format!("column `{name}` is not Float64"))),
        }
    }
}

impl Plugins for Native {
    fn describe(&self, name: &str) -> Result<PluginInfo> {
        let info = json!({
            "name": name, "version": "1.0.0", "kind": self.kind, "description": "One line.",
            "row_wise": true,
        });
        Ok(serde_json::from_value(info).expect("a description"))
    }

    fn transform(
        &self,
        _: &str,
        _: &PluginContext,
        input: SchemaRef,
        options: &Value,
    ) -> Result<Box<dyn Transform>> {
        let column = self.column(&input, options)?;
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let mut fields = input.fields().to_vec();
        fields.push(Arc::new(Field::new("added", DataType::Float64, true)));
        let schema = Arc::new(Schema::new(fields));
        let (defect, cap) = (self.defect, self.cap);
        Ok(Box::new(Adds { column, defect, cap, run, seen: 0, schema }))
    }

    fn format_writer(
        &self,
        _: &str,
        _: &PluginContext,
        schema: SchemaRef,
        _: &[SortColumn],
        options: &Value,
        out: Box<dyn ByteSink>,
    ) -> Result<Box<dyn FormatWriter>> {
        let name = schema.fields().first().map_or("", |field| field.name());
        let mut options = options.clone();
        options["column"] = name.into();
        self.column(&schema, &options)?;
        Ok(Box::new(Lines { defect: self.defect, cap: self.cap, text: Vec::new(), out }))
    }

    fn downsampler(
        &self,
        _: &str,
        _: &PluginContext,
        input: SchemaRef,
        spec: &DownsampleSpec,
        options: &Value,
    ) -> Result<Box<dyn Downsampler>> {
        let column = self.column(&input, options)?;
        let schema = Schema::new(vec![
            input.field(spec.time_column).clone(),
            Field::new("sum", DataType::Float64, true),
        ]);
        let bucket = spec.bucket_column;
        let (defect, schema) = (self.defect, Arc::new(schema));
        Ok(Box::new(Sums { column, bucket, defect, schema, sums: BTreeMap::new() }))
    }
}

struct Adds {
    column: usize,
    defect: Defect,
    cap: usize,
    run: u64,
    seen: u64,
    schema: SchemaRef,
}

impl Transform for Adds {
    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: &RecordBatch, out: &mut dyn BatchSink) -> Result<()> {
        if batch.num_rows() * 8 > self.cap {
            return Err(Error::exhausted("the cap is reached"));
        }
        let values = batch.column(self.column).as_primitive::<Float64Type>();
        self.seen += 1;
        let constant = |value: u64| values.iter().map(|_| Some(value as f64)).collect();
        let added: Float64Array = match self.defect {
            D::ShowsWhatIsUnderNulls => values.values().iter().copied().collect(),
            D::CountsBatches => constant(self.seen),
            D::NotDeterministic => constant(self.run),
            D::CrashesOnNan if values.iter().flatten().any(f64::is_nan) => {
                return Err(Error::plugin("plugin `x` crashed: no NaN, please"));
            }
            _ => values.unary(|v| v * 2.0),
        };
        let columns = batch.columns().iter().cloned().chain([Arc::new(added) as ArrayRef]);
        out.emit(RecordBatch::try_new(self.schema.clone(), columns.collect())?)
    }

    fn finish(&mut self, _: &mut dyn BatchSink) -> Result<()> {
        Ok(())
    }
}

/// Writes the first column, the bits of each value on a line.
struct Lines {
    defect: Defect,
    cap: usize,
    text: Vec<u8>,
    out: Box<dyn ByteSink>,
}

impl FormatWriter for Lines {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(values) = batch.column(0).as_primitive_opt::<Float64Type>() else {
            return Err(Error::unsupported("`the_column` is not Float64"));
        };
        if self.defect == D::ForgetsTheLastBatch {
            self.text.clear();
        }
        let lose = usize::from(self.defect == D::LosesRows && batch.num_rows() == ROWS);
        for value in values.iter().skip(lose) {
            let line = value.map_or("null".to_owned(), |v| v.to_bits().to_string());
            self.text.extend_from_slice(format!("{line}\n").as_bytes());
        }
        Ok(())
    }

    fn buffered(&mut self) -> Result<u64> {
        Ok(self.text.len() as u64)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        match self.text.len() > self.cap {
            true => Err(Error::exhausted("the cap is reached")),
            false => self.out.write(Bytes::from(self.text)),
        }
    }
}

/// Reads such a file into the columns that were written: the others are of no matter
/// here, and taken from a batch of nulls.
fn read_lines(file: &[u8], schema: &SchemaRef, _: usize) -> Result<ReadBack, String> {
    let text = std::str::from_utf8(file).map_err(|e| e.to_string())?;
    let value = |line: &str| line.parse::<u64>().ok().map(f64::from_bits);
    let values: Float64Array = text.lines().map(value).collect();
    match schema.fields().len() {
        1 if schema.field(0).data_type() == &DataType::Float64 => {
            let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(values)]);
            batch.map(ReadBack::Rows).map_err(|e| e.to_string())
        }
        _ => Ok(ReadBack::Unknown("not such a file".to_owned())),
    }
}

struct Sums {
    column: usize,
    bucket: usize,
    defect: Defect,
    schema: SchemaRef,
    sums: BTreeMap<i64, f64>,
}

impl Sums {
    fn add(&mut self, buckets: &ArrayRef, values: &ArrayRef, sign: f64) {
        let data = buckets.to_data().into_builder().data_type(DataType::Int64);
        let buckets = arrow::array::make_array(data.build().expect("64 bits"));
        let buckets = buckets.as_primitive::<Int64Type>().iter().flatten();
        for (bucket, value) in buckets.zip(values.as_primitive::<Float64Type>()) {
            *self.sums.entry(bucket).or_default() += sign * value.unwrap_or_default();
        }
    }
}

impl Downsampler for Sums {
    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        self.add(batch.column(self.bucket), batch.column(self.column), 1.0);
        Ok(())
    }

    fn merge(&mut self, partials: &RecordBatch) -> Result<()> {
        let sign = if self.defect == D::SubtractsWhenMerging && !self.sums.is_empty() {
            -1.0
        } else {
            1.0
        };
        self.add(partials.column(0), partials.column(1), sign);
        Ok(())
    }

    fn drain(&mut self, out: &mut dyn BatchSink) -> Result<()> {
        let buckets = self.sums.keys().copied().collect::<Int64Array>().to_data().into_builder();
        let buckets = buckets.data_type(self.schema.field(0).data_type().clone()).build()?;
        let sums: Float64Array = self.sums.values().map(|sum| Some(*sum)).collect();
        if self.defect != D::KeepsWhatItDrained {
            self.sums.clear();
        }
        let columns = vec![arrow::array::make_array(buckets), Arc::new(sums) as ArrayRef];
        out.emit(RecordBatch::try_new(self.schema.clone(), columns)?)
    }
}

/// All that is not as it should be.
fn failures(kind: PluginKind, defect: Defect) -> Vec<(String, String)> {
    let mut subject = Subject::default();
    if kind == PluginKind::FormatWriter {
        subject.schema = Arc::new(Schema::new(vec![Field::new("price", DataType::Float64, true)]));
        (subject.time, subject.key) = (None, Vec::new());
    } else {
        subject.options = json!({ "column": "price" });
        subject.key.clear();
    }
    let (plugins, mut tight) = (native(kind, defect), native(kind, defect));
    tight.cap = 64 << 10;
    let suite = Suite::new(&plugins, "x", &subject).expect("a suite");
    let checks = suite.under_cap(&tight).read_by(&read_lines).run(&mut |_| {});
    assert!(checks.len() > 15, "{checks:?}");
    let failed = checks.into_iter().filter(|check| check.verdict == Verdict::Failed);
    failed.map(|check| (check.name, check.note)).collect()
}

#[track_caller]
fn assert_found(kind: PluginKind, defect: Defect, name: &str, how: &str) {
    let failures = failures(kind, defect);
    let found = failures.iter().any(|(check, note)| check.contains(name) && note.contains(how));
    assert!(found, "{defect:?}: nothing about {how:?} in {name:?}: {failures:?}");
}

#[test]
fn sound_plugins_pass() {
    for kind in [PluginKind::Transform, PluginKind::Downsampler, PluginKind::FormatWriter] {
        assert_eq!(failures(kind, D::None), [], "{kind}");
    }
}

#[test]
fn defects_of_transforms_are_found_and_named() {
    let found = |defect, name, how| assert_found(PluginKind::Transform, defect, name, how);
    found(D::ShowsWhatIsUnderNulls, "nulls everywhere", "under a null shows: column `added`");
    found(D::CountsBatches, "a stream cut", "column `added`, row 0: 2.0 instead of 1.0");
    found(D::NotDeterministic, "one row", "not deterministic: column `added`, row 0");
    found(D::NotDeterministic, "content hash", "and then th1:");
    found(D::CrashesOnNan, "NaN", "no NaN, please");
    found(D::TakesAnyOption, "unknown option", "was taken");
    found(D::RefusesWithoutTheColumn, "its own columns", "does not name column `price`");
    found(D::RefusesLate, "its own columns", "panicked");
}

#[test]
fn defects_of_downsamplers_are_found_and_named() {
    let found = |defect, name, how| assert_found(PluginKind::Downsampler, defect, name, how);
    found(D::KeepsWhatItDrained, "begins anew", "groups come twice");
    found(D::SubtractsWhenMerging, "associative", "merged as a, b, c: column `sum`");
}

#[test]
fn defects_of_writers_are_found_and_named() {
    let found = |defect, name, how| assert_found(PluginKind::FormatWriter, defect, name, how);
    found(D::LosesRows, "many rows", "read back: 202 rows instead of 203");
    found(D::ForgetsTheLastBatch, "many rows", "read back: 102 rows instead of 203");
    found(D::RefusesLate, "a column of every type", "Null: ordinary rows were refused");
    found(D::RefusesWithoutTheColumn, "every type", "does not name column `the_column`");
    found(D::TakesAnyOption, "unknown option", "was taken");
}

#[test]
fn a_subject_names_columns_that_are_there() {
    let subject = Subject { key: vec!["ticker".into()], ..Subject::default() };
    let plugins = native(PluginKind::Transform, D::None);
    let error = Suite::new(&plugins, "x", &subject).expect_err("no such column");
    assert!(error.message().contains("\"ticker\""), "{error}");
}

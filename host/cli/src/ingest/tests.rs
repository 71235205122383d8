use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    Array, AsArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int64Type, Schema};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;
use tidelake_core::config::{self, types::type_name};
use tidelake_core::table::TableSpec;

use super::bad::{BadRows, OnError};
use super::lookup::Lookup;
use super::*;
use tidelake_core::columns::{Origin, known};

fn spec(extra: &str) -> TableSpec {
    let text = format!("[table.t]\ntime = \"ts\"\nkey = [\"sym\"]\n{extra}");
    config::parse(&text).unwrap().tables.remove("t").unwrap()
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn add(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn read_into(target: &Target, file: &Path, on_error: OnError) -> Result<(RecordBatch, BadRows)> {
    let mut bad = BadRows::new(on_error);
    let mut reader = FileReader::open(file, target)?;
    let mut batches = Vec::new();
    while let Some(batch) = reader.next(&mut bad)? {
        batches.push(batch);
    }
    Ok((concat_batches(&target.schema, &batches)?, bad))
}

fn ingest(spec: &TableSpec, file: &Path, on_error: OnError) -> Result<(RecordBatch, BadRows)> {
    let target = target(spec, known(spec, None), &[file.to_owned()], None)?;
    read_into(&target, file, on_error)
}

fn types(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|f| format!("{} {}", f.name(), type_name(f.data_type()))).collect()
}

const GOOD: &str = "sym,ts,price,size\nA,2013-03-01,1.5,10\nB,2013-03-02,2,\nA,2013-03-03,3,30\n";

#[test]
fn csv_gets_its_types_from_its_values() {
    let files = Files::new();
    let path = files.add("a.csv", GOOD);
    let (batch, bad) = ingest(&spec(""), &path, OnError::Abort).unwrap();
    assert_eq!(types(&batch.schema()), ["sym utf8", "ts date32", "price float64", "size int64"]);
    assert_eq!((batch.num_rows(), bad.count), (3, 0));
    assert!(batch.column(3).is_null(1));
}

#[test]
fn packed_and_otherwise_separated_text_is_the_same() {
    let files = Files::new();
    let plain = ingest(&spec(""), &files.add("a.csv", GOOD), OnError::Abort).unwrap().0;
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(GOOD.replace(',', ";").as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    // Neither name says what it is.
    let path = files.add("b.data", &packed);
    assert_eq!(ingest(&spec(""), &path, OnError::Abort).unwrap().0, plain);
    let cut = files.add("c.csv.gz", &packed[..packed.len() - 12]);
    let error = ingest(&spec(""), &cut, OnError::Skip).unwrap_err();
    assert!(error.message().contains("cut short"), "{error:?}");
}

#[test]
fn bad_rows_are_named_or_counted() {
    let text = "sym,ts,price\nA,2013-03-01,1\nB,2013-03-02,oops\nC,not a time,3\nD,,4\n\
                E,2013-03-05\n\"F\nF\",2013-03-06,6\nG,2013-03-07,7.x\nH,2013-03-08,8\n";
    let files = Files::new();
    let path = files.add("a.csv", text);
    let error = ingest(&spec(""), &path, OnError::Abort).unwrap_err().to_string();
    // The first row that is bad in itself, before any value is looked at.
    assert!(error.contains("line 6") && error.contains("2 fields"), "{error}");
    let (batch, bad) = ingest(&spec(""), &path, OnError::Skip).unwrap();
    assert_eq!((batch.num_rows(), bad.count), (3, 5));
    let shown: Vec<String> = bad.shown.iter().map(|row| row.to_string()).collect();
    let all = shown.join("\n");
    for words in [
        "line 3, column \"price\": \"oops\" is not",
        "line 4, column \"ts\": \"not a time\" is not a time",
        "line 5, column \"ts\": the time is missing",
        // The quoted field before it has a line end.
        "line 9, column \"price\": \"7.x\"",
    ] {
        assert!(all.contains(words), "{words:?} is not in\n{all}");
    }
    let path = files.add("b.csv", text.replace("E,2013-03-05\n", ""));
    let error = ingest(&spec(""), &path, OnError::Abort).unwrap_err();
    assert!(error.to_string().contains("b.csv"), "{error}");
    assert!(error.help().unwrap().contains("--on-error skip"));
}

#[test]
fn a_time_column_must_be_there_and_hold_times() {
    let files = Files::new();
    let fails = |text: &str, words: &[&str]| {
        let error = ingest(&spec(""), &files.add("a.csv", text), OnError::Skip).unwrap_err();
        for word in words {
            assert!(format!("{error:?}").contains(word), "{word:?} is not in {error:?}");
        }
    };
    fails("sym,price\nA,1\n", &["time column \"ts\"", "sym, price"]);
    fails("sym,ts\nA,yesterday\nA,today\n", &["holds no times", "\"yesterday\" on line 2"]);
    fails("sym,ts\nA,1362182400\n", &["whole numbers", "[table.t.schema]"]);
    fails("sym,ts\n", &["no rows"]);
    fails("", &["empty"]);
    fails("sym,ts,sym\nA,2013-03-01,B\n", &["\"sym\" is there twice"]);
    let declared = spec("[table.t.schema]\nsym = \"utf8\"\nts = \"timestamp(s)\"\n");
    let path = files.add("b.csv", "sym,ts\nA,1362182400\nB,2013-03-02T00:00:00\n");
    let (batch, _) = ingest(&declared, &path, OnError::Abort).unwrap();
    let times = arrow::compute::cast(batch.column(1), &arrow::datatypes::DataType::Int64).unwrap();
    assert_eq!(times.as_primitive::<Int64Type>().values(), &[1_362_182_400, 1_362_182_400]);
}

#[test]
fn a_changed_schema_names_every_difference() {
    let files = Files::new();
    let spec = spec("");
    let first = ingest(&spec, &files.add("a.csv", GOOD), OnError::Abort).unwrap().0.schema();
    let target = target(&spec, Some((first, Origin::Table("t".into()))), &[], None).unwrap();
    let fails = |text: &str, words: &[&str]| {
        let error = read_into(&target, &files.add("b.csv", text), OnError::Skip).unwrap_err();
        for word in words {
            assert!(format!("{error:?}").contains(word), "{word:?} is not in {error:?}");
        }
    };
    let row = "A,2013-03-01,1,1";
    fails(
        &format!("sym,ts,prize,venue\n{row}\n"),
        &[
            "no column \"price\" (it has \"prize\")",
            "no column \"size\"",
            "\"prize\" is new",
            "\"venue\" is new",
            "table \"t\"",
        ],
    );
    fails(
        "sym,ts,price,size\nA,2013-03-01,1,many\nA,2013-03-01,1,few\nA,2013-03-01,1,some\n",
        &["column \"size\" is utf8, not int64"],
    );
    // Another order of columns is no change.
    let path = files.add("c.csv", "size,price,ts,sym\n1,2,2013-03-01,A\n");
    assert_eq!(read_into(&target, &path, OnError::Abort).unwrap().0.num_rows(), 1);
}

#[test]
fn ndjson_lines_are_found_when_they_are_bad() {
    let files = Files::new();
    let text = "{\"ts\": \"2013-03-01T10:00:00\", \"sym\": \"A\", \"price\": 1.5}\n\n\
                {\"ts\": \"2013-03-02\", \"sym\": \"B\", \"price\": null}\n";
    let path = files.add("a.ndjson", text);
    let (batch, _) = ingest(&spec(""), &path, OnError::Abort).unwrap();
    assert_eq!(batch.num_rows(), 2);
    assert_eq!(
        type_name(batch.schema().field_with_name("ts").unwrap().data_type()),
        "timestamp(us)"
    );
    let bad_lines = "{\"ts\": \"2013-03-03\", \"sym\": \"C\", \"price\": \"dear\"}\n{\"ts\": oops\n\
                     {\"ts\": null, \"sym\": \"D\"}\n{\"ts\": \"2013-03-04\", \"sym\": \"E\"}\n";
    let path = files.add("b.ndjson", format!("{text}{bad_lines}"));
    let target = target(&spec(""), None, &[files.0.path().join("a.ndjson")], None).unwrap();
    let (batch, bad) = read_into(&target, &path, OnError::Skip).unwrap();
    assert_eq!((batch.num_rows(), bad.count), (3, 3));
    let lines: Vec<u64> = bad.shown.iter().map(|row| row.line).collect();
    assert_eq!(lines, [4, 5, 6]);
    assert_eq!(bad.shown[0].column.as_deref(), Some("price"), "{:?}", bad.shown);
    let path = files.add("c.ndjson", format!("{{\"venue\": 1}}\n{text}"));
    let error = read_into(&target, &path, OnError::Skip).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("\"venue\" is new"), "{error}");
}

#[test]
fn typed_files_are_compared_by_type() {
    let files = Files::new();
    let batch = RecordBatch::try_from_iter([
        ("sym", Arc::new(StringArray::from(vec!["A", "B"])) as arrow::array::ArrayRef),
        ("ts", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None]))),
        ("size", Arc::new(Int32Array::from(vec![1, 2]))),
    ])
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let parquet = files.add("a.parquet", &bytes);
    let mut ipc = arrow::ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    ipc.write(&batch).unwrap();
    let ipc = files.add("a.bin", ipc.into_inner().unwrap());
    for path in [&parquet, &ipc] {
        let (read, bad) = ingest(&spec(""), path, OnError::Skip).unwrap();
        assert_eq!((read.num_rows(), bad.count), (1, 1));
        assert_eq!(bad.shown[0].line, 2);
    }
    let narrow = spec(
        "[table.t.schema]\nsym = \"dictionary(utf8)\"\nts = \"timestamp(ns)\"\nsize = \"int16\"\n",
    );
    let error = ingest(&narrow, &parquet, OnError::Skip).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("\"size\" is int32, not int16") && !error.contains("\"ts\""), "{error}");
    let broken = files.add("b.parquet", &bytes[..bytes.len() / 2]);
    let error = ingest(&spec(""), &broken, OnError::Skip).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("not readable as Parquet"), "{error}");
}

#[test]
fn a_lookup_adds_its_columns() {
    let files = Files::new();
    let path = files.add("a.csv", GOOD);
    let lookup = Lookup::read(&files.add("l.csv", "sym,class,rank\nA,x,1\n"), "sym").unwrap();
    let target = target(&spec(""), None, std::slice::from_ref(&path), Some(lookup)).unwrap();
    let (batch, bad) = read_into(&target, &path, OnError::Abort).unwrap();
    assert_eq!(types(&batch.schema())[4..], ["class utf8", "rank int64"]);
    assert_eq!(batch.column(4).as_string::<i32>().value(2), "x");
    assert!(batch.column(5).is_null(1));
    assert_eq!((bad.unmatched, bad.count), (1, 0));
    assert!(bad.unmatched_keys.contains_key("B"));
    for (text, words) in [("sym,c\nA,1\nA,2\n", "twice"), ("symbol,c\nA,1\n", "no column \"sym\"")]
    {
        let error = Lookup::read(&files.add("m.csv", text), "sym").unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

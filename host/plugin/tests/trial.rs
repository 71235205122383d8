use std::sync::{Arc, Mutex};
use std::time::Instant;
use arrow::array::*;
use arrow::datatypes::*;
use serde_json::json;
use tidelake_core::plugin::*;
use tidelake_plugin::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);
impl ByteSink for Sink {
    fn write(&mut self, b: bytes::Bytes) -> tidelake_core::Result<()> { self.0.lock().unwrap().extend_from_slice(&b); Ok(()) }
}

#[test]
fn trial() {
    let host = PluginHost::new(HostOptions { plugin_dirs: vec!["/work/main/target/plugins".into()], cache_dir: "/tmp/pg/cache".into(), ..Default::default() }).unwrap();
    let t = Instant::now();
    for (n, i) in host.list() { println!("{n}: {:?}", i.map(|i| (i.kind, i.version, i.row_wise, i.file_format, i.extension))); }
    println!("list {:?}", t.elapsed());
    let rows = 200_000;
    let schema = Arc::new(Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, None), false),
        Field::new("symbol", DataType::Utf8, false),
        Field::new("price", DataType::Float64, true),
        Field::new("size", DataType::Int64, false),
        Field::new("bucket", DataType::Timestamp(TimeUnit::Microsecond, None), false),
    ]));
    let ts = TimestampMicrosecondArray::from_iter_values((0..rows).map(|i| i * 1000));
    let bk = TimestampMicrosecondArray::from_iter_values((0..rows).map(|i| i / 60000 * 60_000_000));
    let batch = RecordBatch::try_new(schema.clone(), vec![
        Arc::new(ts), Arc::new(StringArray::from_iter_values((0..rows).map(|i| format!("S{}", i % 50)))),
        Arc::new(Float64Array::from_iter((0..rows).map(|i| (i % 10 != 0).then_some(i as f64)))),
        Arc::new(Int64Array::from_iter_values(0..rows)), Arc::new(bk)]).unwrap();
    let ctx = PluginContext { table: "trades".into(), unit: "u1".into() };
    let mut m = host.transform("mask", &ctx, schema.clone(), &json!({"columns": ["symbol"], "salt": "a long secret of sorts"})).unwrap();
    let mut out: Vec<RecordBatch> = vec![];
    let t = Instant::now();
    m.process(&batch, &mut out).unwrap();
    m.finish(&mut out).unwrap();
    println!("mask {:?} rows {} {:?}", t.elapsed(), out.iter().map(|b| b.num_rows()).sum::<usize>(), out[0].slice(0, 2));
    drop(m);
    println!("{:?}", host.transform("mask", &ctx, schema.clone(), &json!({"columns": ["nope"], "salt": "a long secret of sorts"})).err());
    println!("{:?}", host.transform("format-json", &ctx, schema.clone(), &json!({})).err());
    for (f, o) in [("format-parquet", json!({"compression": "zstd"})), ("format-json", json!({}))] {
        let sink = Sink::default();
        let t = Instant::now();
        let name = if f == "format-parquet" { "parquet" } else { "json" };
        let w = host.format_writer(f, &ctx, schema.clone(), &[], &o, Box::new(sink.clone())).or_else(|e| { println!("{e:?}"); host.format_writer(name, &ctx, schema.clone(), &[], &json!({}), Box::new(sink.clone())) });
        let Ok(mut w) = w else { println!("{:?}", w.err()); continue };
        w.write(&batch).unwrap();
        println!("buffered {:?}", w.buffered());
        w.finish().unwrap();
        println!("{f} {:?} {} bytes", t.elapsed(), sink.0.lock().unwrap().len());
        std::fs::write(format!("/tmp/pg/{f}.out"), &*sink.0.lock().unwrap()).unwrap();
    }
    let spec = DownsampleSpec { time_column: 0, bucket_column: 4, group_columns: vec![1] };
    match host.downsampler("ohlcv", &ctx, schema.clone(), &spec, &json!({"price": "price", "volume": "size"})) {
        Err(e) => println!("{e:?}"),
        Ok(mut d) => {
            let t = Instant::now();
            d.update(&batch).unwrap();
            let mut out: Vec<RecordBatch> = vec![];
            d.drain(&mut out).unwrap();
            println!("ohlcv {:?} {:?} {:?}", t.elapsed(), d.output_schema().fields().len(), out[0].slice(0, 2));
            d.merge(&out[0]).unwrap();
            let mut again: Vec<RecordBatch> = vec![];
            d.drain(&mut again).unwrap();
            println!("merged equal {}", again == out);
        }
    }
    println!("{:#?}", host.stats());
}

//! Writes files for foreign readers into a folder, and beside each one the same rows as
//! an Arrow stream: `cargo run --example files -- FOLDER`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tidelake_format_orc_roundtrip::{flat, nested, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    fs::create_dir_all(&folder)?;
    let small = |compression: &str| json!({"compression": compression, "stripe_rows": 25_000});
    let mut cases: Vec<(String, arrow_array::RecordBatch, Value)> = Vec::new();
    for compression in ["none", "zlib", "snappy", "lz4", "zstd"] {
        for nulls in [false, true] {
            let name = format!("{compression}-{}", if nulls { "nulls" } else { "full" });
            cases.push((name, flat(60_000, nulls), small(compression)));
        }
        cases.push((format!("{compression}-nested"), nested(60_000), small(compression)));
    }
    cases.push(("defaults".to_owned(), flat(400_000, true), json!({})));
    cases.push(("odd-stride".to_owned(), flat(5_000, true), json!({"row_index_stride": 333})));
    let filter = json!({"bloom_filter": true});
    let columns = json!({"symbol": filter, "unique": filter, "big": filter, "day": filter});
    cases.push(("bloom".to_owned(), flat(60_000, true), json!({"columns": columns})));
    cases.push(("empty".to_owned(), flat(0, true), json!({})));
    for (name, batch, options) in cases {
        let file = write(&batch, &[], &options)?;
        fs::write(Path::new(&folder).join(format!("{name}.orc")), file)?;
        let to = fs::File::create(Path::new(&folder).join(format!("{name}.arrow")))?;
        let mut writer = arrow_ipc::writer::StreamWriter::try_new(to, &batch.schema())?;
        writer.write(&batch)?;
        writer.finish()?;
    }
    Ok(())
}

//! `format-orc`: writes Apache ORC.
//!
//! ```toml
//! [table.trades.layout]
//! format = "orc"
//! options = { compression = "zstd(3)", columns = { symbol = { dictionary = false } } }
//! ```
//!
//! Files are of version 0.12, which is what the
//! [specification](https://orc.apache.org/specification/ORCv1/) calls ORC v1 and every
//! reader knows. Row groups, stripes and the file have statistics, and row groups have
//! their positions in every stream, so that readers skip what a predicate rules out.
//!
//! | Arrow | ORC | how |
//! |---|---|---|
//! | boolean | boolean | bits |
//! | int8; int16, uint8; int32, uint16; int64, uint32, uint64 | tinyint; smallint; int; bigint | runs ([`rle`]); a uint64 that does not fit is an error |
//! | float16, float32; float64 | float; double | as they are |
//! | utf8 of all layouts | string | dictionary where values repeat, else as they are |
//! | binary of all layouts | binary | as they are |
//! | date32, date64 | date | runs of days |
//! | timestamp without a zone; with one | timestamp; timestamp with local time zone | runs of seconds and of nanoseconds |
//! | decimals of up to 38 digits | decimal | numbers of any length |
//! | dictionaries | their values | |
//! | lists, structs, maps | list, struct, map | lengths, and the columns inside |
//!
//! Types without a place in ORC (durations, intervals, times of day, unions) are refused
//! with what to do instead.
//!
//! Each stripe is handed to the host when it is complete. It ends at `stripe_rows` or
//! `stripe_bytes`, whichever comes first, because its streams stay in the plugin's memory
//! until then. The order of rows is in the file's user metadata as `tidelake.sort`:
//! `symbol asc nulls first, ts desc nulls last`.

mod bloom;
mod column;
mod compress;
mod file;
mod options;
mod proto;
mod rle;
mod schema;
mod statistics;
mod stream;

use std::io::{BufWriter, Write};

use arrow_schema::{Schema, SchemaRef};
use tidelake_sdk::{Batch, FormatWriter, Result, Sink, SortColumn};

pub use options::{ColumnOptions, OrcOptions};

use compress::Compression;
use file::File;

/// Bytes that are gathered before they cross to the host.
const BUFFER: usize = 256 << 10;

/// The plugin.
pub struct OrcFile(File<BufWriter<Sink>>);

impl FormatWriter for OrcFile {
    const NAME: &'static str = "format-orc";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Writes Apache ORC.";
    const FILE_FORMAT: &'static str = "orc";
    const EXTENSION: &'static str = "orc";
    type Options = OrcOptions;

    fn create(
        schema: SchemaRef,
        sort: &[SortColumn],
        options: OrcOptions,
        out: Sink,
    ) -> Result<Self> {
        options::check(&schema, &options)?;
        let compression = Compression::parse("compression", &options.compression)?;
        let plan = schema::plan(&schema, &options, compression)?;
        let out = BufWriter::with_capacity(BUFFER, out);
        let metadata = order(&schema, sort).into_iter().collect();
        Ok(Self(File::new(out, plan, compression, &options, metadata)))
    }

    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        self.0.write(batch.to_record_batch()?)
    }

    fn buffered(&self) -> u64 {
        (self.0.in_progress_bytes() + self.0.inner().buffer().len()) as u64
    }

    fn finish(self) -> Result<()> {
        self.0.finish()?.flush()?;
        Ok(())
    }
}

/// The order of rows, in words.
fn order(schema: &Schema, sort: &[SortColumn]) -> Option<proto::UserMetadataItem> {
    let columns: Vec<String> = sort
        .iter()
        .filter_map(|by| {
            let name = schema.fields().get(by.column)?.name();
            let direction = if by.descending { "desc" } else { "asc" };
            let nulls = if by.nulls_first { "first" } else { "last" };
            Some(format!("{name} {direction} nulls {nulls}"))
        })
        .collect();
    (!columns.is_empty()).then(|| proto::UserMetadataItem {
        name: Some("tidelake.sort".to_owned()),
        value: Some(columns.join(", ").into_bytes()),
    })
}

tidelake_sdk::export_format_writer!(OrcFile);

#[cfg(test)]
mod tests;

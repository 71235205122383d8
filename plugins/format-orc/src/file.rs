//! A file in progress: stripes, and the tail that says where they are ("File Tail").
//!
//! ```text
//! "ORC" │ stripe: indexes, data, footer │ … │ metadata │ footer │ postscript │ its length
//! ```

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StructArray};
use prost::Message;
use tidelake_sdk::Result;

use crate::column::{Column, Parts};
use crate::compress::{BLOCK, Compression};
use crate::options::OrcOptions;
use crate::proto;

const MAGIC: &str = "ORC";

/// A number that no registered writer has ("Footer", `writer`), and the one that readers
/// have for writers that they do not know.
const WRITER: u32 = i32::MAX as u32;

/// The first one of every registered writer but Java's ("Postscript", `writerVersion`): none
/// of the errors that readers know of older files is in these.
const WRITER_VERSION: u32 = 6;

/// Version 0.12 of the format, which is ORC v1.
const VERSION: [u32; 2] = [0, 12];

/// Days are those of the proleptic Gregorian calendar.
const PROLEPTIC_GREGORIAN: u32 = 2;

/// A file of stripes.
pub(crate) struct File<W> {
    out: W,
    written: u64,
    compression: Compression,
    stride: usize,
    stripe_rows: usize,
    stripe_bytes: usize,
    root: Column,
    types: Vec<proto::Type>,
    metadata: Vec<proto::UserMetadataItem>,
    /// Rows of the row group and of the stripe in progress.
    group: usize,
    rows: usize,
    stripes: Vec<proto::StripeInformation>,
    statistics: Vec<proto::StripeStatistics>,
}

impl<W: Write> File<W> {
    /// Begins a file; nothing is written yet.
    pub(crate) fn new(
        out: W,
        (root, types): (Column, Vec<proto::Type>),
        compression: Compression,
        options: &OrcOptions,
        metadata: Vec<proto::UserMetadataItem>,
    ) -> Self {
        Self {
            out,
            written: 0,
            compression,
            stride: options.row_index_stride as usize,
            stripe_rows: options.stripe_rows,
            stripe_bytes: options.stripe_bytes,
            root,
            types,
            metadata,
            group: 0,
            rows: 0,
            stripes: Vec::new(),
            statistics: Vec::new(),
        }
    }

    /// Where the bytes go.
    pub(crate) fn inner(&self) -> &W {
        &self.out
    }

    /// Bytes that wait for their stripe's end.
    pub(crate) fn in_progress_bytes(&self) -> usize {
        self.root.bytes()
    }

    /// Adds rows; row groups and stripes end where the options say so.
    pub(crate) fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let batch = StructArray::from(batch);
        let mut from = 0;
        while from < rows {
            let room = (self.stride - self.group).min(self.stripe_rows - self.rows);
            let len = room.min(rows - from);
            let part: ArrayRef = Arc::new(batch.slice(from, len));
            self.root.write(&part)?;
            (self.group, self.rows, from) = (self.group + len, self.rows + len, from + len);
            if self.group == self.stride {
                self.end_group()?;
            }
            if self.rows == self.stripe_rows || self.root.bytes() >= self.stripe_bytes {
                self.end_stripe()?;
            }
        }
        Ok(())
    }

    /// Writes what is left; the file is whole then.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.end_stripe()?;
        self.begin()?;
        let content = self.written;
        let metadata = proto::Metadata { stripe_stats: std::mem::take(&mut self.statistics) };
        let metadata_length = self.message(&metadata)?;
        let mut statistics = Vec::with_capacity(self.types.len());
        self.root.file_statistics(&mut statistics);
        let stripes = std::mem::take(&mut self.stripes);
        let footer = proto::Footer {
            header_length: Some(MAGIC.len() as u64),
            content_length: Some(content),
            number_of_rows: Some(stripes.iter().filter_map(|stripe| stripe.number_of_rows).sum()),
            stripes,
            types: std::mem::take(&mut self.types),
            metadata: std::mem::take(&mut self.metadata),
            statistics,
            row_index_stride: Some(self.stride as u32),
            writer: Some(WRITER),
            calendar: Some(PROLEPTIC_GREGORIAN),
            software_version: Some(concat!("tidelake ", env!("CARGO_PKG_VERSION")).to_owned()),
        };
        let footer_length = self.message(&footer)?;
        let compressed = self.compression != Compression::None;
        let postscript = proto::PostScript {
            footer_length: Some(footer_length),
            compression: Some(self.compression.kind()),
            compression_block_size: compressed.then_some(BLOCK as u64),
            version: VERSION.to_vec(),
            metadata_length: Some(metadata_length),
            writer_version: Some(WRITER_VERSION),
            magic: Some(MAGIC.to_owned()),
        };
        let mut postscript = postscript.encode_to_vec();
        // Far less than 256 bytes: no part of it grows with the file.
        postscript.push(postscript.len() as u8);
        self.put(&postscript)?;
        Ok(self.out)
    }

    fn end_group(&mut self) -> Result<()> {
        self.group = 0;
        self.root.end_group()
    }

    /// Ends the stripe, if anything is in it.
    fn end_stripe(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        if self.group > 0 {
            self.end_group()?;
        }
        self.begin()?;
        let mut parts = Parts::default();
        self.root.end_stripe(&mut parts)?;
        let offset = self.written;
        let mut streams = Vec::with_capacity(parts.index.len() + parts.data.len());
        for (stream, bytes) in parts.index {
            self.put(&bytes)?;
            streams.push(stream);
        }
        let index_length = self.written - offset;
        for (stream, bytes) in parts.data {
            self.put(&bytes)?;
            streams.push(stream);
        }
        let data_length = self.written - offset - index_length;
        let footer = proto::StripeFooter {
            streams,
            columns: parts.encodings,
            writer_timezone: Some("UTC".to_owned()),
        };
        let footer_length = self.message(&footer)?;
        self.stripes.push(proto::StripeInformation {
            offset: Some(offset),
            index_length: Some(index_length),
            data_length: Some(data_length),
            footer_length: Some(footer_length),
            number_of_rows: Some(self.rows as u64),
        });
        self.statistics.push(proto::StripeStatistics { col_stats: parts.statistics });
        self.rows = 0;
        Ok(())
    }

    /// Writes what every file begins with.
    fn begin(&mut self) -> Result<()> {
        if self.written == 0 { self.put(MAGIC.as_bytes()) } else { Ok(()) }
    }

    /// Writes a message and says how long it is.
    fn message(&mut self, message: &impl Message) -> Result<u64> {
        let bytes = self.compression.whole(&message.encode_to_vec())?;
        self.put(&bytes)?;
        Ok(bytes.len() as u64)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

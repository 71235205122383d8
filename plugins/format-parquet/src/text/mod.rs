//! Column chunks of text, written by codes.
//!
//! The `parquet` crate looks every value of a text column up by its bytes, and compares it
//! with the least and the greatest one so far. On ticks that is four fifths of the whole
//! time natively, and more in a guest. Here values become the codes of
//! [`tidelake_interner`] once, a whole batch at a time, and all else is done with codes:
//!
//! ```text
//! batch ── codes ──> page: codes, levels ──> runs and packed bits ──> compressed page
//!                     │                                                    │
//!                     └─ count of each code: bytes, least, greatest        v
//! dictionary page, made of the distinct texts <── close ──────────── data pages
//! ```
//!
//! A dictionary that outgrows its limit ends there, and the pages after it hold the values
//! themselves ([`Values::Plain`]), as the crate does it.
//!
//! Pages, headers, indexes and metadata are the crate's; only what is inside of pages is
//! made here. Columns inside of lists and structs are left to the crate.

mod compress;
mod hybrid;
mod page;

use std::io::Read;

use arrow_array::{Array, ArrayRef};
use bytes::{Buf, Bytes};
use parquet::basic::{BoundaryOrder, Compression, Encoding, EncodingMask, PageType, Type};
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use tidelake_interner::bounds::{Bound, Bounds, lower, upper};
use tidelake_interner::{Interner, for_each_text};

use compress::compress;
use page::PageBuilder;

/// What the properties say about one column.
#[derive(Debug)]
struct Rules {
    codec: Compression,
    statistics: EnabledStatistics,
    page_rows: usize,
    page_bytes: usize,
    dictionary_bytes: usize,
    dictionary_encoding: Encoding,
    /// How long texts in statistics are at most, of chunks and of pages.
    chunk_bound: Option<usize>,
    page_bound: Option<usize>,
    /// Distinct texts expected, and the wanted share of false answers.
    bloom: Option<(u64, f64)>,
    utf8: bool,
}

/// How values are written from now on.
enum Values {
    /// As codes.
    Dictionary(Box<Interner>),
    /// As they are.
    Plain,
}

/// A page that is written.
struct Written {
    offset: u64,
    size: usize,
    rows: usize,
    nulls: usize,
    text_bytes: usize,
    bounds: Bounds,
}

/// One column of one row group, in progress.
pub(crate) struct TextChunk {
    column: ColumnDescPtr,
    rules: Rules,
    values: Values,
    codes: Vec<u32>,
    page: PageBuilder,
    /// Data pages, one after the other.
    data: TrackedWrite<Vec<u8>>,
    pages: Vec<Written>,
    dictionary_pages: usize,
    /// The dictionary, once no code is added to it any more: its page's bytes and count.
    dictionary: Option<(Vec<u8>, usize)>,
    bloom: Option<Sbbf>,
    uncompressed: usize,
}

impl TextChunk {
    pub(crate) fn new(column: ColumnDescPtr, properties: &WriterProperties) -> Result<Self> {
        let path = column.path();
        let bloom = properties.bloom_filter_properties(path);
        let rules = Rules {
            codec: properties.compression(path),
            statistics: properties.statistics_enabled(path),
            page_rows: properties.data_page_row_count_limit(),
            page_bytes: properties.column_data_page_size_limit(path),
            dictionary_bytes: properties.column_dictionary_page_size_limit(path),
            dictionary_encoding: properties.dictionary_page_encoding(),
            chunk_bound: properties.statistics_truncate_length(),
            page_bound: properties.column_index_truncate_length(),
            bloom: bloom.map(|bloom| (bloom.ndv(), bloom.fpp())),
            utf8: column.logical_type_ref().is_some(),
        };
        let page = PageBuilder::new(column.max_def_level() > 0);
        Ok(Self {
            column,
            rules,
            values: Values::Dictionary(Box::default()),
            codes: Vec::new(),
            page,
            data: TrackedWrite::new(Vec::new()),
            pages: Vec::new(),
            dictionary_pages: 0,
            dictionary: None,
            bloom: None,
            uncompressed: 0,
        })
    }

    /// Bytes that it will have in the file, about.
    pub(crate) fn estimated_bytes(&self) -> usize {
        let dictionary = match (&self.values, &self.dictionary) {
            (Values::Dictionary(interner), _) => dictionary_bytes(interner),
            (Values::Plain, dictionary) => dictionary.as_ref().map_or(0, |(page, _)| page.len()),
        };
        self.data.bytes_written() + self.page.estimated_bytes(self.width()) + dictionary
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, array: &ArrayRef) -> Result<()> {
        match &mut self.values {
            Values::Dictionary(interner) => {
                self.codes.clear();
                interner.codes(array, &mut self.codes).map_err(|e| external(&e))?;
                let outgrown = dictionary_bytes(interner) > self.rules.dictionary_bytes;
                self.write_codes(array.logical_null_count() > 0)?;
                if outgrown { self.end_dictionary() } else { Ok(()) }
            }
            Values::Plain => self.write_plain(array),
        }
    }

    fn write_codes(&mut self, nulls: bool) -> Result<()> {
        let codes = std::mem::take(&mut self.codes);
        // As many as fit into a page by their bits, in groups of eight.
        let fit = self.rules.page_bytes * 8 / (self.width().max(1) as usize);
        let rows = self.rules.page_rows.min(fit.max(8));
        let mut left = &codes[..];
        while !left.is_empty() {
            let (part, after) =
                left.split_at(left.len().min(rows.saturating_sub(self.page.rows())));
            self.page.add_codes(part, nulls);
            if self.page.rows() >= rows {
                self.flush()?;
            }
            left = after;
        }
        self.codes = codes;
        Ok(())
    }

    fn write_plain(&mut self, array: &ArrayRef) -> Result<()> {
        let mut failed = Ok(());
        for_each_text(array, &mut |text| {
            if failed.is_err() {
                return;
            }
            self.page.add_text(text);
            if let (Some(text), Some(bloom)) = (text, &mut self.bloom) {
                bloom.insert(text);
            }
            let full = self.page.rows() >= self.rules.page_rows
                || self.page.estimated_bytes(0) >= self.rules.page_bytes;
            if full {
                failed = self.flush();
            }
        })
        .map_err(|e| external(&e))?;
        failed
    }

    /// From here on values are written as they are.
    fn end_dictionary(&mut self) -> Result<()> {
        self.flush()?;
        let before = std::mem::replace(&mut self.values, Values::Plain);
        if let Values::Dictionary(interner) = before {
            if let Some((distinct, share)) = self.rules.bloom {
                self.bloom = Some(bloom(&interner, distinct.max(interner.len() as u64), share)?);
            }
            self.dictionary = Some((dictionary_page(&interner), interner.len()));
        }
        Ok(())
    }

    /// Bits of a code.
    fn width(&self) -> u32 {
        match &self.values {
            Values::Dictionary(interner) => {
                (interner.len().max(1) - 1).checked_ilog2().map_or(0, |b| b + 1)
            }
            Values::Plain => 0,
        }
    }

    /// Ends the page, if anything is in it.
    fn flush(&mut self) -> Result<()> {
        if self.page.rows() == 0 {
            return Ok(());
        }
        let width = self.width();
        let interner = match &self.values {
            Values::Dictionary(interner) => Some(&**interner),
            Values::Plain => None,
        };
        let statistics = self.rules.statistics != EnabledStatistics::None;
        let page = self.page.take(interner.map(|interner| (interner, width)), statistics);
        let uncompressed_size = page.bytes.len();
        let bytes = compress(self.rules.codec, page.bytes)?;
        let encoding = match self.values {
            Values::Dictionary(_) => {
                self.dictionary_pages += 1;
                Encoding::RLE_DICTIONARY
            }
            Values::Plain => Encoding::PLAIN,
        };
        let data = Page::DataPage {
            buf: bytes,
            num_values: page.rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let page_out = CompressedPage::new(data, uncompressed_size);
        let spec = SerializedPageWriter::new(&mut self.data).write_page(page_out)?;
        self.uncompressed += spec.uncompressed_size;
        self.pages.push(Written {
            offset: spec.offset,
            size: spec.compressed_size,
            rows: page.rows,
            nulls: page.nulls,
            text_bytes: page.text_bytes,
            bounds: page.bounds,
        });
        Ok(())
    }

    /// The bytes of the chunk and what the file must know of it.
    pub(crate) fn close(mut self) -> Result<(Parts, ColumnCloseResult)> {
        self.flush()?;
        if let Values::Dictionary(interner) = &self.values {
            self.dictionary = Some((dictionary_page(interner), interner.len()));
            if let Some((_, share)) = self.rules.bloom {
                self.bloom = Some(bloom(interner, interner.len() as u64, share)?);
            }
        } else if let (Some(bloom), Some((_, share))) = (&mut self.bloom, self.rules.bloom) {
            bloom.fold_to_target_fpp(share);
        }
        let mut first = TrackedWrite::new(Vec::new());
        if let Some((page, distinct)) = self.dictionary.take() {
            let uncompressed_size = page.len();
            let buf = compress(self.rules.codec, page)?;
            let encoding = self.rules.dictionary_encoding;
            let page = Page::DictionaryPage {
                buf,
                num_values: distinct as u32,
                encoding,
                is_sorted: false,
            };
            let page = CompressedPage::new(page, uncompressed_size);
            let spec = SerializedPageWriter::new(&mut first).write_page(page)?;
            self.uncompressed += spec.uncompressed_size;
        }
        let first: Bytes = first.into_inner()?.into();
        let data: Bytes =
            std::mem::replace(&mut self.data, TrackedWrite::new(Vec::new())).into_inner()?.into();
        let size = first.len() + data.len();
        let result = ColumnCloseResult {
            bytes_written: size as u64,
            rows_written: self.pages.iter().map(|page| page.rows as u64).sum(),
            metadata: self.metadata(first.len(), size)?,
            bloom_filter: self.bloom.take(),
            column_index: self.column_index()?,
            offset_index: Some(self.offset_index(first.len()).build()),
        };
        Ok((Parts { first, data }, result))
    }

    fn metadata(&self, dictionary: usize, size: usize) -> Result<ColumnChunkMetaData> {
        let plain = self.pages.len() - self.dictionary_pages;
        let stats = |page_type, encoding, count: usize| {
            (count > 0).then_some(PageEncodingStats { page_type, encoding, count: count as i32 })
        };
        let pages = [
            stats(PageType::DICTIONARY_PAGE, self.rules.dictionary_encoding, 1),
            stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, self.dictionary_pages),
            stats(PageType::DATA_PAGE, Encoding::PLAIN, plain),
        ];
        let pages: Vec<PageEncodingStats> = pages.into_iter().flatten().collect();
        // Levels are written by runs.
        let encodings: Vec<Encoding> =
            pages.iter().map(|page| page.encoding).chain([Encoding::RLE]).collect();
        let values: usize = self.pages.iter().map(|page| page.rows).sum();
        let mut metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression(self.rules.codec)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(pages)
            .set_total_compressed_size(size as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_num_values(values as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(dictionary as i64);
        if self.rules.statistics != EnabledStatistics::None {
            let text_bytes: usize = self.pages.iter().map(|page| page.text_bytes).sum();
            metadata = metadata
                .set_statistics(self.statistics())
                .set_unencoded_byte_array_data_bytes(Some(text_bytes as i64));
        }
        metadata.build()
    }

    fn statistics(&self) -> Statistics {
        let mut all = Bounds::default();
        for (low, high) in self.pages.iter().filter_map(|page| page.bounds.get()) {
            all.add(low);
            all.add(high);
        }
        let (limit, utf8) = (self.rules.chunk_bound, self.rules.utf8);
        let sides =
            all.get().map(|(low, high)| (lower(low, limit, utf8), upper(high, limit, utf8)));
        let (low, high) = sides.unzip();
        let exact = |side: &Option<Bound>| side.as_ref().is_none_or(|bound| bound.exact);
        let (low_exact, high_exact) = (exact(&low), exact(&high));
        let text = |side: Option<Bound>| side.map(|bound| ByteArray::from(bound.text));
        let nulls: usize = self.pages.iter().map(|page| page.nulls).sum();
        let statistics =
            ValueStatistics::new(text(low), text(high), None, Some(nulls as u64), false)
                .with_min_is_exact(low_exact)
                .with_max_is_exact(high_exact);
        Statistics::ByteArray(statistics)
    }

    fn column_index(&self) -> Result<Option<ColumnIndexMetaData>> {
        if self.rules.statistics != EnabledStatistics::Page {
            return Ok(None);
        }
        let mut index = ColumnIndexBuilder::new(Type::BYTE_ARRAY);
        let (mut ascending, mut descending) = (true, true);
        let mut before: Option<(&[u8], &[u8])> = None;
        let (limit, utf8) = (self.rules.page_bound, self.rules.utf8);
        for page in &self.pages {
            let nulls = page.nulls as i64;
            let Some((low, high)) = page.bounds.get() else {
                index.append(true, Vec::new(), Vec::new(), nulls);
                continue;
            };
            if let Some((last_low, last_high)) = before {
                ascending &= last_low <= low && last_high <= high;
                descending &= last_low >= low && last_high >= high;
            }
            before = Some((low, high));
            index.append(false, lower(low, limit, utf8).text, upper(high, limit, utf8).text, nulls);
        }
        index.set_boundary_order(match (ascending, descending) {
            (true, _) => BoundaryOrder::ASCENDING,
            (false, true) => BoundaryOrder::DESCENDING,
            (false, false) => BoundaryOrder::UNORDERED,
        });
        index.build().map(Some)
    }

    fn offset_index(&self, dictionary: usize) -> OffsetIndexBuilder {
        let mut index = OffsetIndexBuilder::new();
        for page in &self.pages {
            index.append_row_count(page.rows as i64);
            index
                .append_offset_and_size((dictionary as u64 + page.offset) as i64, page.size as i32);
            index.append_unencoded_byte_array_data_bytes(Some(page.text_bytes as i64));
        }
        index
    }
}

/// Bytes of the page of a dictionary.
fn dictionary_bytes(interner: &Interner) -> usize {
    interner.text_bytes() + interner.len() * size_of::<u32>()
}

/// Every text after its length.
fn dictionary_page(interner: &Interner) -> Vec<u8> {
    let mut page = Vec::with_capacity(dictionary_bytes(interner));
    for code in 0..interner.len() {
        page::plain(interner.text(code as u32), &mut page);
    }
    page
}

fn bloom(interner: &Interner, distinct: u64, share: f64) -> Result<Sbbf> {
    let mut bloom = Sbbf::new_with_ndv_fpp(distinct.max(1), share)?;
    for code in 0..interner.len() {
        bloom.insert(interner.text(code as u32));
    }
    Ok(bloom)
}

fn external(error: &tidelake_sdk::Error) -> ParquetError {
    ParquetError::General(error.to_string())
}

/// The bytes of a chunk: its dictionary page and its data pages.
pub(crate) struct Parts {
    first: Bytes,
    data: Bytes,
}

impl Length for Parts {
    fn len(&self) -> u64 {
        (self.first.len() + self.data.len()) as u64
    }
}

impl ChunkReader for Parts {
    type T = bytes::buf::Reader<bytes::buf::Chain<Bytes, Bytes>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut all = self.first.clone().chain(self.data.clone());
        let start = usize::try_from(start).ok().filter(|start| *start <= all.remaining());
        all.advance(start.ok_or_else(|| ParquetError::EOF("beyond a column chunk".into()))?);
        Ok(all.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::with_capacity(length);
        self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests;

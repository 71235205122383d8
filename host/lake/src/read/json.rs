//! Files of JSON lines, plain or compressed, as their first bytes tell.

use std::io::Write;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow_json::ReaderBuilder;
use async_stream::try_stream;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tidelake_core::table::LogKind;
use tidelake_core::{Error, Result};

use super::BATCH_ROWS;
use crate::coerce::storage_schema;
use crate::error::store_error;
use crate::table::BatchStream;

/// The columns of a file, in the types that they were written from.
pub(super) async fn open(
    store: Arc<dyn ObjectStore>,
    path: Path,
    columns: &Schema,
) -> Result<BatchStream> {
    let schema = storage_schema(columns, LogKind::Files, "json")?;
    let mut decoder = ReaderBuilder::new(schema)
        .with_batch_size(BATCH_ROWS)
        .build_decoder()
        .map_err(|e| Error::from(e).with("file", &path))?;
    let mut plain: Option<Inflate> = None;
    let opened = store.get(&path).await.map_err(|e| store_error(e, &path))?;
    let mut chunks = opened.into_stream();
    Ok(try_stream! {
        loop {
            let chunk = chunks.try_next().await.map_err(|e| store_error(e, &path))?;
            let ended = chunk.is_none();
            let text = match chunk {
                Some(chunk) => match &mut plain {
                    Some(plain) => plain.push(chunk)?,
                    None => plain.insert(Inflate::of(&chunk)?).push(chunk)?,
                },
                None => plain.as_mut().map(Inflate::finish).transpose()?.unwrap_or_default(),
            };
            let mut text = &text[..];
            while !text.is_empty() {
                let read = decoder.decode(text).map_err(broken)?;
                text = &text[read..];
                // It stops in the middle of its input when a batch is full.
                let full = if text.is_empty() { None } else { decoder.flush().map_err(broken)? };
                if let Some(batch) = full {
                    yield batch;
                }
            }
            if ended {
                break;
            }
        }
        if let Some(batch) = decoder.flush().map_err(broken)? {
            yield batch;
        }
    }
    .boxed())
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::corrupt("a data file is not JSON that can be read").with_source(error)
}

/// Undoes the compression of a file, chunk by chunk.
enum Inflate {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
}

impl Inflate {
    /// What a file that starts with this chunk needs.
    fn of(chunk: &[u8]) -> Result<Self> {
        Ok(match chunk {
            [0x1f, 0x8b, ..] => Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let decoder = zstd::stream::write::Decoder::new(Vec::new());
                Self::Zstd(decoder.map_err(broken)?)
            }
            _ => Self::Plain,
        })
    }

    /// The text that is complete after some more bytes.
    fn push(&mut self, bytes: Bytes) -> Result<Bytes> {
        match self {
            Self::Plain => Ok(bytes),
            Self::Gzip(decoder) => {
                decoder.write_all(&bytes).map_err(broken)?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            Self::Zstd(decoder) => {
                decoder.write_all(&bytes).map_err(broken)?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
        }
    }

    /// The rest of the text.
    fn finish(&mut self) -> Result<Bytes> {
        match self {
            Self::Plain => Ok(Bytes::new()),
            Self::Gzip(decoder) => {
                decoder.try_finish().map_err(broken)?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            Self::Zstd(decoder) => {
                decoder.flush().map_err(broken)?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
        }
    }
}

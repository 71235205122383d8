//! `source-http`: pages of rows from an HTTP endpoint, by a cursor.
//!
//! ```toml
//! [table.trades.source]
//! plugin = "source-http"
//!
//! [table.trades.source.options]
//! url = "https://api.example.com/v1/trades"
//! format = "json"
//! rows = "data.items"
//! columns = { id = "int64", ts = "timestamp(us, UTC)", symbol = "utf8", price = "float64" }
//! cursor = { from = "page", path = "data.next", param = "after" }
//! page_size = { param = "limit", rows = 1000 }
//! headers = { Authorization = "Bearer secret:token" }
//!
//! [plugin.source-http]
//! grants = ["wasi:http", "secrets"]
//! hosts = ["api.example.com"]
//! secrets = { token = "env:TRADES_TOKEN" }
//! ```
//!
//! # Where it is
//!
//! A page is fetched at its cursor and handed on in as many polls as `max_rows` makes of
//! it. The offset is the page's cursor and how many of its rows were handed on, so a
//! source that is opened in the middle of a page fetches it again and skips those. That
//! asks of the endpoint what a cursor means: the rows of a page stay as they are, in their
//! order, and new ones come after them.
//!
//! The last page (no cursor leads on from it) is where new rows appear: it is fetched
//! again by the next sync, from behind the rows that are known.
//!
//! A cursor that leads to where the source has been already would go round for ever: it is
//! an error. So is an offset of another endpoint: give the source another `id`.

mod options;
mod requests;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};
use tidelake_sdk::source::{MAX_OFFSET, Next, Polled, Source};
use tidelake_sdk::{Error, Output, Result, ResultExt};

pub use options::{Cursor, Format, Options, PageSize};

use requests::Answer;
use rows::{Layout, Page};

/// When to ask for new rows again.
const IDLE: Duration = Duration::from_secs(60);
/// Cursors that are remembered, to find one that comes again.
const REMEMBERED: usize = 100_000;

/// Where the source is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    url: String,
    /// The page's cursor; none: the first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// Rows of the page that were handed on.
    #[serde(default)]
    skip: usize,
}

/// A page that was fetched.
struct Fetched {
    rows: RecordBatch,
    /// The cursor of the page that follows; none: this is the last one so far.
    next: Option<String>,
}

/// Pages of an HTTP endpoint.
pub struct HttpSource {
    options: Options,
    schema: SchemaRef,
    place: Place,
    page: Option<Fetched>,
    /// Cursors of pages that were fetched.
    been: HashSet<Option<String>>,
}

impl Source for HttpSource {
    const NAME: &'static str = "source-http";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Brings rows in from pages of an HTTP endpoint.";
    type Options = Options;

    fn open(options: Options, offset: Option<&[u8]>) -> Result<Self> {
        let schema = options.schema()?;
        let place = match offset {
            None => Place { url: options.url.clone(), cursor: None, skip: 0 },
            Some(offset) => serde_json::from_slice(offset).map_err(|error| {
                Error::invalid_input(format!("the offset is none of this source: {error}"))
            })?,
        };
        if place.url != options.url {
            return Err(Error::option(
                "url",
                format!(
                    "the stored rows end at an offset of {}; to begin at the start of another \
                     endpoint, give the source an `id` of its own",
                    place.url
                ),
            ));
        }
        Ok(Self { options, schema, place, page: None, been: HashSet::new() })
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn poll(&mut self, max_rows: usize, out: &mut Output<'_>) -> Result<Polled> {
        let page = match self.page.take() {
            Some(page) => page,
            None => match self.fetch()? {
                Ok(page) => page,
                Err((wait, why)) => {
                    return Ok(Polled { next: Next::Wait(wait, why), offset: self.offset()? });
                }
            },
        };
        let left = page.rows.num_rows().saturating_sub(self.place.skip);
        let rows = left.min(max_rows);
        if rows > 0 {
            out.emit_batch(&page.rows.slice(self.place.skip, rows))?;
            self.place.skip += rows;
        }
        let next = match &page.next {
            _ if rows < left => {
                self.page = Some(page);
                Next::More
            }
            Some(next) => {
                self.place.cursor = Some(next.clone());
                self.place.skip = 0;
                Next::More
            }
            None if self.options.ends => Next::End,
            None => Next::Idle(IDLE),
        };
        Ok(Polled { next, offset: self.offset()? })
    }
}

impl HttpSource {
    fn offset(&self) -> Result<Vec<u8>> {
        let offset = serde_json::to_vec(&self.place)
            .map_err(|error| Error::internal(format!("the offset cannot be written: {error}")))?;
        match offset.len() {
            0..=MAX_OFFSET => Ok(offset),
            length => Err(Error::exhausted(format!(
                "the cursor makes an offset of {length} bytes, more than the {MAX_OFFSET} possible"
            ))),
        }
    }

    /// Fetches the page where the source is; or the wait that the server asks for.
    fn fetch(&mut self) -> Result<Result<Fetched, (Duration, String)>> {
        let Self { options, schema, place, .. } = self;
        let number = match (&options.cursor, &place.cursor) {
            (Cursor::Number { first, .. }, None) => Some(first.to_string()),
            _ => place.cursor.clone(),
        };
        let response = match requests::fetch(options, number.as_deref())? {
            Answer::Page(response) => response,
            Answer::Wait(wait, why) => return Ok(Err((wait, why))),
        };
        let mut layout = Layout {
            format: options.format,
            rows: options.rows.as_deref(),
            cursor: None,
            field: None,
        };
        match &options.cursor {
            Cursor::Row { field, .. } => layout.field = Some(field),
            Cursor::Page { path, .. } => layout.cursor = Some(path),
            Cursor::Header { .. } | Cursor::Number { .. } => {}
        }
        let page = Page::read(&response.body, &layout, schema).at(|| self.which(&number))?;
        let count = page.rows.num_rows();
        if count < self.place.skip {
            let known = self.place.skip;
            let what = format!("the page has {count} rows, of which {known} are known already");
            return Err(Error::invalid_input(what).at(self.which(&number)));
        }
        let next = match &self.options.cursor {
            // Without rows there is nothing that leads on.
            Cursor::Row { .. } => page.last,
            Cursor::Page { .. } => page.cursor,
            Cursor::Header { name, .. } => requests::next(&response, name.as_deref()),
            Cursor::Number { .. } => {
                let size = self.options.page_size.as_ref().map_or(0, |size| size.rows as usize);
                let number = number.as_deref().and_then(|number| number.parse::<u64>().ok());
                number.filter(|_| count >= size).map(|number| (number + 1).to_string())
            }
        };
        self.remember(next.as_ref())?;
        Ok(Ok(Fetched { rows: page.rows, next }))
    }

    /// Refuses a cursor that leads to where the source has been.
    fn remember(&mut self, next: Option<&String>) -> Result<()> {
        if self.been.len() < REMEMBERED {
            self.been.insert(self.place.cursor.clone());
        }
        match next {
            Some(next) if self.been.contains(&Some(next.clone())) => {
                let shown: String = next.chars().take(200).collect();
                Err(Error::invalid_input(format!(
                    "{}: the cursor does not advance: {shown:?} leads to a page that was read \
                     already; check `cursor`",
                    self.options.url
                )))
            }
            _ => Ok(()),
        }
    }

    /// The page, for errors.
    fn which(&self, cursor: &Option<String>) -> String {
        let url = self.options.url.split('?').next().unwrap_or_default();
        match cursor {
            Some(cursor) => format!("{url}, page {cursor}"),
            None => format!("{url}, first page"),
        }
    }
}

tidelake_sdk::export_source!(HttpSource);

//! What the operator configures.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_expressions::types;
use tidelake_sdk::{Error, Result};

/// Options of the source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The endpoint, http:// or https://; its host must be in `hosts` of the plugin.
    pub url: String,
    /// What a page is.
    pub format: Format,
    /// Format json: where the rows are in a page, such as `data.items`; left out: the page
    /// is the array.
    #[serde(default)]
    pub rows: Option<String>,
    /// The columns and their types, by tidelake's names: `{ ts = "timestamp(us, UTC)" }`.
    /// Others that rows have are left out; a row that lacks one has a null there.
    pub columns: BTreeMap<String, String>,
    /// How the next page is found.
    pub cursor: Cursor,
    /// How many rows are asked for at once.
    #[serde(default)]
    pub page_size: Option<PageSize>,
    /// Headers of each request. `secret:NAME` at the end of a value stands for the secret
    /// of that name: `Authorization = "Bearer secret:token"`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Nothing will follow the last page. Otherwise it is asked again by the next sync.
    #[serde(default)]
    pub ends: bool,
}

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A JSON object a line.
    Ndjson,
    /// Comma-separated values, with a header line.
    Csv,
    /// A JSON array of objects, or an object that holds one.
    Json,
}

/// How many rows are asked for at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageSize {
    /// The query parameter, such as `limit`.
    pub param: String,
    /// Its value.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rows: u32,
}

/// How the next page is found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "from", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cursor {
    /// A field of the last row goes into a query parameter: rows after that one.
    Row {
        /// The field, which grows from row to row.
        field: String,
        /// The query parameter.
        param: String,
    },
    /// A value in the page, apart from its rows.
    Page {
        /// Where it is, such as `meta.next`.
        path: String,
        /// The query parameter.
        param: String,
    },
    /// A header of the response.
    Header {
        /// The header; left out: the `Link` whose `rel` is `next`.
        #[serde(default)]
        name: Option<String>,
        /// The query parameter that its value goes into; left out: the value is the URL
        /// of the next page.
        #[serde(default)]
        param: Option<String>,
    },
    /// Pages are numbered, and each but the last has `page_size` rows.
    Number {
        /// The query parameter.
        param: String,
        /// The number of the first page.
        #[serde(default = "one")]
        first: u64,
    },
}

fn one() -> u64 {
    1
}

impl Options {
    /// Checks what does not fit together, and reads the columns.
    pub(crate) fn schema(&self) -> Result<SchemaRef> {
        if !self.url.starts_with("https://") && !self.url.starts_with("http://") {
            return Err(Error::option("url", "begin it with https:// or http://"));
        }
        if self.url.contains('#') {
            return Err(Error::option("url", "leave the part after `#` out: it is not sent"));
        }
        if self.rows.is_some() && self.format != Format::Json {
            return Err(Error::option("rows", "only pages of format json hold more than rows"));
        }
        if self.page_size.as_ref().is_some_and(|size| size.rows == 0) {
            return Err(Error::option("page_size.rows", "no page has no rows"));
        }
        match &self.cursor {
            Cursor::Page { .. } if self.format != Format::Json || self.rows.is_none() => {
                return Err(Error::option(
                    "cursor",
                    "only a page of format json that has its rows at `rows` holds a cursor, too",
                ));
            }
            Cursor::Number { .. } if self.page_size.is_none() => {
                return Err(Error::option(
                    "page_size",
                    "needed where pages are numbered: a page with fewer rows is the last one",
                ));
            }
            Cursor::Row { field, .. } if !self.columns.contains_key(field) => {
                return Err(Error::option(
                    "cursor.field",
                    format!("there is no column `{field}` in `columns`"),
                ));
            }
            _ => {}
        }
        let fields = self.columns.iter().map(|(name, text)| {
            let data_type = types::parse(text).ok_or_else(|| {
                let option = format!("columns.{name}");
                Error::option(
                    &option,
                    format!(
                        "{text:?} is not a type; write one such as float64, \
                    utf8, int64, timestamp(us, UTC) or decimal(18, 4)"
                    ),
                )
            })?;
            Ok(Field::new(name, data_type, true))
        });
        let fields = fields.collect::<Result<Vec<_>>>()?;
        match fields.is_empty() {
            true => Err(Error::option("columns", "name at least one")),
            false => Ok(Arc::new(Schema::new(fields))),
        }
    }
}

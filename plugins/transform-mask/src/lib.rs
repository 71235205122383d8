//! `mask`: hides values of columns before they reach the lake.
//!
//! ```toml
//! [[table.trades.transform]]
//! plugin = "mask"
//! options = { columns = ["account", "trader"], salt = "a long secret" }
//! ```
//!
//! or column by column:
//!
//! ```toml
//! options = { salt = "a long secret", columns = [
//!     "account",
//!     { name = "phone", method = "truncate", keep = 4 },
//!     { name = "note", method = "redact", replacement = "(removed)" },
//! ] }
//! ```
//!
//! | method | what comes out | type |
//! |---|---|---|
//! | `hash` (default) | HMAC-SHA-256 of the value under `salt`, in hex, the first `length` digits (64) | Utf8 |
//! | `redact` | `replacement` in every row, or null | unchanged |
//! | `truncate` | the first `keep` characters (bytes of binary values) | unchanged |
//!
//! Equal values have equal hashes, whatever their column and type are (numbers are
//! hashed as they are written in decimal), so masked columns still join. Nulls stay
//! null, except that a replacement replaces them too. Dictionary columns stay
//! dictionaries; only their values are masked.
//!
//! The plugin is row-wise: hot rows are masked the same way when they are queried.

mod hash;
mod options;
mod rewrite;
mod text;

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use tidelake_sdk::{Batch, Column, Error, Output, Result, Transform};

pub use options::{ColumnRule, MaskOptions, Method};

use rewrite::Rewrite;

/// The plugin.
pub struct Mask {
    schema: SchemaRef,
    /// What happens to each column of the input, `None` where nothing does.
    rewrites: Vec<Option<Rewrite>>,
}

impl Transform for Mask {
    const NAME: &'static str = "mask";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Hides values of columns: hash, redact, truncate.";
    const ROW_WISE: bool = true;
    type Options = MaskOptions;

    fn create(input: SchemaRef, options: MaskOptions) -> Result<Self> {
        if options.columns.is_empty() {
            return Err(Error::option("columns", "name at least one column to mask"));
        }
        let mut fields = input.fields().to_vec();
        let mut rewrites: Vec<Option<Rewrite>> = input.fields().iter().map(|_| None).collect();
        for (i, rule) in options.columns.iter().enumerate() {
            let option = format!("columns[{i}]");
            let index = input.index_of(&rule.name).map_err(|_| unknown(&option, rule, &input))?;
            if rewrites[index].is_some() {
                return Err(Error::option(&option, format!("`{}` is named twice", rule.name)));
            }
            let (rewrite, field) = Rewrite::new(rule, &options, input.field(index))?;
            rewrites[index] = Some(rewrite);
            fields[index] = Arc::new(field);
        }
        let schema = Arc::new(Schema::new_with_metadata(fields, input.metadata().clone()));
        Ok(Self { schema, rewrites })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        let columns = self
            .rewrites
            .iter_mut()
            .enumerate()
            .map(|(index, rewrite)| match rewrite {
                None => Ok(Column::Same(index)),
                // What does not depend on the values need not cross.
                Some(rewrite) => match rewrite.constant(batch.rows())? {
                    Some(array) => Ok(Column::Data(array)),
                    None => rewrite.apply(&batch.column(index)?).map(Column::Data),
                },
            })
            .collect::<Result<Vec<_>>>()?;
        out.emit(batch.rows(), columns)
    }
}

fn unknown(option: &str, rule: &ColumnRule, input: &Schema) -> Error {
    let names: Vec<&str> = input.fields().iter().map(|f| f.name().as_str()).collect();
    Error::option(
        option,
        format!("there is no column `{}`; the table has {}", rule.name, names.join(", ")),
    )
}

tidelake_sdk::export_transform!(Mask);

#[cfg(test)]
mod tests;

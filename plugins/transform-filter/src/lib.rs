//! `filter`: keeps the rows for which a condition is true.
//!
//! ```toml
//! [[table.trades.transform]]
//! plugin = "filter"
//! options = { where = "price > 0 and venue in ('XNYS', 'XNAS') and not test" }
//! ```
//!
//! The language is that of [`tidelake_expressions`]: comparisons, `and`, `or`, `not`,
//! `is null`, `in`, `between`, `like`, arithmetic and functions. Logic is three-valued
//! as in SQL, and a row stays when the condition is true: not when it is false, and not
//! when it is null. To keep rows without a price, say so: `price > 0 or price is null`.
//!
//! Only the columns that the condition names are read; what goes back to the host is
//! one bit a row. The schema is the input's. The plugin is row-wise: the rows that are
//! left out are left out of queries of hot rows as well.

use arrow_schema::{DataType, SchemaRef};
use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_expressions::Expr;
use tidelake_sdk::{Batch, Error, Output, Result, ResultExt, Transform};

/// Options of the plugin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterOptions {
    /// The condition for a row to stay, such as `price > 0 and symbol is not null`.
    #[serde(rename = "where")]
    pub condition: String,
}

/// The plugin.
pub struct Filter {
    condition: Expr,
    /// The columns that the condition names.
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Transform for Filter {
    const NAME: &'static str = "filter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Keeps the rows for which a condition is true.";
    const ROW_WISE: bool = true;
    type Options = FilterOptions;

    fn create(input: SchemaRef, options: FilterOptions) -> Result<Self> {
        let condition = condition(&input, &options.condition).at(|| "option `where`")?;
        Ok(Self { columns: condition.columns(), condition, schema: input })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        // In one crossing; below they are handed out from the batch.
        batch.columns(&self.columns)?;
        let selected = self
            .condition
            .condition(batch.rows(), &mut |index| batch.column(index))
            .at(|| "option `where`")?;
        out.emit_where(&selected)
    }
}

fn condition(input: &SchemaRef, text: &str) -> Result<Expr> {
    let expr = Expr::parse(text, &|name| input.index_of(name).ok()).map_err(|error| {
        // A misspelt column is the likeliest mistake, and the cure is the list.
        if error.message().contains("there is no column") {
            let names: Vec<_> = input.fields().iter().map(|f| f.name().as_str()).collect();
            let message = format!("{}; the table has {}", error.message(), names.join(", "));
            return Error::invalid_input(message);
        }
        error
    })?;
    match expr.data_type(&|index| input.field(index).data_type().clone())? {
        DataType::Boolean => Ok(expr),
        other => Err(Error::invalid_input(format!(
            "{text:?} has a value of type {other}, and a condition is true or false; compare it \
             with something"
        ))),
    }
}

tidelake_sdk::export_transform!(Filter);

#[cfg(test)]
mod tests;

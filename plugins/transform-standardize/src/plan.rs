//! From options to what happens to each column.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Scalar, StringArray, new_empty_array};
use arrow_schema::{Field, Fields, Schema, SchemaRef};
use arrow_select::zip::zip;
use serde_json::Value;
use tidelake_expressions::{Expr, types};
use tidelake_sdk::{Batch, Column, Error, Output, Result};

use crate::StandardizeOptions;

/// What happens to a batch.
pub(crate) struct Plan {
    /// All columns that there are on the way, each made only of those before it.
    columns: Vec<Planned>,
    /// Which of them are emitted.
    output: Vec<usize>,
    schema: SchemaRef,
}

struct Planned {
    field: Field,
    source: Source,
}

enum Source {
    /// A column of the input.
    Input { index: usize, cast: bool, default: Option<ArrayRef> },
    /// An expression over earlier columns.
    Computed(Expr),
}

impl Plan {
    pub(crate) fn new(input: &Schema, options: &StandardizeOptions) -> Result<Self> {
        let mut columns = rename(input, options)?;
        // The columns that there are at this step, in order.
        let mut live: Vec<usize> = (0..columns.len()).collect();
        cast(&mut columns, options)?;
        fill(&mut columns, options)?;
        compute(&mut columns, &mut live, options)?;
        for (i, name) in options.drop.iter().enumerate() {
            let at = find(&columns, &live, &format!("drop[{i}]"), name)?;
            live.remove(at);
        }
        for (i, name) in options.order.iter().enumerate() {
            let at = find(&columns, &live, &format!("order[{i}]"), name)?;
            if at < i {
                return Err(Error::option(
                    &format!("order[{i}]"),
                    format!("`{name}` is named twice"),
                ));
            }
            let column = live.remove(at);
            live.insert(i, column);
        }
        if live.is_empty() {
            return Err(Error::option("drop", "no column is left"));
        }
        let fields: Fields = live.iter().map(|i| columns[*i].field.clone()).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, input.metadata().clone()));
        Ok(Self { columns, output: live, schema })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn run(&self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        let mut made = vec![None; self.columns.len()];
        let columns = self
            .output
            .iter()
            .map(|index| match &self.columns[*index].source {
                Source::Input { index, cast: false, default: None } => Ok(Column::Same(*index)),
                _ => self.value(*index, batch, &mut made).map(Column::Data),
            })
            .collect::<Result<Vec<_>>>()?;
        out.emit(batch.rows(), columns)
    }

    /// The column at `index`, made when it is first needed.
    fn value(
        &self,
        index: usize,
        batch: &Batch<'_>,
        made: &mut Vec<Option<ArrayRef>>,
    ) -> Result<ArrayRef> {
        if let Some(array) = &made[index] {
            return Ok(array.clone());
        }
        let column = &self.columns[index];
        let name = column.field.name();
        let array = match &column.source {
            Source::Input { index, default, .. } => {
                let array = types::cast(name, &batch.column(*index)?, column.field.data_type())?;
                match default {
                    Some(default) if array.logical_null_count() > 0 => or_else(&array, default)?,
                    _ => array,
                }
            }
            Source::Computed(expr) => {
                let mut column = |index| self.value(index, batch, made);
                expr.evaluate(batch.rows(), &mut column)
                    .map_err(|error| error.at(format!("column `{name}`")))?
            }
        };
        made[index] = Some(array.clone());
        Ok(array)
    }
}

fn rename(input: &Schema, options: &StandardizeOptions) -> Result<Vec<Planned>> {
    for old in options.rename.keys() {
        if input.index_of(old).is_err() {
            return Err(no_column(&format!("rename.{old}"), old));
        }
    }
    let mut columns: Vec<Planned> = Vec::with_capacity(input.fields().len());
    for (index, field) in input.fields().iter().enumerate() {
        let mut field = field.as_ref().clone();
        if let Some(new) = options.rename.get(field.name()) {
            field.set_name(new.clone());
        }
        if columns.iter().any(|column| column.field.name() == field.name()) {
            let message = format!("there would be two columns `{}`", field.name());
            return Err(Error::option("rename", message));
        }
        columns
            .push(Planned { field, source: Source::Input { index, cast: false, default: None } });
    }
    Ok(columns)
}

fn cast(columns: &mut [Planned], options: &StandardizeOptions) -> Result<()> {
    for (name, to) in &options.cast {
        let option = format!("cast.{name}");
        let data_type = types::parse(to).ok_or_else(|| {
            let examples = "int64, float64, utf8, bool, date32, timestamp(us, UTC), decimal(18, 6)";
            Error::option(&option, format!("{to:?} is no type; types are {examples} and so on"))
        })?;
        let column = named(columns, &option, name)?;
        if let Source::Input { cast, .. } = &mut column.source {
            *cast = column.field.data_type() != &data_type;
        }
        types::cast(name, &new_empty_array(column.field.data_type()), &data_type)
            .map_err(|error| error.at(format!("option `{option}`")))?;
        column.field.set_data_type(data_type);
    }
    Ok(())
}

fn fill(columns: &mut [Planned], options: &StandardizeOptions) -> Result<()> {
    for (name, value) in &options.defaults {
        let option = format!("defaults.{name}");
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(Error::option(&option, "must be a text, a number or a boolean")),
        };
        let column = named(columns, &option, name)?;
        let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let scalar = types::cast(name, &text, column.field.data_type())
            .map_err(|error| error.at(format!("option `{option}`")))?;
        column.field.set_nullable(false);
        if let Source::Input { default, .. } = &mut column.source {
            *default = Some(scalar);
        }
    }
    Ok(())
}

fn compute(
    columns: &mut Vec<Planned>,
    live: &mut Vec<usize>,
    options: &StandardizeOptions,
) -> Result<()> {
    for (i, computed) in options.compute.iter().enumerate() {
        let option = format!("compute[{i}].expr");
        let scope =
            |name: &str| live.iter().copied().find(|index| columns[*index].field.name() == name);
        let expr = Expr::parse(&computed.expr, &scope)
            .map_err(|error| error.at(format!("option `{option}`")))?;
        let data_type = expr
            .data_type(&|index| columns[index].field.data_type().clone())
            .map_err(|error| error.at(format!("option `{option}`")))?;
        let field = Field::new(&computed.name, data_type, true);
        let replaced = live.iter().position(|index| columns[*index].field.name() == &computed.name);
        columns.push(Planned { field, source: Source::Computed(expr) });
        match replaced {
            Some(at) => live[at] = columns.len() - 1,
            None => live.push(columns.len() - 1),
        }
    }
    Ok(())
}

/// `array`, with `default` where it is null.
fn or_else(array: &ArrayRef, default: &ArrayRef) -> Result<ArrayRef> {
    let present = arrow_arith::boolean::is_not_null(array)?;
    Ok(zip(&present, array, &Scalar::new(default.clone()))?)
}

fn find(columns: &[Planned], live: &[usize], option: &str, name: &str) -> Result<usize> {
    live.iter()
        .position(|index| columns[*index].field.name() == name)
        .ok_or_else(|| no_column(option, name))
}

fn named<'a>(columns: &'a mut [Planned], option: &str, name: &str) -> Result<&'a mut Planned> {
    let column = columns.iter_mut().find(|column| column.field.name() == name);
    column.ok_or_else(|| no_column(option, name))
}

fn no_column(option: &str, name: &str) -> Error {
    Error::option(option, format!("there is no column `{name}` at this step"))
}

//! What happens to one column.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, StringArray, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Field};
use tidelake_sdk::{Error, Result, ResultExt};

use crate::hash::Hasher;
use crate::options::{ColumnRule, MaskOptions, Method};

/// What happens to one column.
pub(crate) struct Rewrite {
    name: String,
    output: DataType,
    action: Action,
}

enum Action {
    Hash(Box<Hasher>),
    /// The array that the last batch got, long enough for the next one or made anew.
    Constant {
        replacement: Option<String>,
        made: ArrayRef,
    },
    Truncate(usize),
}

impl Rewrite {
    /// The rewrite that `rule` asks for, and the field that comes out of it.
    pub(crate) fn new(
        rule: &ColumnRule,
        all: &MaskOptions,
        field: &Field,
    ) -> Result<(Self, Field)> {
        let data_type = field.data_type();
        let (action, output, nullable) = match rule.method.unwrap_or(all.method) {
            Method::Hash => {
                let salt = rule.salt.as_ref().or(all.salt.as_ref()).filter(|s| !s.is_empty());
                let salt = salt.ok_or_else(|| {
                    Error::option(
                        "salt",
                        format!(
                            "column `{}` is to be hashed, which needs a secret; add salt = \"...\"",
                            rule.name
                        ),
                    )
                })?;
                let length = rule.length.or(all.length).unwrap_or(64);
                let output = over_values(data_type, |_| DataType::Utf8);
                if !can_be_text(values_of(data_type)) {
                    return Err(unsupported(rule, data_type, "hashed"));
                }
                (Action::Hash(Box::new(Hasher::new(salt, length)?)), output, field.is_nullable())
            }
            Method::Redact => {
                let replacement = rule.replacement.clone().or(all.replacement.clone());
                let nullable = field.is_nullable() || replacement.is_none();
                let made = constant(&rule.name, replacement.as_deref(), data_type, 1)?;
                (Action::Constant { replacement, made }, data_type.clone(), nullable)
            }
            Method::Truncate => {
                let keep = rule.keep.or(all.keep).ok_or_else(|| {
                    Error::option(
                        "keep",
                        format!(
                            "column `{}` is to be truncated; say to how many characters, \
                             such as keep = 4",
                            rule.name
                        ),
                    )
                })?;
                if !is_bytes(values_of(data_type)) {
                    return Err(unsupported(rule, data_type, "truncated"));
                }
                (Action::Truncate(keep), data_type.clone(), field.is_nullable())
            }
        };
        let field = Field::new(field.name(), output.clone(), nullable)
            .with_metadata(field.metadata().clone());
        let rewrite = Self { name: rule.name.clone(), output, action };
        Ok((rewrite, field))
    }

    /// The column, when it does not depend on the values.
    pub(crate) fn constant(&mut self, rows: usize) -> Result<Option<ArrayRef>> {
        let Action::Constant { replacement, made } = &mut self.action else { return Ok(None) };
        if made.len() < rows {
            *made = constant(&self.name, replacement.as_deref(), &self.output, rows)?;
        }
        Ok(Some(made.slice(0, rows)))
    }

    /// The column made of `array`.
    pub(crate) fn apply(&mut self, array: &ArrayRef) -> Result<ArrayRef> {
        if let Some(dictionary) = array.as_any_dictionary_opt() {
            let values = self.apply_to_values(dictionary.values())?;
            return Ok(dictionary.with_values(values));
        }
        self.apply_to_values(array)
    }

    fn apply_to_values(&mut self, array: &ArrayRef) -> Result<ArrayRef> {
        let place = || format!("column `{}`", self.name);
        match &mut self.action {
            Action::Hash(hasher) => {
                let text = match array.data_type() {
                    data_type if is_bytes(data_type) => array.clone(),
                    _ => cast(array, &DataType::Utf8).at(place)?,
                };
                Ok(Arc::new(hasher.column(&text)?))
            }
            Action::Truncate(keep) => {
                let short = match array.data_type() {
                    DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                        let bytes = cast(array, &DataType::Binary).at(place)?;
                        truncate_bytes(bytes.as_binary(), *keep)
                    }
                    _ => {
                        let text = cast(array, &DataType::Utf8).at(place)?;
                        truncate_text(text.as_string(), *keep)
                    }
                };
                cast(&short, array.data_type()).at(place)
            }
            Action::Constant { .. } => Err(Error::internal("a constant needs no values")),
        }
    }
}

fn unsupported(rule: &ColumnRule, data_type: &DataType, done: &str) -> Error {
    Error::unsupported(format!(
        "column `{}` of type {data_type} cannot be {done}; use method = \"redact\", or cast it \
         with `standardize` first",
        rule.name
    ))
}

/// The type of a dictionary's values, or the type itself.
fn values_of(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

fn over_values(data_type: &DataType, change: impl Fn(&DataType) -> DataType) -> DataType {
    match data_type {
        DataType::Dictionary(keys, values) => {
            DataType::Dictionary(keys.clone(), Box::new(change(values)))
        }
        other => change(other),
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

fn can_be_text(data_type: &DataType) -> bool {
    is_bytes(data_type)
        || (!data_type.is_nested() && arrow_cast::can_cast_types(data_type, &DataType::Utf8))
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, to, &options)?)
}

fn constant(
    name: &str,
    replacement: Option<&str>,
    data_type: &DataType,
    rows: usize,
) -> Result<ArrayRef> {
    let Some(text) = replacement else { return Ok(new_null_array(data_type, rows)) };
    let array: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)));
    cast(&array, data_type).map_err(|_| {
        Error::option(
            "replacement",
            format!("{text:?} cannot stand in column `{name}` of type {data_type}"),
        )
    })
}

fn truncate_text(values: &StringArray, keep: usize) -> ArrayRef {
    let mut out = StringBuilder::with_capacity(values.len(), values.len() * keep.min(16));
    for value in values {
        out.append_option(
            value.map(|value| {
                value.char_indices().nth(keep).map_or(value, |(end, _)| &value[..end])
            }),
        );
    }
    Arc::new(out.finish())
}

fn truncate_bytes(values: &BinaryArray, keep: usize) -> ArrayRef {
    let mut out = BinaryBuilder::with_capacity(values.len(), values.len() * keep.min(16));
    for value in values {
        out.append_option(value.map(|value| &value[..keep.min(value.len())]));
    }
    Arc::new(out.finish())
}

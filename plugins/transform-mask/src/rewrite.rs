//! What happens to one column.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, StringArray,
    StringViewArray, new_null_array,
};
use arrow_schema::{DataType, Field};
use tidelake_sdk::{Error, Result, ResultExt};

use crate::hash::Hasher;
use crate::options::{ColumnRule, MaskOptions, Method};
use crate::text;

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
                if !text::can_be_text(values_of(data_type)) {
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
                    _ => Arc::new(text::of(array).at(place)?),
                };
                Ok(Arc::new(hasher.column(&text)?))
            }
            Action::Truncate(keep) => truncated(array, *keep).ok_or_else(|| {
                Error::internal(format!("column `{}` is of type {}", self.name, array.data_type()))
            }),
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

pub(crate) fn is_bytes(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

fn constant(
    name: &str,
    replacement: Option<&str>,
    data_type: &DataType,
    rows: usize,
) -> Result<ArrayRef> {
    let Some(text) = replacement else { return Ok(new_null_array(data_type, rows)) };
    text::repeated(text, data_type, rows).ok_or_else(|| {
        Error::option(
            "replacement",
            format!("{text:?} cannot stand in column `{name}` of type {data_type}"),
        )
    })
}

/// The beginnings of texts or binary values; nothing of other types.
fn truncated(array: &ArrayRef, keep: usize) -> Option<ArrayRef> {
    use DataType as D;
    Some(match array.data_type() {
        D::Utf8 => Arc::new(StringArray::from_iter(texts(array.as_string::<i32>().iter(), keep))),
        D::LargeUtf8 => {
            Arc::new(LargeStringArray::from_iter(texts(array.as_string::<i64>().iter(), keep)))
        }
        D::Utf8View => {
            Arc::new(StringViewArray::from_iter(texts(array.as_string_view().iter(), keep)))
        }
        D::Binary => Arc::new(BinaryArray::from_iter(bytes(array.as_binary::<i32>().iter(), keep))),
        D::LargeBinary => {
            Arc::new(LargeBinaryArray::from_iter(bytes(array.as_binary::<i64>().iter(), keep)))
        }
        D::BinaryView => {
            Arc::new(BinaryViewArray::from_iter(bytes(array.as_binary_view().iter(), keep)))
        }
        _ => return None,
    })
}

fn texts<'a>(
    values: impl Iterator<Item = Option<&'a str>>,
    keep: usize,
) -> impl Iterator<Item = Option<&'a str>> {
    let beginning = move |value: &'a str| {
        value.char_indices().nth(keep).map_or(value, |(end, _)| &value[..end])
    };
    values.map(move |value| value.map(beginning))
}

fn bytes<'a>(
    values: impl Iterator<Item = Option<&'a [u8]>>,
    keep: usize,
) -> impl Iterator<Item = Option<&'a [u8]>> {
    values.map(move |value| value.map(|value| &value[..keep.min(value.len())]))
}

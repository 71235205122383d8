//! Types of Arrow as those of ORC ("Types" of the specification), and what has no place.
//!
//! Columns are numbered in pre-order: the root, a struct of all columns of the table, is 0.

use arrow_schema::{DataType, Field, Schema};
use tidelake_sdk::{Error, Result};

use crate::column::{
    Binary, Booleans, Bytes, Column, Decimals, Encoder, Floats, Inside, Integers, Lengths, Texts,
    Timestamps, entries,
};
use crate::compress::Compression;
use crate::options::OrcOptions;
use crate::proto::{Type, kind};

/// The root column of a file, and the types of all columns.
pub(crate) fn plan(
    schema: &Schema,
    options: &OrcOptions,
    compression: Compression,
) -> Result<(Column, Vec<Type>)> {
    let mut plan = Plan { options, compression, types: Vec::new(), top: "" };
    let id = plan.begin(kind::STRUCT);
    let mut children = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        plan.top = field.name();
        let first = plan.types.len();
        let mut child = plan.child(id, field.name(), field.data_type())?;
        if let Some(own) = options.columns.get(field.name()) {
            let refuse = |option: &str, which: &str| {
                Err(Error::option(
                    &format!("columns.{}.{option}", field.name()),
                    format!("only {which} have one, not {}", field.data_type()),
                ))
            };
            let text = plan.types[first..].iter().any(|t| t.kind == Some(kind::STRING));
            if own.dictionary.is_some() && !text {
                return refuse("dictionary", "columns of text");
            }
            if own.bloom_filter && !child.filter() {
                return refuse("bloom_filter", "columns of text, integers and dates");
            }
        }
        children.push(child);
    }
    Ok((Column::new(id as u32, compression, Inside::Struct(children)), plan.types))
}

struct Plan<'a> {
    options: &'a OrcOptions,
    compression: Compression,
    types: Vec<Type>,
    /// The column of the table that is looked at.
    top: &'a str,
}

impl Plan<'_> {
    /// Gives a number to a column of this type.
    fn begin(&mut self, kind: u32) -> usize {
        self.types.push(Type { kind: Some(kind), ..Type::default() });
        self.types.len() - 1
    }

    /// A column inside of another one.
    fn child(&mut self, parent: usize, name: &str, data_type: &DataType) -> Result<Column> {
        let id = self.types.len() as u32;
        self.types[parent].subtypes.push(id);
        if self.types[parent].kind == Some(kind::STRUCT) {
            self.types[parent].field_names.push(name.to_owned());
        }
        self.column(data_type)
    }

    fn column(&mut self, data_type: &DataType) -> Result<Column> {
        use DataType as D;
        let data_type = match data_type {
            D::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let compression = self.compression;
        let (id, inside) = match data_type {
            D::Struct(fields) => {
                let id = self.begin(kind::STRUCT);
                let children = fields.iter().map(|f| self.child(id, f.name(), f.data_type()));
                (id, Inside::Struct(children.collect::<Result<_>>()?))
            }
            D::List(item) | D::LargeList(item) | D::FixedSizeList(item, _) => {
                let id = self.begin(kind::LIST);
                let item = self.child(id, item.name(), item.data_type())?;
                (id, Inside::Lists(Lengths::new(compression), vec![item]))
            }
            D::Map(both, _) => {
                let Some(both) = entries(both) else { return Err(self.refuse(data_type)) };
                let id = self.begin(kind::MAP);
                let children = both.iter().map(|f: &&_| {
                    let field: &Field = f;
                    self.child(id, field.name(), field.data_type())
                });
                let children = children.collect::<Result<_>>()?;
                (id, Inside::Lists(Lengths::new(compression), children))
            }
            other => self.values(other)?,
        };
        Ok(Column::new(id as u32, compression, inside))
    }

    fn values(&mut self, data_type: &DataType) -> Result<(usize, Inside)> {
        use DataType as D;
        let (name, compression) = (self.top, self.compression);
        let kind = match data_type {
            D::Boolean => kind::BOOLEAN,
            D::Int8 => kind::BYTE,
            D::Int16 | D::UInt8 => kind::SHORT,
            D::Int32 | D::UInt16 => kind::INT,
            D::Int64 | D::UInt32 | D::UInt64 => kind::LONG,
            D::Float16 | D::Float32 => kind::FLOAT,
            D::Float64 => kind::DOUBLE,
            D::Utf8 | D::LargeUtf8 | D::Utf8View => kind::STRING,
            D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => kind::BINARY,
            D::Date32 | D::Date64 => kind::DATE,
            D::Timestamp(_, None) => kind::TIMESTAMP,
            D::Timestamp(_, Some(_)) => kind::TIMESTAMP_INSTANT,
            D::Decimal32(_, 0..) | D::Decimal64(_, 0..) | D::Decimal128(_, 0..) => kind::DECIMAL,
            other => return Err(self.refuse(other)),
        };
        let id = self.begin(kind);
        let encoder: Box<dyn Encoder> = match data_type {
            D::Boolean => Box::new(Booleans::new(compression)),
            D::Int8 => Box::new(Bytes::new(compression)),
            D::Float16 | D::Float32 | D::Float64 => Box::new(Floats::new(compression)),
            D::Utf8 | D::LargeUtf8 | D::Utf8View => {
                let own = self.options.columns.get(name).and_then(|own| own.dictionary);
                Box::new(Texts::new(own.unwrap_or(self.options.dictionary), compression))
            }
            D::Timestamp(unit, _) => Box::new(Timestamps::new(name, *unit, compression)),
            D::Decimal32(precision, scale)
            | D::Decimal64(precision, scale)
            | D::Decimal128(precision, scale) => {
                let scale = u32::try_from(*scale).map_err(|_| self.refuse(data_type))?;
                self.types[id].precision = Some(u32::from(*precision));
                self.types[id].scale = Some(scale);
                Box::new(Decimals::new(scale, compression))
            }
            other => match Integers::new(name, other, compression) {
                Some(integers) => Box::new(integers),
                None => Box::new(Binary::new(compression)),
            },
        };
        Ok((id, Inside::Values(encoder)))
    }

    fn refuse(&self, part: &DataType) -> Error {
        use DataType as D;
        let instead = match part {
            D::Duration(_) | D::Time32(_) | D::Time64(_) => "int64",
            D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) | D::Decimal256(..) => {
                "decimal(38, 6)"
            }
            D::RunEndEncoded(_, values) => {
                return self.refuse_for(part, &values.data_type().to_string());
            }
            _ => "utf8",
        };
        self.refuse_for(part, instead)
    }

    fn refuse_for(&self, part: &DataType, instead: &str) -> Error {
        Error::unsupported(format!(
            "column `{}`: ORC cannot hold {part}; cast it with the `standardize` transform, such \
             as to {instead}, or drop the column",
            self.top
        ))
    }
}

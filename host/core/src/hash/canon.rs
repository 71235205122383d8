//! Canonical kinds: what a declared type's values are before they are mixed.
//!
//! | kind | types | canonical value |
//! |---|---|---|
//! | int | all integers | `i64`; a larger `u64` as its bytes |
//! | float | f16, f32, f64 | `f64` with one NaN and no −0 |
//! | instant, duration, time of day | any unit, any zone | `i128` nanoseconds (UTC) |
//! | date | date32, date64 | days |
//! | decimal | any width | `i256` at the declared scale |
//! | text, bytes | all layouts | the bytes |
//! | interval | all units | months, days, nanoseconds |
//! | list | all layouts | ordered fold with its length |
//! | map | | sum over its entries |
//! | struct | | sum over its fields, by name |
//!
//! Dictionaries and runs are no kinds of their own: they stand for their values.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, FieldRef};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{bytes, encoded, fixed, nested};
use crate::error::{Error, Result};

/// The kind of a declared type.
#[derive(Debug)]
pub(super) enum Kind {
    /// Nothing but nulls.
    Null,
    Bool,
    Int,
    Float,
    Instant,
    Duration,
    TimeOfDay,
    Date,
    Interval,
    Decimal {
        scale: i8,
    },
    Text,
    Bytes,
    List(Box<Node>),
    Map {
        key: Box<Node>,
        value: Box<Node>,
    },
    Struct(Vec<(String, Node)>),
}

/// A column, or a child of one, with the seed of its words.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) seed: u64,
    pub(super) kind: Kind,
}

impl Node {
    /// For values of the declared type.
    pub(super) fn new(seed: u64, declared: &DataType) -> Result<Self> {
        // Children are told apart by their role, not by the name of the field:
        // formats disagree on how a list's items and a map's entries are called.
        let child = |role: &str, data_type: &DataType| {
            Self::new(xxh3_64_with_seed(role.as_bytes(), seed), data_type).map(Box::new)
        };
        let kind = match declared {
            DataType::Null => Kind::Null,
            DataType::Boolean => Kind::Bool,
            t if t.is_integer() => Kind::Int,
            t if t.is_floating() => Kind::Float,
            DataType::Timestamp(..) => Kind::Instant,
            DataType::Duration(_) => Kind::Duration,
            DataType::Time32(_) | DataType::Time64(_) => Kind::TimeOfDay,
            DataType::Date32 | DataType::Date64 => Kind::Date,
            DataType::Interval(_) => Kind::Interval,
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => Kind::Decimal { scale: *scale },
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Kind::Bytes,
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => Kind::List(child("item", item.data_type())?),
            DataType::Map(entries, _) => {
                let (key, value) = entry_fields(entries)
                    .ok_or_else(|| Error::input("the entries of a map are not key and value"))?;
                Kind::Map {
                    key: child("key", key.data_type())?,
                    value: child("value", value.data_type())?,
                }
            }
            DataType::Struct(fields) => Kind::Struct(
                fields
                    .iter()
                    .map(|f| Ok((f.name().clone(), *child(f.name(), f.data_type())?)))
                    .collect::<Result<_>>()?,
            ),
            DataType::Dictionary(_, values) => return Self::new(seed, values),
            DataType::RunEndEncoded(_, values) => return Self::new(seed, values.data_type()),
            other => {
                return Err(Error::unsupported(format!("values of type {other} cannot be hashed"))
                    .with_help("leave the column out, or cast it to another type on ingest"));
            }
        };
        Ok(Self { seed, kind })
    }

    /// Whether values of the declared type may come encoded as `data_type`.
    pub(super) fn accepts(&self, data_type: &DataType) -> bool {
        use DataType as T;
        match (&self.kind, data_type) {
            (_, T::Null) => true,
            (_, T::Dictionary(_, values)) => self.accepts(values),
            (_, T::RunEndEncoded(_, values)) => self.accepts(values.data_type()),
            (Kind::Null, _) => false,
            (Kind::Bool, t) => *t == T::Boolean,
            (Kind::Int, t) => t.is_integer(),
            (Kind::Float, t) => t.is_floating(),
            (Kind::Instant, t) => matches!(t, T::Timestamp(..)),
            (Kind::Duration, t) => matches!(t, T::Duration(_)),
            (Kind::TimeOfDay, t) => matches!(t, T::Time32(_) | T::Time64(_)),
            (Kind::Date, t) => matches!(t, T::Date32 | T::Date64),
            (Kind::Interval, t) => matches!(t, T::Interval(_)),
            (Kind::Decimal { .. }, t) => t.is_decimal(),
            (Kind::Text, t) => matches!(t, T::Utf8 | T::LargeUtf8 | T::Utf8View),
            (Kind::Bytes, t) => {
                matches!(t, T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_))
            }
            (
                Kind::List(item),
                T::List(f)
                | T::LargeList(f)
                | T::ListView(f)
                | T::LargeListView(f)
                | T::FixedSizeList(f, _),
            ) => item.accepts(f.data_type()),
            (Kind::Map { key, value }, T::Map(entries, _)) => entry_fields(entries)
                .is_some_and(|(k, v)| key.accepts(k.data_type()) && value.accepts(v.data_type())),
            (Kind::Struct(ours), T::Struct(fields)) => {
                fields.len() == ours.len()
                    && ours.iter().all(|(name, node)| {
                        fields.find(name).is_some_and(|(_, f)| node.accepts(f.data_type()))
                    })
            }
            (Kind::List(_) | Kind::Map { .. } | Kind::Struct(_), _) => false,
        }
    }

    /// Adds the word of every value to the sum at its place. The array's type
    /// has been [accepted](Self::accepts).
    pub(super) fn add_words(&self, array: &dyn Array, sums: &mut [u64]) -> Result<()> {
        debug_assert_eq!(array.len(), sums.len());
        match array.data_type() {
            DataType::Null => return Ok(()),
            DataType::Dictionary(..) => return encoded::dictionary(self, array, sums),
            DataType::RunEndEncoded(..) => return encoded::runs(self, array, sums),
            _ => {}
        }
        match &self.kind {
            Kind::Null => Ok(()),
            Kind::Bool
            | Kind::Int
            | Kind::Float
            | Kind::Instant
            | Kind::Duration
            | Kind::TimeOfDay
            | Kind::Date
            | Kind::Interval => fixed::add_words(self.seed, array, sums),
            Kind::Decimal { scale } => fixed::add_decimals(self.seed, *scale, array, sums),
            Kind::Text | Kind::Bytes => bytes::add_words(self.seed, array, sums),
            Kind::List(item) => nested::lists(self.seed, item, array, sums),
            Kind::Map { key, value } => nested::maps(self.seed, key, value, array, sums),
            Kind::Struct(fields) => nested::structs(self.seed, fields, array, sums),
        }
    }

    /// The word of every value.
    pub(super) fn words(&self, array: &ArrayRef) -> Result<Vec<u64>> {
        let mut words = vec![0; array.len()];
        self.add_words(array, &mut words)?;
        Ok(words)
    }
}

/// The key and the value of a map's entries.
fn entry_fields(entries: &FieldRef) -> Option<(&FieldRef, &FieldRef)> {
    match entries.data_type() {
        DataType::Struct(fields) => match fields.as_ref() {
            [key, value] => Some((key, value)),
            _ => None,
        },
        _ => None,
    }
}

/// An array of a type that its kind does not take: a defect, since types are
/// checked before values are looked at.
pub(super) fn unexpected(array: &dyn Array) -> Error {
    Error::internal(format!("an array of type {} was hashed as another kind", array.data_type()))
}

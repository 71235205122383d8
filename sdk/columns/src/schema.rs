//! Schemas as Arrow IPC messages.
//!
//! Writing is Arrow's own. Reading is not: Arrow's conversion from flatbuffers
//! panics on what it does not know, and these bytes come from guests.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions};
use arrow_ipc::{self as ipc, DateUnit, Endianness, Precision, root_as_message_with_opts};
use arrow_schema::{
    DataType, Field, Fields, IntervalUnit, Schema, TimeUnit, UnionFields, UnionMode,
};

use crate::decode::check_type;
use crate::{Error, MAX_DEPTH};

const CONTINUATION: [u8; 4] = [0xff; 4];

/// The largest message that is read, in bytes.
const MAX_MESSAGE: usize = 16 << 20;

/// The encapsulated Arrow IPC message of a schema.
pub fn schema_to_message(schema: &Schema) -> Vec<u8> {
    let mut tracker = DictionaryTracker::new(false);
    let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        schema,
        &mut tracker,
        &IpcWriteOptions::default(),
    );
    let body = encoded.ipc_message;
    let padded = body.len().next_multiple_of(8);
    let mut message = Vec::with_capacity(8 + padded);
    message.extend_from_slice(&CONTINUATION);
    message.extend_from_slice(&(padded as u32).to_le_bytes());
    message.extend_from_slice(&body);
    message.resize(8 + padded, 0);
    message
}

/// Reads the schema from an encapsulated message. Input may be hostile: the
/// answer is an error, never a panic.
pub fn schema_from_message(bytes: &[u8]) -> Result<Schema, Error> {
    if bytes.len() > MAX_MESSAGE {
        return Err(schema(format!("{} bytes; at most {MAX_MESSAGE} are read", bytes.len())));
    }
    // Messages from before Arrow 0.15 have no continuation mark.
    let bytes = bytes.strip_prefix(&CONTINUATION).unwrap_or(bytes);
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Err(schema("too short for a length"));
    };
    let length = u32::from_le_bytes(*length) as usize;
    let Some(body) = rest.get(..length) else {
        return Err(schema(format!("says {length} bytes, has {}", rest.len())));
    };
    // Tables may be shared in a flatbuffer, so a small message can unfold into a
    // huge schema: the verifier counts what it would unfold to.
    let options = flatbuffers::VerifierOptions {
        max_tables: 200_000,
        max_apparent_size: 64 << 20,
        max_depth: 4 * MAX_DEPTH,
        ..Default::default()
    };
    let message = root_as_message_with_opts(&options, body).map_err(schema)?;
    let root = message.header_as_schema().ok_or_else(|| schema("holds no schema"))?;
    if root.endianness() != Endianness::Little {
        return Err(schema("big-endian data is not supported"));
    }
    let fields = match root.fields() {
        Some(list) => list.iter().map(|item| field(item, 1)).collect::<Result<Fields, _>>()?,
        None => Fields::empty(),
    };
    Ok(Schema::new_with_metadata(fields, metadata(root.custom_metadata())))
}

fn schema(reason: impl ToString) -> Error {
    Error::Schema(reason.to_string())
}

type KeyValues<'a> = flatbuffers::Vector<'a, flatbuffers::ForwardsUOffset<ipc::KeyValue<'a>>>;

fn metadata(list: Option<KeyValues<'_>>) -> HashMap<String, String> {
    let pairs = list.into_iter().flat_map(|list| list.iter());
    pairs.filter_map(|pair| Some((pair.key()?.to_owned(), pair.value()?.to_owned()))).collect()
}

fn field(from: ipc::Field<'_>, depth: usize) -> Result<Field, Error> {
    let name = from.name().unwrap_or_default();
    if depth > MAX_DEPTH {
        return Err(schema(format!("field `{name}` is nested deeper than {MAX_DEPTH} levels")));
    }
    let refuse = |what: &str| schema(format!("field `{name}`: {what}"));
    let values = data_type(from, depth, &refuse)?;
    let (data_type, ordered) = match from.dictionary() {
        None => (values, false),
        Some(dictionary) => {
            let index = match dictionary.indexType() {
                // The default of the format.
                None => DataType::Int32,
                Some(int) => integer(int).ok_or_else(|| refuse("unknown dictionary index type"))?,
            };
            (DataType::Dictionary(Box::new(index), Box::new(values)), dictionary.isOrdered())
        }
    };
    check_type(&data_type, depth).map_err(|part| refuse(&format!("impossible type {part}")))?;
    Ok(Field::new(name, data_type, from.nullable())
        .with_dict_is_ordered(ordered)
        .with_metadata(metadata(from.custom_metadata())))
}

fn data_type(
    from: ipc::Field<'_>,
    depth: usize,
    refuse: &dyn Fn(&str) -> Error,
) -> Result<DataType, Error> {
    let incomplete = || refuse("its type is incomplete");
    let children = || -> Result<Fields, Error> {
        let list = from.children().into_iter().flat_map(|list| list.iter());
        list.map(|child| field(child, depth + 1)).collect()
    };
    let only_child = || -> Result<Arc<Field>, Error> {
        match &children()?[..] {
            [child] => Ok(Arc::clone(child)),
            _ => Err(refuse("a list without exactly one child")),
        }
    };
    Ok(match from.type_type() {
        ipc::Type::Null => DataType::Null,
        ipc::Type::Bool => DataType::Boolean,
        ipc::Type::Int => integer(from.type_as_int().ok_or_else(incomplete)?)
            .ok_or_else(|| refuse("unknown integer width"))?,
        ipc::Type::FloatingPoint => {
            match from.type_as_floating_point().ok_or_else(incomplete)?.precision() {
                Precision::HALF => DataType::Float16,
                Precision::SINGLE => DataType::Float32,
                Precision::DOUBLE => DataType::Float64,
                _ => return Err(refuse("unknown floating-point precision")),
            }
        }
        ipc::Type::Decimal => decimal(from.type_as_decimal().ok_or_else(incomplete)?)
            .ok_or_else(|| refuse("impossible decimal width, precision or scale"))?,
        ipc::Type::Binary => DataType::Binary,
        ipc::Type::LargeBinary => DataType::LargeBinary,
        ipc::Type::BinaryView => DataType::BinaryView,
        ipc::Type::Utf8 => DataType::Utf8,
        ipc::Type::LargeUtf8 => DataType::LargeUtf8,
        ipc::Type::Utf8View => DataType::Utf8View,
        ipc::Type::FixedSizeBinary => DataType::FixedSizeBinary(
            from.type_as_fixed_size_binary().ok_or_else(incomplete)?.byteWidth(),
        ),
        ipc::Type::Date => match from.type_as_date().ok_or_else(incomplete)?.unit() {
            DateUnit::DAY => DataType::Date32,
            DateUnit::MILLISECOND => DataType::Date64,
            _ => return Err(refuse("unknown date unit")),
        },
        ipc::Type::Time => {
            let time = from.type_as_time().ok_or_else(incomplete)?;
            let unit = unit(time.unit()).ok_or_else(|| refuse("unknown time unit"))?;
            match time.bitWidth() {
                32 => DataType::Time32(unit),
                64 => DataType::Time64(unit),
                _ => return Err(refuse("unknown time width")),
            }
        }
        ipc::Type::Timestamp => {
            let timestamp = from.type_as_timestamp().ok_or_else(incomplete)?;
            let unit = unit(timestamp.unit()).ok_or_else(|| refuse("unknown time unit"))?;
            // Writing does not tell an empty zone from none, so reading must not either.
            let zone = timestamp.timezone().filter(|zone| !zone.is_empty());
            DataType::Timestamp(unit, zone.map(Into::into))
        }
        ipc::Type::Duration => {
            let duration = from.type_as_duration().ok_or_else(incomplete)?;
            DataType::Duration(unit(duration.unit()).ok_or_else(|| refuse("unknown time unit"))?)
        }
        ipc::Type::Interval => {
            DataType::Interval(match from.type_as_interval().ok_or_else(incomplete)?.unit() {
                ipc::IntervalUnit::YEAR_MONTH => IntervalUnit::YearMonth,
                ipc::IntervalUnit::DAY_TIME => IntervalUnit::DayTime,
                ipc::IntervalUnit::MONTH_DAY_NANO => IntervalUnit::MonthDayNano,
                _ => return Err(refuse("unknown interval unit")),
            })
        }
        ipc::Type::List => DataType::List(only_child()?),
        ipc::Type::LargeList => DataType::LargeList(only_child()?),
        ipc::Type::FixedSizeList => {
            let list = from.type_as_fixed_size_list().ok_or_else(incomplete)?;
            DataType::FixedSizeList(only_child()?, list.listSize())
        }
        ipc::Type::Map => {
            let map = from.type_as_map().ok_or_else(incomplete)?;
            DataType::Map(only_child()?, map.keysSorted())
        }
        ipc::Type::Struct_ => DataType::Struct(children()?),
        ipc::Type::Union => union(from, children()?, refuse)?,
        ipc::Type::RunEndEncoded => match &children()?[..] {
            [ends, values] => DataType::RunEndEncoded(Arc::clone(ends), Arc::clone(values)),
            _ => return Err(refuse("run-end encoded without exactly two children")),
        },
        other => return Err(refuse(&format!("type {other:?} is not supported"))),
    })
}

fn union(
    from: ipc::Field<'_>,
    children: Fields,
    refuse: &dyn Fn(&str) -> Error,
) -> Result<DataType, Error> {
    let union = from.type_as_union().ok_or_else(|| refuse("its type is incomplete"))?;
    let mode = match union.mode() {
        ipc::UnionMode::Dense => UnionMode::Dense,
        ipc::UnionMode::Sparse => UnionMode::Sparse,
        _ => return Err(refuse("unknown union mode")),
    };
    let ids: Vec<i8> = match union.typeIds() {
        Some(ids) => ids.iter().map(i8::try_from).collect::<Result<_, _>>(),
        None => (0..children.len()).map(i8::try_from).collect(),
    }
    .map_err(|_| refuse("a union's type id is out of range"))?;
    let fields = UnionFields::try_new(ids, children.iter().cloned())
        .map_err(|error| refuse(&error.to_string()))?;
    Ok(DataType::Union(fields, mode))
}

fn integer(int: ipc::Int<'_>) -> Option<DataType> {
    Some(match (int.bitWidth(), int.is_signed()) {
        (8, true) => DataType::Int8,
        (16, true) => DataType::Int16,
        (32, true) => DataType::Int32,
        (64, true) => DataType::Int64,
        (8, false) => DataType::UInt8,
        (16, false) => DataType::UInt16,
        (32, false) => DataType::UInt32,
        (64, false) => DataType::UInt64,
        _ => return None,
    })
}

fn decimal(decimal: ipc::Decimal<'_>) -> Option<DataType> {
    let precision = u8::try_from(decimal.precision()).ok()?;
    let scale = i8::try_from(decimal.scale()).ok()?;
    let (data_type, most) = match decimal.bitWidth() {
        32 => (DataType::Decimal32(precision, scale), 9),
        64 => (DataType::Decimal64(precision, scale), 18),
        128 => (DataType::Decimal128(precision, scale), 38),
        256 => (DataType::Decimal256(precision, scale), 76),
        _ => return None,
    };
    let fits = (1..=most).contains(&precision) && scale.unsigned_abs() <= most;
    fits.then_some(data_type)
}

fn unit(unit: ipc::TimeUnit) -> Option<TimeUnit> {
    Some(match unit {
        ipc::TimeUnit::SECOND => TimeUnit::Second,
        ipc::TimeUnit::MILLISECOND => TimeUnit::Millisecond,
        ipc::TimeUnit::MICROSECOND => TimeUnit::Microsecond,
        ipc::TimeUnit::NANOSECOND => TimeUnit::Nanosecond,
        _ => return None,
    })
}

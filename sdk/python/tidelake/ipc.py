"""Schemas as encapsulated Arrow IPC messages, in which they cross."""

import struct

from . import flat
from .error import Error
from .schema import DataType, Field, Schema

CONTINUATION = b"\xff\xff\xff\xff"
_V5, _SCHEMA = 4, 1
_UNITS = ("s", "ms", "us", "ns")
_INTERVALS = ("year-month", "day-time", "month-day-nano")
_UNIONS = ("sparse", "dense")
_FLOATS = ("Float16", "Float32", "Float64")
# Types without parameters by their number in Arrow's `Type` union.
_PLAIN = {
    1: "Null",
    4: "Binary",
    5: "Utf8",
    6: "Boolean",
    12: "List",
    13: "Struct",
    19: "LargeBinary",
    20: "LargeUtf8",
    21: "LargeList",
    22: "RunEndEncoded",
    23: "BinaryView",
    24: "Utf8View",
}
_PLAIN_NUMBERS = {name: number for number, name in _PLAIN.items()}


def read_schema(message) -> Schema:
    """The schema of a message; `Error` if it is damaged or names an unknown type."""
    try:
        return _read(memoryview(message))
    except (struct.error, IndexError, ValueError, RecursionError) as damage:
        raise Error.internal(f"schema message: damaged ({damage})") from damage


def _read(message: memoryview) -> Schema:
    if message[:4] == CONTINUATION:
        message = message[4:]
    length = struct.unpack_from("<I", message)[0]
    if len(message) < 4 + length:
        raise ValueError(f"says {length} bytes, has {len(message) - 4}")
    root = flat.Table.root(message[4 : 4 + length])
    if root.number(1, "u8", 0) != _SCHEMA:
        raise ValueError("holds no schema")
    schema = root.table(2)
    if schema is None:
        raise ValueError("holds no schema")
    if schema.number(0, "i16", 0) != 0:
        raise Error.unsupported("schema message: big-endian data is not supported")
    return Schema([_read_field(table) for table in schema.tables(1)], _read_metadata(schema, 2))


def _read_metadata(table: flat.Table, slot: int) -> dict[str, str]:
    return {pair.string(0) or "": pair.string(1) or "" for pair in table.tables(slot)}


def _read_field(table: flat.Table) -> Field:
    name = table.string(0) or ""
    data_type = _read_type(table, name)
    encoding = table.table(4)
    if encoding is not None:
        index = encoding.table(1)
        index = DataType("Int32") if index is None else _integer(index)
        ordered = encoding.number(2, "bool", False)
        data_type = DataType("Dictionary", index=index, value=data_type, ordered=ordered)
    return Field(name, data_type, table.number(1, "bool", False), _read_metadata(table, 6))


def _integer(table: flat.Table) -> DataType:
    bits, signed = table.number(0, "i32", 0), table.number(1, "bool", False)
    if bits not in (8, 16, 32, 64):
        raise ValueError(f"integers of {bits} bits")
    return DataType(f"{'' if signed else 'U'}Int{bits}")


def _read_type(table: flat.Table, name: str) -> DataType:
    number, of = table.number(2, "u8", 0), table.table(3)
    children = tuple(_read_field(child) for child in table.tables(5))
    if number in _PLAIN:
        return DataType(_PLAIN[number], children=children)
    if of is None:
        raise ValueError(f"field `{name}`: its type is incomplete")
    match number:
        case 2:
            return _integer(of)
        case 3:
            return DataType(_FLOATS[of.number(0, "i16", 0)])
        case 7:
            bits = of.number(2, "i32", 128)
            precision, scale = of.number(0, "i32", 0), of.number(1, "i32", 0)
            return DataType(f"Decimal{bits}", precision=precision, scale=scale)
        case 8:
            return DataType("Date64" if of.number(0, "i16", 1) else "Date32")
        case 9:
            bits = of.number(1, "i32", 32)
            return DataType(f"Time{bits}", unit=_UNITS[of.number(0, "i16", 1)])
        case 10:
            unit = _UNITS[of.number(0, "i16", 0)]
            return DataType("Timestamp", unit=unit, timezone=of.string(1))
        case 11:
            return DataType("Interval", unit=_INTERVALS[of.number(0, "i16", 0)])
        case 14:
            ids, unit = tuple(of.i32s(1)), _UNIONS[of.number(0, "i16", 0)]
            return DataType("Union", unit=unit, type_ids=ids, children=children)
        case 15:
            return DataType("FixedSizeBinary", size=of.number(0, "i32", 0))
        case 16:
            return DataType("FixedSizeList", size=of.number(0, "i32", 0), children=children)
        case 17:
            return DataType("Map", ordered=of.number(0, "bool", False), children=children)
        case 18:
            return DataType("Duration", unit=_UNITS[of.number(0, "i16", 1)])
    raise Error.unsupported(f"column `{name}`: Arrow type number {number} is not known here")


def write_schema(schema: Schema) -> bytes:
    """The message of a schema."""
    # Each dictionary has a number of its own; nothing is ever looked up by it.
    dictionaries = iter(range(1 << 31))
    fields = [_write_field(field, dictionaries) for field in schema.fields]
    header = {0: ("i16", 0), 1: ("tables", fields), **_write_metadata(2, schema.metadata)}
    body = flat.write(
        {0: ("i16", _V5), 1: ("u8", _SCHEMA), 2: ("table", header), 3: ("i64", 0)},
    )
    body += bytes(-len(body) % 8)
    return CONTINUATION + struct.pack("<I", len(body)) + body


def _write_metadata(slot: int, metadata: dict[str, str]) -> dict:
    if not metadata:
        return {}
    pairs = [{0: ("string", key), 1: ("string", value)} for key, value in metadata.items()]
    return {slot: ("tables", pairs)}


def _write_field(field: Field, dictionaries) -> dict:
    data_type, out = field.type, {}
    if data_type.name == "Dictionary":
        out[4] = (
            "table",
            {
                0: ("i64", next(dictionaries)),
                1: ("table", _write_type(data_type.index, field.name)[1]),
                2: ("bool", data_type.ordered),
            },
        )
        data_type = data_type.value
    number, of = _write_type(data_type, field.name)
    children = [_write_field(child, dictionaries) for child in data_type.children]
    return {
        0: ("string", field.name),
        1: ("bool", field.nullable),
        2: ("u8", number),
        3: ("table", of),
        **out,
        5: ("tables", children),
        **_write_metadata(6, field.metadata),
    }


def _write_type(data_type: DataType, column: str) -> tuple[int, dict]:
    """The type's number, and its table."""
    name, unit = data_type.name, data_type.unit
    if name in _PLAIN_NUMBERS:
        return _PLAIN_NUMBERS[name], {}
    if name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"):
        bits = int(name.removeprefix("U").removeprefix("Int"))
        return 2, {0: ("i32", bits), 1: ("bool", not name.startswith("U"))}
    if name in _FLOATS:
        return 3, {0: ("i16", _FLOATS.index(name))}
    if name.startswith("Decimal"):
        bits = int(name.removeprefix("Decimal"))
        return 7, {
            0: ("i32", data_type.precision),
            1: ("i32", data_type.scale),
            2: ("i32", bits),
        }
    match name:
        case "Date32" | "Date64":
            return 8, {0: ("i16", int(name == "Date64"))}
        case "Time32" | "Time64":
            return 9, {0: ("i16", _UNITS.index(unit)), 1: ("i32", int(name[4:]))}
        case "Timestamp":
            zone = data_type.timezone
            zone = {} if zone is None else {1: ("string", zone)}
            return 10, {0: ("i16", _UNITS.index(unit)), **zone}
        case "Interval":
            return 11, {0: ("i16", _INTERVALS.index(unit))}
        case "Union":
            return 14, {
                0: ("i16", _UNIONS.index(unit)),
                1: ("i32s", data_type.type_ids),
            }
        case "FixedSizeBinary":
            return 15, {0: ("i32", data_type.size)}
        case "FixedSizeList":
            return 16, {0: ("i32", data_type.size)}
        case "Map":
            return 17, {0: ("bool", data_type.ordered)}
        case "Duration":
            return 18, {0: ("i16", _UNITS.index(unit))}
    raise Error.unsupported(f"column `{column}`: type {data_type} cannot cross to the host")

"""Runs a transform without a component, for unit tests.

    prices = testing.column(FLOAT64, [1.5, None])
    out = testing.run(Half, {"price": prices}, {"column": "price"})
    assert out["half"] == [0.75, None]

It goes through the very class that the component exports, buffers and all.
"""

import json
from array import array
from dataclasses import dataclass

from . import bitmap
from .array import FORMATS, Array, decode, encode
from .error import Error
from .ipc import read_schema, write_schema
from .schema import DataType, Field, Schema
from .transform import Transform, stage


def column(data_type: DataType, values) -> Array:
    """A column of values of Python: numbers, booleans or texts, `None` for null."""
    values = list(values)
    valid = [value is not None for value in values]
    validity = None if all(valid) else bitmap.of(valid)
    if data_type.name in FORMATS:
        numbers = [0 if value is None else value for value in values]
        return Array.of(data_type, array(FORMATS[data_type.name], numbers), validity)
    if data_type.name == "Boolean":
        bits = bitmap.of([bool(value) for value in values])
        return Array(data_type, len(values), validity, [bits])
    if data_type.name == "Utf8":
        texts = [(value or "").encode() for value in values]
        ends = [sum(map(len, texts[:i])) for i in range(len(texts) + 1)]
        return Array(data_type, len(values), validity, [array("i", ends), b"".join(texts)])
    raise Error.unsupported(f"a column of type {data_type} cannot be made of values here")


def run(transform: type[Transform], columns: dict[str, Array], options=None) -> dict[str, list]:
    """What comes out of one batch, by column: the values of all that is emitted."""
    schema = Schema([Field(name, values.type) for name, values in columns.items()])
    host = _Batch(list(columns.values()))
    exported = stage(transform, Wire, lambda error: error)
    made = exported.create(write_schema(schema), json.dumps(options or {}), None)
    declared = read_schema(made.output_schema())
    sink = _Sink(host, declared)
    made.process(host, sink)
    made.finish(sink)
    return dict(zip(declared.names, sink.values))


class _Batch:
    def __init__(self, columns):
        self.columns = columns

    def rows(self):
        return len(self.columns[0]) if self.columns else 0

    def read(self, projection):
        record = Wire.Columns(self.rows(), [], [], [])
        for index in projection:
            encode(self.columns[index], record.nodes, record.buffers, Wire.Node)
        return record


class _Sink:
    def __init__(self, batch, schema):
        self.batch, self.schema, self.values = batch, schema, [[] for _ in schema]

    def emit(self, rows, columns):
        for field, column, values in zip(self.schema, columns, self.values):
            if isinstance(column, Wire.OutColumn_Same):
                values.extend(self.batch.columns[column.value])
            else:
                nodes, buffers = iter(column.value.nodes), iter(column.value.buffers)
                values.extend(decode(field.type, field.name, nodes, buffers))

    def emit_selected(self, selection):
        for column, values in zip(self.batch.columns, self.values):
            values.extend(v for row, v in enumerate(column) if bitmap.get(selection, row))


class Wire:
    """The records of `wit/arrow.wit`, as the bindings of a component have them."""

    @dataclass
    class Node:
        len: int
        nulls: int

    @dataclass
    class Columns:
        rows: int
        nodes: list
        variadic: list
        buffers: list

    @dataclass
    class OutColumn_Same:
        value: int

    @dataclass
    class OutColumn_Data:
        value: object

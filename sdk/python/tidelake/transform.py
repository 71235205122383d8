"""Transforms: batches in, batches out, and how one becomes a plugin."""

import json
import sys
import types
from dataclasses import dataclass

from .array import Array, decode, encode
from .error import Error
from .ipc import read_schema, write_schema
from .schema import Schema


@dataclass(frozen=True)
class Same:
    """The input column at this index, unchanged: its bytes never cross."""

    index: int


class Transform:
    """Deterministic: same input, same options, same output."""

    NAME = ""
    VERSION = "0.1.0"
    DESCRIPTION = ""
    #: Whether each output row depends on one input row alone.
    ROW_WISE = False
    #: The options' JSON Schema. The host checks them; defaults are filled in.
    OPTIONS: dict = {"type": "object", "additionalProperties": False}

    @classmethod
    def create(cls, schema: Schema, options: dict) -> "Transform":
        """Prepares for batches of `schema`."""
        raise NotImplementedError

    def output_schema(self) -> Schema:
        """The schema of all that is emitted. Constant."""
        raise NotImplementedError

    def process(self, batch: "Batch", out: "Output") -> None:
        """Takes one batch and emits any number."""
        raise NotImplementedError

    def finish(self, out: "Output") -> None:
        """The input has ended: emits what was held back."""


class Batch:
    """A batch that the host holds; a column crosses when it is first asked for."""

    def __init__(self, host, schema: Schema):
        self._host, self._read, self.schema, self.rows = host, {}, schema, host.rows()

    def column(self, which: int | str) -> Array:
        """One column, by position or name."""
        return self.columns([which])[0]

    def columns(self, which) -> list[Array]:
        """Several columns, which cross in one call."""
        indexes = [self.schema.index(w) if isinstance(w, str) else w for w in which]
        for asked, index in zip(which, indexes):
            if index is None or not 0 <= index < len(self.schema):
                raise Error.internal(f"there is no column {asked!r} in the batch")
        wanted = [i for i in dict.fromkeys(indexes) if i not in self._read]
        if wanted:
            record = self._host.read(wanted)
            nodes, buffers = iter(record.nodes), iter(record.buffers)
            for index in wanted:
                field = self.schema[index]
                self._read[index] = decode(field.type, field.name, nodes, buffers)
        return [self._read[index] for index in indexes]


class Output:
    """Takes what is emitted."""

    def __init__(self, host, wire, schema: Schema, batch: Batch | None):
        self._host, self._wire, self._batch, self.schema = host, wire, batch, schema

    def emit(self, rows: int, columns) -> None:
        """One batch: a `Same` or an `Array` for each field that was declared."""
        columns = list(columns)
        if len(columns) != len(self.schema):
            raise Error.internal(f"{len(columns)} columns emitted, {len(self.schema)} declared")
        crossing = []
        for field, column in zip(self.schema, columns):
            if isinstance(column, Same):
                crossing.append(self._wire.OutColumn_Same(column.index))
                continue
            if column.rows != rows or column.type != field.type:
                raise Error.internal(
                    f"column `{field.name}`: emitted {column.rows} rows of {column.type}, "
                    f"declared {rows} rows of {field.type}"
                )
            nodes, buffers = [], []
            encode(column, nodes, buffers, self._wire.Node)
            record = self._wire.Columns(rows, nodes, [], buffers)
            crossing.append(self._wire.OutColumn_Data(record))
        self._host.emit(rows, crossing)

    def emit_selected(self, selection) -> None:
        """The input's rows whose bit is set; the declared schema is the input's."""
        self._host.emit_selected(bytes(selection))


def describe(transform: type[Transform]) -> str:
    """What `meta.describe` answers."""
    return json.dumps(
        {
            "name": transform.NAME,
            "version": transform.VERSION,
            "kind": "transform",
            "description": transform.DESCRIPTION,
            "options": transform.OPTIONS,
            "row_wise": transform.ROW_WISE,
        }
    )


def stage(transform: type[Transform], wire, failure):
    """The class that a component exports. `wire` has the records of `wit/arrow.wit`;
    `failure` makes of an `Error` what the bindings raise."""

    def told(call):
        def guarded(*arguments):
            try:
                return call(*arguments)
            except Error as error:
                raise failure(error) from error
            except MemoryError as error:
                raise failure(Error("out of memory", "exhausted")) from error
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                what = f"{type(error).__name__}: {error}"
                raise failure(Error.internal(what)) from error

        return guarded

    class Stage:
        @classmethod
        def create(cls, schema, options, snapshot):
            return told(cls._create)(schema, options, snapshot)

        @classmethod
        def _create(cls, schema, options, snapshot):
            if snapshot:
                raise Error.unsupported(f"plugin `{transform.NAME}` keeps no state to restore")
            made = cls()
            made.schema = read_schema(schema)
            known = transform.OPTIONS.get("properties", {}).items()
            defaults = {name: of["default"] for name, of in known if "default" in of}
            made.transform = transform.create(made.schema, defaults | json.loads(options))
            made.output = made.transform.output_schema()
            return made

        def output_schema(self):
            return write_schema(self.output)

        def process(self, batch, out):
            def work():
                given = Batch(batch, self.schema)
                self.transform.process(given, Output(out, wire, self.output, given))

            told(work)()

        def finish(self, out):
            told(self.transform.finish)(Output(out, wire, self.output, None))

        def snapshot(self):
            return b""

    return Stage


def export(transform: type[Transform]):
    """Makes a module the plugin: `Meta = tidelake.export(Spread)` at its end.

    Outside of componentize-py there is nothing to export to, and the module remains one
    that tests can import.
    """

    class Meta:
        def describe(self):
            return describe(transform)

    try:
        from componentize_py_types import Err
        from wit_world.imports import arrow
        from wit_world.imports import types as wit
    except ModuleNotFoundError:
        return Meta

    def failure(error: Error):
        code = wit.ErrorCode[error.kind.upper().replace("-", "_")]
        return Err(wit.Error(code, error.message))

    # componentize-py looks for an interface's resources in a module of its name.
    module = types.ModuleType("transform")
    module.Stage = stage(transform, arrow, failure)
    sys.modules["transform"] = module
    return Meta

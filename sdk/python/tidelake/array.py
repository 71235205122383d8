"""Columns as views of the buffers that crossed: no row becomes an object unasked.

`values` of a fixed-width column is a typed `memoryview`: iterate it, hand it to
`array.array`, or see it as numpy does (`numpy.asarray(column.values)`), without a copy.
"""

from . import bitmap
from .error import Error
from .schema import DataType

#: Types whose values are numbers of Python, with their `memoryview` format.
FORMATS = {
    "Int8": "b", "Int16": "h", "Int32": "i", "Int64": "q",
    "UInt8": "B", "UInt16": "H", "UInt32": "I", "UInt64": "Q",
    "Float32": "f", "Float64": "d", "Date32": "i", "Date64": "q",
    "Time32": "i", "Time64": "q", "Timestamp": "q", "Duration": "q",
}  # fmt: skip
_OFFSETS = {"Utf8": "i", "Binary": "i", "LargeUtf8": "q", "LargeBinary": "q"}
_WIDTHS = {"i": 4, "q": 8}


class Array:
    """One column: its type, its length, and its buffers."""

    def __init__(self, data_type: DataType, rows: int, validity, buffers, dictionary=None):
        self.type, self.rows, self.dictionary = data_type, rows, dictionary
        #: The bitmap of rows that are not null; none if no row is.
        self.validity = memoryview(validity) if validity is not None and len(validity) else None
        self.buffers = [memoryview(buffer).cast("B") for buffer in buffers]

    @classmethod
    def of(cls, data_type: DataType, values, validity=None) -> "Array":
        """A fixed-width column of a buffer: an `array.array`, bytes, a numpy array."""
        if data_type.name not in FORMATS:
            raise Error.unsupported(f"a column of type {data_type} cannot be made of a buffer")
        view = memoryview(values).cast("B")
        width = memoryview(bytes(8)).cast(FORMATS[data_type.name]).itemsize
        rows, rest = divmod(len(view), width)
        if rest:
            raise Error.internal(f"{len(view)} bytes are no values of type {data_type}")
        if validity is not None and len(validity) < bitmap.size(rows):
            raise Error.internal(f"a bitmap of {len(validity)} bytes for {rows} values")
        return cls(data_type, rows, validity, [view])

    def __len__(self) -> int:
        return self.rows

    @property
    def nulls(self) -> int:
        """How many rows are null."""
        return 0 if self.validity is None else self.rows - bitmap.count(self.validity, self.rows)

    @property
    def values(self) -> memoryview:
        """The values of a fixed-width column; what stands under nulls means nothing."""
        name = self.type.index.name if self.type.name == "Dictionary" else self.type.name
        if name not in FORMATS:
            raise Error.unsupported(f"a column of type {self.type} has no view of its values")
        width = memoryview(bytes(8)).cast(FORMATS[name]).itemsize
        return self.buffers[0][: self.rows * width].cast(FORMATS[name])

    def __getitem__(self, row: int):
        """One value, decoded when asked for; `None` for null."""
        if not 0 <= row < self.rows:
            raise IndexError(row)
        if self.validity is not None and not bitmap.get(self.validity, row):
            return None
        name = self.type.name
        if name == "Boolean":
            return bitmap.get(self.buffers[0], row)
        if name == "Dictionary":
            return self.dictionary[self.values[row]]
        if name in _OFFSETS:
            code = _OFFSETS[name]
            view = self.buffers[0][: (self.rows + 1) * _WIDTHS[code]].cast(code)
            found = bytes(self.buffers[1][view[row] : view[row + 1]])
            return found.decode() if name.endswith("Utf8") else found
        return self.values[row]

    def __iter__(self):
        return (self[row] for row in range(self.rows))


def decode(data_type: DataType, column: str, nodes, buffers) -> Array:
    """The next array of a record of columns, of two iterators."""
    node, name = next(nodes), data_type.name
    if name == "Dictionary":
        validity, keys = next(buffers), next(buffers)
        values = decode(data_type.value, column, nodes, buffers)
        return Array(data_type, node.len, validity, [keys], values)
    if name in FORMATS or name == "Boolean":
        return Array(data_type, node.len, next(buffers), [next(buffers)])
    if name in _OFFSETS:
        return Array(data_type, node.len, next(buffers), [next(buffers), next(buffers)])
    raise Error.unsupported(
        f"column `{column}`: columns of type {data_type} can be passed on, but not read in Python"
    )


def encode(array: Array, nodes: list, buffers: list, node) -> None:
    """Appends an array's nodes and buffers; `node` makes a node."""
    nulls = array.nulls
    nodes.append(node(array.rows, nulls))
    buffers.append(bytes(array.validity) if nulls else b"")
    buffers.extend(bytes(buffer) for buffer in array.buffers)
    if array.dictionary is not None:
        encode(array.dictionary, nodes, buffers, node)

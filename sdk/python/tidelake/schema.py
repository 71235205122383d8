"""Names and types of columns."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class DataType:
    """A type of Arrow. Make one with the functions and constants of this module.

    All types that Arrow's schemas know can be named and passed on; which of them
    `Array` can look into, it says itself.
    """

    #: As Arrow calls it: `Float64`, `Timestamp`, `Dictionary`.
    name: str
    #: Of times: `s`, `ms`, `us`, `ns`; of intervals: `year-month`, `day-time`,
    #: `month-day-nano`; of unions: `sparse`, `dense`.
    unit: str = ""
    #: Of timestamps; none: local time.
    timezone: str | None = None
    #: Of decimals.
    precision: int = 0
    scale: int = 0
    #: Bytes of a fixed-size binary, items of a fixed-size list.
    size: int = 0
    #: Of dictionaries: the keys' type, and the values' type.
    index: "DataType | None" = None
    value: "DataType | None" = None
    #: Of dictionaries: the order of keys means something; of maps: keys are sorted.
    ordered: bool = False
    #: Of unions.
    type_ids: tuple[int, ...] = ()
    #: Of nested types.
    children: tuple["Field", ...] = ()

    def __str__(self) -> str:
        if self.name == "Dictionary":
            return f"Dictionary({self.index}, {self.value})"
        if self.name.startswith("Decimal"):
            return f"{self.name}({self.precision}, {self.scale})"
        if self.children:
            return f"{self.name}({', '.join(f'{c.name}: {c.type}' for c in self.children)})"
        parts = [self.unit, self.timezone and f'"{self.timezone}"', self.size and str(self.size)]
        said = ", ".join(part for part in parts if part)
        return f"{self.name}({said})" if said else self.name


@dataclass(frozen=True)
class Field:
    """One column: its name, its type, whether it may hold nulls."""

    name: str
    type: DataType
    nullable: bool = True
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Schema:
    """The columns of a batch, in order."""

    fields: tuple[Field, ...]
    metadata: dict[str, str] = field(default_factory=dict)

    def __init__(self, fields, metadata=None):
        object.__setattr__(self, "fields", tuple(fields))
        object.__setattr__(self, "metadata", dict(metadata or {}))

    def __len__(self) -> int:
        return len(self.fields)

    def __iter__(self):
        return iter(self.fields)

    def __getitem__(self, index: int) -> Field:
        return self.fields[index]

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [column.name for column in self.fields]

    def index(self, name: str) -> int | None:
        """The position of the first column of a name, or none."""
        return next((i for i, column in enumerate(self.fields) if column.name == name), None)

    def with_fields(self, *more: Field) -> "Schema":
        """The same columns and some more."""
        return replace_fields(self, self.fields + more)


def replace_fields(schema: Schema, fields) -> Schema:
    """Other columns under the same metadata."""
    return Schema(fields, schema.metadata)


NULL, BOOLEAN = DataType("Null"), DataType("Boolean")
INT8, INT16, INT32, INT64 = (DataType(f"Int{bits}") for bits in (8, 16, 32, 64))
UINT8, UINT16, UINT32, UINT64 = (DataType(f"UInt{bits}") for bits in (8, 16, 32, 64))
FLOAT16, FLOAT32, FLOAT64 = (DataType(f"Float{bits}") for bits in (16, 32, 64))
UTF8, LARGE_UTF8, UTF8_VIEW = DataType("Utf8"), DataType("LargeUtf8"), DataType("Utf8View")
BINARY, LARGE_BINARY = DataType("Binary"), DataType("LargeBinary")
BINARY_VIEW = DataType("BinaryView")
DATE32, DATE64 = DataType("Date32"), DataType("Date64")

UNITS = ("s", "ms", "us", "ns")


def _unit(unit: str) -> str:
    if unit not in UNITS:
        raise ValueError(f"{unit!r} is no unit of time; there are {', '.join(UNITS)}")
    return unit


def timestamp(unit: str = "us", timezone: str | None = None) -> DataType:
    """An instant, if there is a time zone; else a local date and time."""
    return DataType("Timestamp", unit=_unit(unit), timezone=timezone)


def time(unit: str) -> DataType:
    """A time of day: 32 bits wide in `s` and `ms`, 64 in `us` and `ns`."""
    return DataType("Time32" if _unit(unit) in ("s", "ms") else "Time64", unit=unit)


def duration(unit: str) -> DataType:
    """A length of time."""
    return DataType("Duration", unit=_unit(unit))


def decimal(precision: int, scale: int, bits: int = 128) -> DataType:
    """An exact number of `precision` digits, `scale` of them after the point."""
    return DataType(f"Decimal{bits}", precision=precision, scale=scale)


def fixed_size_binary(size: int) -> DataType:
    """Byte strings of one length."""
    return DataType("FixedSizeBinary", size=size)


def dictionary(index: DataType, value: DataType, ordered: bool = False) -> DataType:
    """Values of `value`, each kept once and named by keys of `index`."""
    return DataType("Dictionary", index=index, value=value, ordered=ordered)


def without_order(data_type: DataType) -> DataType:
    """The type but for what its order of keys means."""
    return replace(data_type, ordered=False)

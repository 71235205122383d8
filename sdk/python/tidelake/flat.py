"""As much of FlatBuffers as a schema message needs.

A buffer is tables that point at each other. A table begins with the distance to its
vtable, which says where in the table each field (slot) is, or that it is left out and
has its default. Writing goes forwards: a table first, then what it points at, for
offsets to strings, vectors and tables only ever point forwards.
"""

import struct

# What can stand in a slot: format and width of numbers, in bytes.
NUMBERS = {"bool": "?", "u8": "B", "i16": "h", "i32": "i", "i64": "q"}


class Table:
    """Reads one table. Damage raises `struct.error`, `IndexError` or `ValueError`."""

    def __init__(self, buffer, position: int):
        self.buffer, self.position = buffer, position
        vtable = position - struct.unpack_from("<i", buffer, position)[0]
        if vtable < 0:
            raise ValueError("a table without its vtable")
        self.vtable = vtable
        self.slots = (struct.unpack_from("<H", buffer, vtable)[0] - 4) // 2

    @classmethod
    def root(cls, buffer) -> "Table":
        return cls(buffer, struct.unpack_from("<I", buffer, 0)[0])

    def _at(self, slot: int) -> int:
        """Where the slot's field is; 0 if it is left out."""
        if slot >= self.slots:
            return 0
        offset = struct.unpack_from("<H", self.buffer, self.vtable + 4 + 2 * slot)[0]
        return offset and self.position + offset

    def number(self, slot: int, kind: str, default):
        at = self._at(slot)
        return struct.unpack_from("<" + NUMBERS[kind], self.buffer, at)[0] if at else default

    def _target(self, at: int) -> int:
        return at + struct.unpack_from("<I", self.buffer, at)[0]

    def table(self, slot: int):
        at = self._at(slot)
        return Table(self.buffer, self._target(at)) if at else None

    def string(self, slot: int):
        at = self._at(slot)
        return self._string(self._target(at)) if at else None

    def _string(self, at: int) -> str:
        length = struct.unpack_from("<I", self.buffer, at)[0]
        if at + 4 + length > len(self.buffer):
            raise ValueError("a string that is cut short")
        return bytes(self.buffer[at + 4 : at + 4 + length]).decode()

    def _vector(self, slot: int):
        at = self._at(slot)
        if not at:
            return 0, 0
        start = self._target(at)
        length = struct.unpack_from("<I", self.buffer, start)[0]
        if start + 4 + 4 * length > len(self.buffer):
            raise ValueError("a vector that is cut short")
        return start + 4, length

    def tables(self, slot: int) -> list["Table"]:
        start, length = self._vector(slot)
        return [Table(self.buffer, self._target(start + 4 * i)) for i in range(length)]

    def i32s(self, slot: int) -> list[int]:
        start, length = self._vector(slot)
        return list(struct.unpack_from(f"<{length}i", self.buffer, start))


def write(root: dict) -> bytes:
    """The buffer of a table: a dict from slot to `(kind, value)`.

    Kinds are those of `NUMBERS`, `string`, `table` (a dict), `tables` (a list of
    dicts) and `i32s`.
    """
    out = bytearray(8)
    struct.pack_into("<I", out, 0, _table(out, root))
    return bytes(out)


def _align(out: bytearray, width: int) -> int:
    out.extend(bytes(-len(out) % width))
    return len(out)


def _table(out: bytearray, fields: dict) -> int:
    # Wide fields first, so that nothing but the last has to be padded.
    def width(kind):
        return struct.calcsize("<" + NUMBERS[kind]) if kind in NUMBERS else 4

    order = sorted(fields, key=lambda slot: (-width(fields[slot][0]), slot))
    offsets, size = {}, 4
    for slot in order:
        wide = width(fields[slot][0])
        size += -size % wide
        offsets[slot] = size
        size += wide
    slots = max(fields, default=-1) + 1
    _align(out, 8)
    vtable = len(out)
    out.extend(struct.pack("<HH", 4 + 2 * slots, size))
    out.extend(struct.pack(f"<{slots}H", *(offsets.get(slot, 0) for slot in range(slots))))
    position = _align(out, 8)
    out.extend(bytes(size))
    struct.pack_into("<i", out, position, position - vtable)
    for slot, (kind, value) in fields.items():
        at = position + offsets[slot]
        if kind in NUMBERS:
            struct.pack_into("<" + NUMBERS[kind], out, at, value)
        else:
            target = _pointed_at(out, kind, value)
            struct.pack_into("<I", out, at, target - at)
    return position


def _pointed_at(out: bytearray, kind: str, value) -> int:
    if kind == "table":
        return _table(out, value)
    start = _align(out, 4)
    if kind == "string":
        encoded = value.encode()
        out.extend(struct.pack("<I", len(encoded)) + encoded + b"\0")
    elif kind == "i32s":
        out.extend(struct.pack(f"<I{len(value)}i", len(value), *value))
    elif kind == "tables":
        out.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
        for index, fields in enumerate(value):
            at = start + 4 + 4 * index
            struct.pack_into("<I", out, at, _table(out, fields) - at)
    else:
        raise ValueError(f"no field is a {kind}")
    return start

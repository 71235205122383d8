"""Bitmaps as Arrow has them: one bit a row, the least significant bit first.

They are worked on as one large integer each, so that no row becomes an object.
"""


def size(rows: int) -> int:
    """Bytes of a bitmap."""
    return (rows + 7) // 8


def get(bitmap, row: int) -> bool:
    """One bit."""
    return bool(bitmap[row >> 3] >> (row & 7) & 1)


def count(bitmap, rows: int) -> int:
    """How many of the first `rows` bits are set."""
    return (_number(bitmap, rows) & _mask(rows)).bit_count()


def both(left, right, rows: int) -> bytes | None:
    """Bits that are set in both; no bitmap stands for all bits set."""
    if left is None or right is None:
        some = left if right is None else right
        return None if some is None else bytes(some[: size(rows)])
    return (_number(left, rows) & _number(right, rows)).to_bytes(size(rows), "little")


def of(truths) -> bytes:
    """The bitmap of some truths."""
    bits = "".join("1" if truth else "0" for truth in truths)
    return int(bits[::-1] or "0", 2).to_bytes(size(len(bits)), "little")


def full(rows: int) -> bytes:
    """All bits set."""
    return _mask(rows).to_bytes(size(rows), "little")


def _number(bitmap, rows: int) -> int:
    return int.from_bytes(bitmap[: size(rows)], "little")


def _mask(rows: int) -> int:
    return (1 << rows) - 1

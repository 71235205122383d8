"""`spread-python`: adds `mid` and `spread_bps` to quotes, as `../custom-transform` does."""

from array import array
from math import copysign, inf, nan

import tidelake
from tidelake import Array, Error, Field, Same, bitmap
from tidelake.schema import FLOAT64


class Spread(tidelake.Transform):
    NAME = "spread-python"
    DESCRIPTION = "Adds mid price and spread to quotes."
    # Each row depends on itself alone, so hot rows can be shown the same way.
    ROW_WISE = True
    OPTIONS = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "bid": {"type": "string", "default": "bid", "description": "The bid prices."},
            "ask": {"type": "string", "default": "ask", "description": "The ask prices."},
        },
    }

    @classmethod
    def create(cls, schema, options):
        made = cls()
        made.prices = [prices(schema, option, options[option]) for option in ("bid", "ask")]
        for name in ("mid", "spread_bps"):
            if schema.index(name) is not None:
                raise Error.column(name, "the table has one already; rename it first")
        made.schema = schema.with_fields(Field("mid", FLOAT64), Field("spread_bps", FLOAT64))
        return made

    def output_schema(self):
        return self.schema

    def process(self, batch, out):
        # Only these two columns cross from the host.
        bids, asks = batch.columns(self.prices)
        valid = bitmap.both(bids.validity, asks.validity, batch.rows)
        mid = array("d", [(b + a) / 2.0 for b, a in zip(bids.values, asks.values)])
        pairs = zip(bids.values, asks.values, mid)
        spread = array("d", [divide(a - b, m) * 10_000.0 for b, a, m in pairs])
        # The others stay where they are.
        same = [Same(i) for i in range(len(batch.schema))]
        out.emit(batch.rows, same + [Array.of(FLOAT64, new, valid) for new in (mid, spread)])


def divide(a, b):
    """As IEEE 754 has it: Python raises on zero, which also stands under nulls."""
    if b:
        return a / b
    return nan if a == 0 or a != a else copysign(inf, a) * copysign(1.0, b)


def prices(schema, option, name):
    index = schema.index(name)
    if index is None:
        raise Error.option(option, f"there is no column `{name}`")
    if schema[index].type != FLOAT64:
        raise Error.option(option, f"column `{name}` is {schema[index].type}, not Float64")
    return index


Meta = tidelake.export(Spread)

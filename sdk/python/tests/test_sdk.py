"""Against pyarrow: schema messages both ways, buffers as it lays them out; and the
example through the very class that its component exports."""

import json
import math
import unittest

import numpy
import pyarrow as pa
import spread_python
from tidelake import Array, Error, bitmap, testing
from tidelake import schema as types
from tidelake.ipc import read_schema, write_schema
from tidelake.testing import Wire
from tidelake.transform import stage


Node, Columns, OutColumn_Same = Wire.Node, Wire.Columns, Wire.OutColumn_Same


def lay_out(array, record):
    """A pyarrow array in the layout of wit/arrow.wit."""
    record.nodes.append(Node(len(array), array.null_count))
    if pa.types.is_dictionary(array.type):
        lay_out(array.indices, record)
        record.nodes.pop(-2)
        lay_out(array.dictionary, record)
        return
    validity, *rest = array.buffers()
    record.buffers.append(validity.to_pybytes() if array.null_count else b"")
    record.buffers.extend(buffer.to_pybytes() if buffer else b"" for buffer in rest)


class HostBatch:
    def __init__(self, batch):
        self.batch, self.asked = batch, []

    def rows(self):
        return self.batch.num_rows

    def read(self, projection):
        self.asked.append(projection)
        record = Columns(self.batch.num_rows, [], [], [])
        for index in projection:
            lay_out(self.batch.column(index), record)
        return record


class HostSink:
    def __init__(self):
        self.emitted = []

    def emit(self, rows, columns):
        self.emitted.append((rows, columns))


EVERY = pa.schema(
    [
        pa.field("null", pa.null()),
        pa.field("bool", pa.bool_(), nullable=False),
        *(pa.field(str(t), t) for t in (pa.int8(), pa.int16(), pa.int32(), pa.int64())),
        *(pa.field(str(t), t) for t in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())),
        *(pa.field(str(t), t) for t in (pa.float16(), pa.float32(), pa.float64())),
        *(pa.field(str(t), t) for t in (pa.date32(), pa.date64(), pa.time32("ms"))),
        *(pa.field(str(t), t) for t in (pa.time64("ns"), pa.duration("us"))),
        pa.field("local", pa.timestamp("ns")),
        pa.field("zürich", pa.timestamp("us", "Europe/Zurich"), metadata={"unit": "μs"}),
        pa.field("exact", pa.decimal128(20, 4)),
        pa.field("wide", pa.decimal256(50, -2)),
        *(pa.field(str(t), t) for t in (pa.utf8(), pa.large_utf8(), pa.string_view())),
        *(pa.field(str(t), t) for t in (pa.binary(), pa.large_binary(), pa.binary(3))),
        pa.field("keyed", pa.dictionary(pa.int8(), pa.utf8(), ordered=True)),
        pa.field("list", pa.list_(pa.field("item", pa.int64(), nullable=False))),
        pa.field("pair", pa.list_(pa.float64(), 2)),
        pa.field("map", pa.map_(pa.utf8(), pa.int32())),
        pa.field("struct", pa.struct([("a", pa.int8()), ("b", pa.list_(pa.utf8()))])),
        pa.field("union", pa.dense_union([pa.field("x", pa.int8()), pa.field("y", pa.utf8())])),
    ],
    metadata={"made by": "pyarrow"},
)


class Schemas(unittest.TestCase):
    def test_pyarrow_reads_back_what_it_wrote(self):
        schema = read_schema(EVERY.serialize().to_pybytes())
        back = pa.ipc.read_schema(pa.py_buffer(write_schema(schema)))
        self.assertTrue(back.equals(EVERY, check_metadata=True), back)

    def test_damage_is_an_error_wherever_it_is(self):
        message = EVERY.serialize().to_pybytes()
        for end in range(0, len(message) - 8, 7):
            with self.assertRaises(Error):
                read_schema(message[:end])

    def test_an_unknown_type_is_named(self):
        message = pa.schema([pa.field("odd", pa.list_view(pa.int8()))]).serialize()
        with self.assertRaisesRegex(Error, "column `odd`: Arrow type number 25"):
            read_schema(message.to_pybytes())


class Views(unittest.TestCase):
    def column(self, array):
        batch = HostBatch(pa.record_batch({"c": array}))
        schema = read_schema(batch.batch.schema.serialize().to_pybytes())
        from tidelake import Batch

        return Batch(batch, schema).column("c")

    def test_values_are_those_of_pyarrow(self):
        for values, of in [
            ([1, None, -3], pa.int16()),
            ([1.5, None, math.inf], pa.float64()),
            ([True, None, False] * 5, pa.bool_()),
            (["", None, "zürich"], pa.utf8()),
            (["a", "bc"], pa.large_utf8()),
            ([b"\xff", None], pa.binary()),
        ]:
            column = self.column(pa.array(values, of))
            self.assertEqual((list(column), column.nulls), (values, values.count(None)), of)
        keyed = pa.array(["x", None, "y", "x"]).dictionary_encode()
        self.assertEqual(list(self.column(keyed)), ["x", None, "y", "x"])

    def test_numpy_sees_them_without_a_copy(self):
        column = self.column(pa.array([1.0, 2.0]))
        seen = numpy.asarray(column.values)
        self.assertEqual(seen.dtype, numpy.float64)
        self.assertTrue(numpy.shares_memory(seen, numpy.frombuffer(column.buffers[0], "u1")))
        self.assertEqual(list(Array.of(types.FLOAT64, seen * 2)), [2.0, 4.0])

    def test_bitmaps(self):
        truths = [True, False, True, True, False, True, True, True, False, True]
        bits = bitmap.of(truths)
        self.assertEqual([bitmap.get(bits, i) for i in range(10)], truths)
        self.assertEqual(bitmap.count(bits, 9), 6)
        self.assertEqual(bitmap.both(bits, None, 10), bits)
        self.assertEqual(bitmap.both(bits, bitmap.full(10), 10), bits)

    def test_a_nested_column_is_refused_by_name(self):
        with self.assertRaisesRegex(Error, "column `c`: columns of type List"):
            self.column(pa.array([[1], [2]]))


class Spread(unittest.TestCase):
    stage = stage(spread_python.Spread, Wire, lambda error: error)

    def create(self, batch, options):
        return self.stage.create(batch.schema.serialize().to_pybytes(), json.dumps(options), None)

    def test_adds_mid_and_spread(self):
        bids = pa.array([99.5, None, 0.0, 1.0])
        batch = pa.record_batch({"s": ["a"] * 4, "bid": bids, "offer": [100.5, 101.0, 0.0, -1.0]})
        made = self.create(batch, {"ask": "offer"})
        host, sink = HostBatch(batch), HostSink()
        made.process(host, sink)
        self.assertEqual(host.asked, [[1, 2]], "two columns crossed, in one call")
        ((rows, columns),) = sink.emitted
        self.assertEqual((rows, columns[:3]), (4, [OutColumn_Same(i) for i in range(3)]))
        out = pa.ipc.read_schema(pa.py_buffer(made.output_schema()))
        self.assertEqual(out.names, ["s", "bid", "offer", "mid", "spread_bps"])
        mid, spread = (
            pa.Array.from_buffers(pa.float64(), 4, [pa.py_buffer(b) for b in c.value.buffers])
            for c in columns[3:]
        )
        self.assertEqual(mid.to_pylist(), [100.0, None, 0.0, 0.0])
        self.assertEqual(spread.to_pylist()[:2], [100.0, None])
        self.assertTrue(math.isnan(spread[2].as_py()))
        self.assertEqual(spread[3].as_py(), -math.inf)

    def test_columns_of_values_run_through_it_as_well(self):
        prices = testing.column(types.FLOAT64, [1.0, None])
        given = {
            "text": testing.column(types.UTF8, ["zürich", None]),
            "flag": testing.column(types.BOOLEAN, [None, True]),
            "bid": prices,
            "ask": prices,
        }
        out = testing.run(spread_python.Spread, given)
        self.assertEqual((out["mid"], out["spread_bps"]), ([1.0, None], [0.0, None]))
        self.assertEqual((out["text"], out["flag"]), (["zürich", None], [None, True]))

    def test_a_missing_column_is_named(self):
        with self.assertRaises(Error) as told:
            self.create(pa.record_batch({"bid": [1.0]}), {})
        self.assertEqual(str(told.exception), "option `ask`: there is no column `ask`")
        self.assertEqual(json.loads(spread_python.Meta().describe())["name"], "spread-python")


if __name__ == "__main__":
    unittest.main()

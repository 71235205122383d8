// The example through the very classes that its component exports.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Column, readSchema, writeSchema } from "../index.js";
import { column, run } from "../testing.js";
import { decodeText, encodeText } from "../utf8.js";
import { meta, transform } from "../../../examples/custom-transform-javascript/spread.js";

const FLOAT64 = { name: "Float64" };
const field = (name, type) => ({ name, type, nullable: true, metadata: {} });
const SCHEMA = {
  fields: [
    field("ts", { name: "Timestamp", unit: "us", timezone: "UTC" }),
    field("symbol", { name: "Dictionary", index: { name: "Int8" }, value: { name: "Utf8" }, ordered: false }),
    field("bid", FLOAT64),
    { ...field("ask", FLOAT64), nullable: false, metadata: { unit: "μs" } },
    field("exact", { name: "Decimal128", precision: 20, scale: -4 }),
    field("list", { name: "List", children: [field("item", { name: "UInt16" })] }),
  ],
  metadata: { made: "here" },
};

test("schemas come back as they were written", () => {
  assert.deepEqual(readSchema(writeSchema(SCHEMA)), SCHEMA);
});

test("damage is an error wherever it is", () => {
  const message = writeSchema(SCHEMA);
  for (let end = 0; end < message.length; end += 7) {
    assert.throws(() => readSchema(message.slice(0, end)), /schema message: damaged/);
  }
});

test("text is that of TextDecoder", () => {
  const text = "zürich % 東京 🙂";
  assert.deepEqual(encodeText(text), new TextEncoder().encode(text));
  assert.equal(decodeText(new TextEncoder().encode(text)), text);
});

test("adds mid and spread", () => {
  const stage = transform.Stage.create(writeSchema(SCHEMA), "{}", undefined);
  const bytes = (values) => new Uint8Array(new Float64Array(values).buffer);
  const asked = [];
  const batch = {
    rows: () => 3n,
    read(projection) {
      asked.push(projection);
      const nodes = [{ len: 3n, nulls: 1n }, { len: 3n, nulls: 0n }];
      const buffers = [Uint8Array.of(0b101), bytes([99.5, 7, 0]), new Uint8Array(0), bytes([100.5, 1, 0])];
      return { rows: 3n, nodes, variadic: [], buffers };
    },
  };
  let emitted;
  stage.process(batch, { emit: (rows, columns) => (emitted = { rows, columns }) });
  assert.deepEqual(asked, [[2, 3]], "two columns crossed, in one call");
  assert.deepEqual(emitted.columns.slice(0, 6).map((c) => c.val), [0, 1, 2, 3, 4, 5]);
  const [mid, spread] = emitted.columns.slice(6).map(({ val }) => {
    assert.equal(val.nodes[0].nulls, 1);
    return new Column(FLOAT64, 3, ...[val.buffers[0], [val.buffers[1]]]);
  });
  assert.deepEqual([0, 1, 2].map((row) => mid.get(row)), [100, null, 0]);
  assert.deepEqual([0, 1, 2].map((row) => spread.get(row)), [100, null, NaN]);
  const names = readSchema(stage.outputSchema()).fields.map((f) => f.name);
  assert.deepEqual(names.slice(6), ["mid", "spread_bps"]);
  assert.equal(JSON.parse(meta.describe()).name, "spread-javascript");
});

test("columns of values run through it as well", () => {
  const price = column("Float64", [1, null]);
  const ts = column({ name: "Timestamp", unit: "us", timezone: "UTC" }, [null, 7n]);
  const [text, flag] = [column("Utf8", ["zürich", null]), column("Boolean", [null, true])];
  const out = run(transform, { ts, text, flag, bid: price, ask: price });
  assert.deepEqual([out.mid, out.spread_bps], [[1, null], [0, null]]);
  assert.deepEqual([out.ts, out.text, out.flag], [[null, 7n], ["zürich", null], [null, true]]);
});

test("a missing column is named", () => {
  const create = () => transform.Stage.create(writeSchema({ fields: [] }), "{}", undefined);
  assert.throws(create, { code: "invalid-input", message: "option `bid`: there is no column `bid`" });
});

// Runs a transform without a component, for unit tests:
//
//   const out = run(transform, { price: column("Float64", [1.5, null]) }, { column: "price" });
//   assert.deepEqual(out.half, [0.75, null]);
//
// It goes through the very class that the component exports, buffers and all.

import { Column, decode, encode, viewOf } from "./array.js";
import { TidelakeError } from "./error.js";
import { readSchema, writeSchema } from "./ipc.js";
import { encodeText } from "./utf8.js";

function bits(truths) {
  const bytes = new Uint8Array((truths.length + 7) >> 3);
  truths.forEach((truth, row) => (bytes[row >> 3] |= Number(truth) << (row & 7)));
  return bytes;
}

/** A column of numbers, bigints, booleans or texts; null for null. */
export function column(type, values) {
  type = typeof type === "string" ? { name: type } : type;
  const valid = values.map((value) => value !== null);
  const validity = valid.every(Boolean) ? undefined : bits(valid);
  const View = viewOf(type.name);
  if (View) {
    const zero = View.BYTES_PER_ELEMENT === 8 && View !== Float64Array ? 0n : 0;
    return Column.of(type, View.from(values.map((value) => value ?? zero)), validity);
  }
  if (type.name === "Boolean") return new Column(type, values.length, validity, [bits(values.map(Boolean))]);
  if (type.name === "Utf8") {
    const texts = values.map((value) => encodeText(value ?? ""));
    const ends = Int32Array.from({ length: texts.length + 1 }, (_, n) =>
      texts.slice(0, n).reduce((sum, text) => sum + text.length, 0),
    );
    const bytes = Uint8Array.from(texts.flatMap((text) => [...text]));
    return new Column(type, values.length, validity, [new Uint8Array(ends.buffer), bytes]);
  }
  throw new TidelakeError(`a column of type ${type.name} cannot be made of values here`, "unsupported");
}

/** What comes out of one batch, by column: the values of all that is emitted. `transform`
 *  is what the plugin's module exports under that name. */
export function run(transform, columns, options = {}) {
  const given = Object.values(columns);
  const named = Object.entries(columns);
  const fields = named.map(([name, { type }]) => ({ name, type, nullable: true, metadata: {} }));
  const schema = { fields, metadata: {} };
  const stage = transform.Stage.create(writeSchema(schema), JSON.stringify(options), undefined);
  const declared = readSchema(stage.outputSchema()).fields;
  const values = declared.map(() => []);
  const all = (column) => Array.from({ length: column.rows }, (_, row) => column.get(row));
  const rows = given[0]?.rows ?? 0;
  const batch = {
    rows: () => BigInt(rows),
    read(projection) {
      const record = { rows: BigInt(rows), nodes: [], variadic: [], buffers: [] };
      for (const index of projection) encode(given[index], record);
      return record;
    },
  };
  const sink = {
    emit(_, emitted) {
      emitted.forEach(({ tag, val }, i) => {
        const { type, name } = declared[i];
        const read = () => decode(type, name, val.nodes.values(), val.buffers.values());
        values[i].push(...all(tag === "same" ? given[val] : read()));
      });
    },
    emitSelected(selection) {
      const chosen = (_, row) => (selection[row >> 3] >> (row & 7)) & 1;
      given.forEach((column, i) => values[i].push(...all(column).filter(chosen)));
    },
  };
  stage.process(batch, sink);
  stage.finish(sink);
  return Object.fromEntries(declared.map(({ name }, i) => [name, values[i]]));
}

// Columns as views of the buffers that crossed: no row becomes an object unasked.

import { TidelakeError } from "./error.js";
import { decodeText } from "./utf8.js";

const VIEWS = {
  Int8: Int8Array, Int16: Int16Array, Int32: Int32Array, Int64: BigInt64Array,
  UInt8: Uint8Array, UInt16: Uint16Array, UInt32: Uint32Array, UInt64: BigUint64Array,
  Float32: Float32Array, Float64: Float64Array, Date32: Int32Array, Date64: BigInt64Array,
  Time32: Int32Array, Time64: BigInt64Array, Timestamp: BigInt64Array, Duration: BigInt64Array,
};
const OFFSETS = { Utf8: Int32Array, Binary: Int32Array, LargeUtf8: BigInt64Array, LargeBinary: BigInt64Array };

/** A typed view of bytes; they are copied only where they are not aligned. */
function view(View, bytes, length) {
  const aligned = bytes.byteOffset % View.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  return new View(aligned.buffer, aligned.byteOffset, length);
}

/** The typed array of a type's values; undefined for types that have none. */
export const viewOf = (name) => VIEWS[name];

function bit(bitmap, row) {
  return ((bitmap[row >> 3] >> (row & 7)) & 1) === 1;
}

/** Bits that are set in both; no bitmap stands for all bits set. */
export function both(left, right) {
  if (!left || !right) return left ?? right;
  return left.map((byte, i) => byte & right[i]);
}

/** One column. */
export class Column {
  constructor(type, rows, validity, buffers, dictionary) {
    Object.assign(this, { type, rows, buffers, dictionary });
    /** The bitmap of rows that are not null; undefined if no row is. */
    this.validity = validity?.length ? validity : undefined;
  }

  /** A fixed-width column of a typed array. */
  static of(type, values, validity) {
    const View = VIEWS[type.name];
    if (!View || !(values instanceof View)) {
      throw new TidelakeError(`a column of type ${type.name} is made of a ${View?.name ?? "buffer of its own"}`, "internal");
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return new Column(type, values.length, validity, [bytes]);
  }

  /** How many rows are null. */
  get nulls() {
    let nulls = 0;
    if (this.validity) for (let row = 0; row < this.rows; row++) nulls += !bit(this.validity, row);
    return nulls;
  }

  /** The values of a fixed-width column; what stands under nulls means nothing. */
  get values() {
    const type = this.type.name === "Dictionary" ? this.type.index : this.type;
    const View = VIEWS[type.name];
    if (!View) throw new TidelakeError(`a column of type ${type.name} has no view`, "unsupported");
    return view(View, this.buffers[0], this.rows);
  }

  /** One value, decoded when asked for; null for null. */
  get(row) {
    if (this.validity && !bit(this.validity, row)) return null;
    const { name } = this.type;
    if (name === "Boolean") return bit(this.buffers[0], row);
    if (name === "Dictionary") return this.dictionary.get(Number(this.values[row]));
    if (!OFFSETS[name]) return this.values[row];
    const offsets = view(OFFSETS[name], this.buffers[0], this.rows + 1);
    const bytes = this.buffers[1].subarray(Number(offsets[row]), Number(offsets[row + 1]));
    return name.endsWith("Utf8") ? decodeText(bytes) : bytes;
  }
}

/** The next column of a record, of two iterators. */
export function decode(type, column, nodes, buffers) {
  const next = (from) => from.next().value;
  const { name } = type;
  const rows = Number(next(nodes).len);
  if (name === "Dictionary") {
    const [validity, keys] = [next(buffers), next(buffers)];
    return new Column(type, rows, validity, [keys], decode(type.value, column, nodes, buffers));
  }
  if (VIEWS[name] || name === "Boolean") {
    return new Column(type, rows, next(buffers), [next(buffers)]);
  }
  if (OFFSETS[name]) return new Column(type, rows, next(buffers), [next(buffers), next(buffers)]);
  const what = `column \`${column}\`: columns of type ${name} can be passed on, but not read in JavaScript`;
  throw new TidelakeError(what, "unsupported");
}

/** The record of one column. */
export function encode(column, record = { rows: column.rows, nodes: [], variadic: [], buffers: [] }) {
  const nulls = column.nulls;
  record.nodes.push({ len: column.rows, nulls });
  record.buffers.push(nulls ? column.validity : new Uint8Array(0), ...column.buffers);
  if (column.dictionary) encode(column.dictionary, record);
  return record;
}

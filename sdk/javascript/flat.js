// As much of FlatBuffers as a schema message needs: tables that point at each other.
//
// A table begins with the distance to its vtable, which says where each field (slot) is.
// Writing goes forwards, a table before what it points at.

import { decodeText, encodeText } from "./utf8.js";

const WIDTHS = { bool: 1, u8: 1, i16: 2, i32: 4, i64: 8 };

/** Reads one table; damage raises RangeError. */
export class Table {
  constructor(view, position) {
    this.view = view;
    this.position = position;
    this.vtable = position - view.getInt32(position, true);
    this.slots = (view.getUint16(this.vtable, true) - 4) / 2;
  }

  static root(view) {
    return new Table(view, view.getUint32(0, true));
  }

  #at(slot) {
    const offset = slot < this.slots ? this.view.getUint16(this.vtable + 4 + 2 * slot, true) : 0;
    return offset && this.position + offset;
  }

  number(slot, kind, missing) {
    const at = this.#at(slot);
    if (!at) return missing;
    if (kind === "bool") return this.view.getUint8(at) !== 0;
    if (kind === "u8") return this.view.getUint8(at);
    return kind === "i16" ? this.view.getInt16(at, true) : this.view.getInt32(at, true);
  }

  #target(at) {
    return at + this.view.getUint32(at, true);
  }

  table(slot) {
    const at = this.#at(slot);
    return at ? new Table(this.view, this.#target(at)) : undefined;
  }

  string(slot) {
    const at = this.#at(slot);
    if (!at) return undefined;
    const start = this.#target(at);
    const length = this.view.getUint32(start, true);
    const { buffer, byteOffset, byteLength } = this.view;
    if (start + 4 + length > byteLength) throw new RangeError("a string that is cut short");
    return decodeText(new Uint8Array(buffer, byteOffset + start + 4, length));
  }

  #vector(slot) {
    const at = this.#at(slot);
    if (!at) return [0, 0];
    const start = this.#target(at);
    const length = this.view.getUint32(start, true);
    if (start + 4 + 4 * length > this.view.byteLength) throw new RangeError("a cut vector");
    return [start + 4, length];
  }

  tables(slot) {
    const [start, length] = this.#vector(slot);
    return Array.from({ length }, (_, i) => new Table(this.view, this.#target(start + 4 * i)));
  }
}

/** The buffer of a table: an object from slot to `[kind, value]`. */
export function write(root) {
  const out = new Bytes();
  out.reserve(8);
  out.view.setUint32(0, table(out, root), true);
  return out.bytes.slice(0, out.length);
}

class Bytes {
  bytes = new Uint8Array(1024);
  view = new DataView(this.bytes.buffer);
  length = 0;

  /** Room for some bytes at a multiple of a width; where it begins. */
  reserve(count, width = 1) {
    const start = Math.ceil(this.length / width) * width;
    this.length = start + count;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return start;
  }
}

function table(out, fields) {
  const slots = Object.keys(fields).map(Number);
  const width = (slot) => WIDTHS[fields[slot][0]] ?? 4;
  // Wide fields first, so that little has to be padded.
  const offsets = {};
  let size = 4;
  for (const slot of [...slots].sort((a, b) => width(b) - width(a) || a - b)) {
    size = Math.ceil(size / width(slot)) * width(slot);
    offsets[slot] = size;
    size += width(slot);
  }
  const count = slots.length ? Math.max(...slots) + 1 : 0;
  const vtable = out.reserve(4 + 2 * count, 8);
  out.view.setUint16(vtable, 4 + 2 * count, true);
  out.view.setUint16(vtable + 2, size, true);
  for (const slot of slots) out.view.setUint16(vtable + 4 + 2 * slot, offsets[slot], true);
  const position = out.reserve(size, 8);
  out.view.setInt32(position, position - vtable, true);
  for (const slot of slots) {
    const [kind, value] = fields[slot];
    const at = position + offsets[slot];
    if (kind === "bool" || kind === "u8") out.view.setUint8(at, Number(value));
    else if (kind === "i16") out.view.setInt16(at, value, true);
    else if (kind === "i32") out.view.setInt32(at, value, true);
    else if (kind === "i64") out.view.setBigInt64(at, BigInt(value), true);
    else {
      const target = pointedAt(out, kind, value);
      out.view.setUint32(at, target - at, true);
    }
  }
  return position;
}

function pointedAt(out, kind, value) {
  if (kind === "table") return table(out, value);
  if (kind === "string") {
    const encoded = encodeText(value);
    const start = out.reserve(4 + encoded.length + 1, 4);
    out.view.setUint32(start, encoded.length, true);
    out.bytes.set(encoded, start + 4);
    return start;
  }
  const start = out.reserve(4 + 4 * value.length, 4);
  out.view.setUint32(start, value.length, true);
  value.forEach((fields, i) => {
    const at = start + 4 + 4 * i;
    const target = table(out, fields);
    out.view.setUint32(at, target - at, true);
  });
  return start;
}

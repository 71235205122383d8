// Schemas as encapsulated Arrow IPC messages, in which they cross. A type is
// `{ name, ...parameters }`: `{ name: "Timestamp", unit: "us", timezone: "UTC" }`.

import { TidelakeError } from "./error.js";
import { Table, write } from "./flat.js";

const UNITS = ["s", "ms", "us", "ns"];
const FLOATS = ["Float16", "Float32", "Float64"];
// Types without parameters by their number in Arrow's `Type` union.
const PLAIN = new Map([
  [1, "Null"], [4, "Binary"], [5, "Utf8"], [6, "Boolean"], [12, "List"], [13, "Struct"],
  [19, "LargeBinary"], [20, "LargeUtf8"], [21, "LargeList"], [23, "BinaryView"], [24, "Utf8View"],
]);
const NUMBERS = new Map([...PLAIN].map(([number, name]) => [name, number]));

/** The schema of a message: `{ fields, metadata }`. */
export function readSchema(message) {
  try {
    return read(message);
  } catch (error) {
    if (error instanceof TidelakeError) throw error;
    throw new TidelakeError(`schema message: damaged (${error.message})`, "internal");
  }
}

function read(message) {
  let view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let start = 4;
  let length = view.getUint32(0, true);
  if (length === 0xffffffff) {
    length = view.getUint32(4, true);
    start = 8;
  }
  if (start + length > message.byteLength) throw new RangeError("cut short");
  view = new DataView(message.buffer, message.byteOffset + start, length);
  const root = Table.root(view);
  const schema = root.number(1, "u8", 0) === 1 ? root.table(2) : undefined;
  if (!schema) throw new RangeError("holds no schema");
  return { fields: schema.tables(1).map(readField), metadata: readMetadata(schema, 2) };
}

function readMetadata(table, slot) {
  const pairs = table.tables(slot).map((pair) => [pair.string(0) ?? "", pair.string(1) ?? ""]);
  return Object.fromEntries(pairs);
}

function readField(table) {
  const name = table.string(0) ?? "";
  let type = readType(table, name);
  const encoding = table.table(4);
  if (encoding) {
    const index = encoding.table(1);
    type = {
      name: "Dictionary",
      index: index ? integer(index) : { name: "Int32" },
      value: type,
      ordered: encoding.number(2, "bool", false),
    };
  }
  const nullable = table.number(1, "bool", false);
  return { name, type, nullable, metadata: readMetadata(table, 6) };
}

function integer(table) {
  const signed = table.number(1, "bool", false);
  return { name: `${signed ? "" : "U"}Int${table.number(0, "i32", 0)}` };
}

function readType(table, column) {
  const number = table.number(2, "u8", 0);
  const children = table.tables(5).map(readField);
  const nested = children.length ? { children } : {};
  if (PLAIN.has(number)) return { name: PLAIN.get(number), ...nested };
  const of = table.table(3);
  if (!of) throw new RangeError(`field ${column}: its type is incomplete`);
  switch (number) {
    case 2:
      return integer(of);
    case 3:
      return { name: FLOATS[of.number(0, "i16", 0)] };
    case 7: {
      const [precision, scale] = [of.number(0, "i32", 0), of.number(1, "i32", 0)];
      return { name: `Decimal${of.number(2, "i32", 128)}`, precision, scale };
    }
    case 8:
      return { name: of.number(0, "i16", 1) ? "Date64" : "Date32" };
    case 9:
      return { name: `Time${of.number(1, "i32", 32)}`, unit: UNITS[of.number(0, "i16", 1)] };
    case 10: {
      const timezone = of.string(1);
      const zone = timezone === undefined ? {} : { timezone };
      return { name: "Timestamp", unit: UNITS[of.number(0, "i16", 0)], ...zone };
    }
    case 15:
      return { name: "FixedSizeBinary", size: of.number(0, "i32", 0) };
    case 16:
      return { name: "FixedSizeList", size: of.number(0, "i32", 0), children };
    case 17:
      return { name: "Map", ordered: of.number(0, "bool", false), children };
    case 18:
      return { name: "Duration", unit: UNITS[of.number(0, "i16", 1)] };
  }
  const what = `column \`${column}\`: Arrow type number ${number} is not known here`;
  throw new TidelakeError(what, "unsupported");
}

/** The message of a schema. */
export function writeSchema(schema) {
  // Each dictionary has a number of its own.
  const ids = { next: 0 };
  const fields = schema.fields.map((field) => writeField(field, ids));
  const header = { 0: ["i16", 0], 1: ["tables", fields], ...writeMetadata(2, schema.metadata) };
  const root = { 0: ["i16", 4], 1: ["u8", 1], 2: ["table", header], 3: ["i64", 0] };
  const body = write(root);
  const padded = Math.ceil(body.length / 8) * 8;
  const message = new Uint8Array(8 + padded);
  new DataView(message.buffer).setUint32(0, 0xffffffff, true);
  new DataView(message.buffer).setUint32(4, padded, true);
  message.set(body, 8);
  return message;
}

function writeMetadata(slot, metadata = {}) {
  const pairs = Object.entries(metadata);
  if (!pairs.length) return {};
  const tables = pairs.map(([key, value]) => ({ 0: ["string", key], 1: ["string", value] }));
  return { [slot]: ["tables", tables] };
}

function writeField(field, ids) {
  const dictionary = field.type.name === "Dictionary";
  const type = dictionary ? field.type.value : field.type;
  const [number, of] = writeType(type, field.name);
  const fields = {
    0: ["string", field.name],
    1: ["bool", field.nullable ?? true],
    2: ["u8", number],
    3: ["table", of],
    5: ["tables", (type.children ?? []).map((child) => writeField(child, ids))],
    ...writeMetadata(6, field.metadata),
  };
  if (dictionary) {
    const index = writeType(field.type.index, field.name)[1];
    const ordered = ["bool", field.type.ordered ?? false];
    fields[4] = ["table", { 0: ["i64", ids.next++], 1: ["table", index], 2: ordered }];
  }
  return fields;
}

function writeType(type, column) {
  const { name } = type;
  if (NUMBERS.has(name)) return [NUMBERS.get(name), {}];
  const unit = ["i16", UNITS.indexOf(type.unit)];
  const [, family, bits] = /^([A-Za-z]+?)(\d*)$/.exec(name) ?? [];
  switch (family) {
    case "Int":
    case "UInt":
      return [2, { 0: ["i32", Number(bits)], 1: ["bool", family === "Int"] }];
    case "Float":
      return [3, { 0: ["i16", FLOATS.indexOf(name)] }];
    case "Decimal":
      return [7, { 0: ["i32", type.precision], 1: ["i32", type.scale], 2: ["i32", Number(bits)] }];
    case "Date":
      return [8, { 0: ["i16", Number(bits === "64")] }];
    case "Time":
      return [9, { 0: unit, 1: ["i32", Number(bits)] }];
    case "Timestamp":
      return [10, type.timezone === undefined ? { 0: unit } : { 0: unit, 1: ["string", type.timezone] }];
    case "FixedSizeBinary":
      return [15, { 0: ["i32", type.size] }];
    case "FixedSizeList":
      return [16, { 0: ["i32", type.size] }];
    case "Map":
      return [17, { 0: ["bool", type.ordered ?? false] }];
    case "Duration":
      return [18, { 0: unit }];
  }
  throw new TidelakeError(`column \`${column}\`: type ${name} cannot cross`, "unsupported");
}

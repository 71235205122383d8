/** A type of Arrow, such as `{ name: "Timestamp", unit: "us", timezone: "UTC" }`. */
export interface DataType {
  name: string;
  unit?: "s" | "ms" | "us" | "ns";
  timezone?: string;
  precision?: number;
  scale?: number;
  size?: number;
  index?: DataType;
  value?: DataType;
  ordered?: boolean;
  children?: Field[];
}
export interface Field {
  name: string;
  type: DataType;
  nullable?: boolean;
  metadata?: Record<string, string>;
}
export interface Schema {
  fields: Field[];
  metadata?: Record<string, string>;
}
export type Values =
  | Int8Array | Int16Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array
  | Uint32Array | BigUint64Array | Float32Array | Float64Array;

/** One column, as views of its buffers. */
export class Column {
  static of(type: DataType, values: Values, validity?: Uint8Array): Column;
  readonly type: DataType;
  readonly rows: number;
  readonly validity: Uint8Array | undefined;
  readonly dictionary: Column | undefined;
  get nulls(): number;
  get values(): Values;
  get(row: number): unknown;
}
export interface Batch {
  readonly rows: number;
  readonly schema: Schema;
  column(which: number | string): Column;
  columns(which: (number | string)[]): Column[];
}
export interface Output {
  readonly schema: Schema;
  emit(rows: number, columns: (number | Column)[]): void;
  emitSelected(selection: Uint8Array): void;
}
export interface Transform {
  outputSchema(): Schema;
  process(batch: Batch, out: Output): void;
  finish?(out: Output): void;
}
export interface TransformClass {
  NAME: string;
  VERSION?: string;
  DESCRIPTION?: string;
  ROW_WISE?: boolean;
  OPTIONS?: object;
  create(schema: Schema, options: Record<string, any>): Transform;
}
/** An error that reaches the operator word for word. */
export class TidelakeError extends Error {
  constructor(message: string, code?: string);
  readonly code: string;
  static option(name: string, message: string): TidelakeError;
  static column(name: string, message: string): TidelakeError;
}
export function plugin(transform: TransformClass): { meta: object; transform: object };
export function both(left?: Uint8Array, right?: Uint8Array): Uint8Array | undefined;
export function readSchema(message: Uint8Array): Schema;
export function writeSchema(schema: Schema): Uint8Array;

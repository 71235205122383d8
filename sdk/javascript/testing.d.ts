import type { Column, DataType } from "./index.js";

/** A column of numbers, bigints, booleans or texts; null for null. */
export function column(type: string | DataType, values: unknown[]): Column;
/** What comes out of one batch, by column. `transform` is what the plugin's module exports. */
export function run(
  transform: object,
  columns: Record<string, Column>,
  options?: object,
): Record<string, unknown[]>;

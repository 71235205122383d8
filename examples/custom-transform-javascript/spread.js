// `spread-javascript`: adds `mid` and `spread_bps` to quotes, as `../custom-transform` does.

import { Column, TidelakeError, both, plugin } from "../../sdk/javascript/index.js";

const FLOAT64 = { name: "Float64" };

class Spread {
  static NAME = "spread-javascript";
  static DESCRIPTION = "Adds mid price and spread to quotes.";
  // Each row depends on itself alone, so hot rows can be shown the same way.
  static ROW_WISE = true;
  static OPTIONS = {
    type: "object",
    additionalProperties: false,
    properties: {
      bid: { type: "string", default: "bid", description: "The bid prices." },
      ask: { type: "string", default: "ask", description: "The ask prices." },
    },
  };

  static create(input, options) {
    const made = new Spread();
    made.prices = ["bid", "ask"].map((option) => prices(input, option, options[option]));
    const fields = [...input.fields];
    for (const name of ["mid", "spread_bps"]) {
      if (input.fields.some((field) => field.name === name)) {
        throw TidelakeError.column(name, "the table has one already; rename it first");
      }
      fields.push({ name, type: FLOAT64, nullable: true });
    }
    made.schema = { ...input, fields };
    return made;
  }

  outputSchema() {
    return this.schema;
  }

  process(batch, out) {
    // Only these two columns cross from the host.
    const columns = batch.columns(this.prices);
    const valid = both(columns[0].validity, columns[1].validity);
    const [bids, asks] = columns.map((column) => column.values);
    const [mid, spread] = [new Float64Array(batch.rows), new Float64Array(batch.rows)];
    for (let row = 0; row < batch.rows; row++) {
      mid[row] = (bids[row] + asks[row]) / 2;
      spread[row] = ((asks[row] - bids[row]) / mid[row]) * 10_000;
    }
    // The others stay where they are.
    const same = batch.schema.fields.map((_, index) => index);
    out.emit(batch.rows, [...same, ...[mid, spread].map((new_) => Column.of(FLOAT64, new_, valid))]);
  }
}

function prices(input, option, name) {
  const index = input.fields.findIndex((field) => field.name === name);
  if (index < 0) throw TidelakeError.option(option, `there is no column \`${name}\``);
  const type = input.fields[index].type.name;
  if (type !== "Float64") throw TidelakeError.option(option, `column \`${name}\` is ${type}, not Float64`);
  return index;
}

export const { meta, transform } = plugin(Spread);

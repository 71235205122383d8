// Transforms: batches in, batches out, and how one becomes a plugin.

import { Column, both, decode, encode } from "./array.js";
import { TidelakeError } from "./error.js";
import { readSchema, writeSchema } from "./ipc.js";

export { Column, TidelakeError, both, readSchema, writeSchema };

/** A batch that the host holds; a column crosses when it is first asked for. */
class Batch {
  #host;
  #read = new Map();

  constructor(host, schema) {
    this.#host = host;
    this.schema = schema;
    this.rows = Number(host.rows());
  }

  /** One column, by position or name. */
  column(which) {
    return this.columns([which])[0];
  }

  /** Several columns, which cross in one call. */
  columns(which) {
    const { fields } = this.schema;
    const place = (w) => (typeof w === "string" ? fields.findIndex((f) => f.name === w) : w);
    const indexes = which.map(place);
    const missing = indexes.findIndex((index) => !fields[index]);
    if (missing >= 0) throw new TidelakeError(`there is no column ${which[missing]}`, "internal");
    const wanted = [...new Set(indexes)].filter((index) => !this.#read.has(index));
    if (wanted.length) {
      const record = this.#host.read(wanted);
      const [nodes, buffers] = [record.nodes.values(), record.buffers.values()];
      for (const index of wanted) {
        const { type, name } = fields[index];
        this.#read.set(index, decode(type, name, nodes, buffers));
      }
    }
    return indexes.map((index) => this.#read.get(index));
  }
}

/** Takes what is emitted. */
class Output {
  #host;

  constructor(host, schema) {
    this.#host = host;
    this.schema = schema;
  }

  /** One batch: for each declared field the index of an input column, or a `Column`. */
  emit(rows, columns) {
    const { fields } = this.schema;
    if (columns.length !== fields.length) {
      throw new TidelakeError(`${columns.length} columns emitted, ${fields.length} declared`, "internal");
    }
    const crossing = columns.map((column, i) => {
      if (typeof column === "number") return { tag: "same", val: column };
      if (column.rows !== rows || column.type.name !== fields[i].type.name) {
        const what = `emitted ${column.rows} rows of ${column.type.name}, declared ${rows} of ${fields[i].type.name}`;
        throw new TidelakeError(`column \`${fields[i].name}\`: ${what}`, "internal");
      }
      return { tag: "data", val: encode(column) };
    });
    this.#host.emit(rows, crossing);
  }

  /** The input's rows whose bit is set; the declared schema is the input's. */
  emitSelected(selection) {
    this.#host.emitSelected(selection);
  }
}

function told(work) {
  try {
    return work();
  } catch (error) {
    // What the host itself answered is passed on as it is.
    if (typeof error?.code === "string" && typeof error.message === "string") {
      throw { code: error.code, message: error.message };
    }
    throw { code: "internal", message: `${error?.name}: ${error?.message}` };
  }
}

/** What a module exports to be the plugin: `export const { meta, transform } = plugin(Spread)`. */
export function plugin(Transform) {
  class Stage {
    static create(message, options, snapshot) {
      return told(() => {
        if (snapshot?.length) {
          throw new TidelakeError(`plugin \`${Transform.NAME}\` keeps no state`, "unsupported");
        }
        const stage = new Stage();
        stage.schema = readSchema(message);
        const known = Object.entries(Transform.OPTIONS?.properties ?? {});
        const given = known.filter(([, of]) => "default" in of).map(([name, of]) => [name, of.default]);
        const all = { ...Object.fromEntries(given), ...JSON.parse(options) };
        stage.transform = Transform.create(stage.schema, all);
        stage.output = stage.transform.outputSchema();
        return stage;
      });
    }

    outputSchema() {
      return writeSchema(this.output);
    }

    process(batch, out) {
      told(() => this.transform.process(new Batch(batch, this.schema), new Output(out, this.output)));
    }

    finish(out) {
      told(() => this.transform.finish?.(new Output(out, this.output)));
    }

    snapshot() {
      return new Uint8Array(0);
    }
  }
  const said = {
    name: Transform.NAME,
    version: Transform.VERSION ?? "0.1.0",
    kind: "transform",
    description: Transform.DESCRIPTION ?? "",
    options: Transform.OPTIONS ?? { type: "object", additionalProperties: false },
    row_wise: Transform.ROW_WISE ?? false,
  };
  return { meta: { describe: () => JSON.stringify(said) }, transform: { Stage } };
}

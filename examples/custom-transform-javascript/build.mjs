// build.mjs REPOSITORY OUT: makes the component. Run in a directory where `npm ci` was.
//
// The engine that runs the module resolves no packages: it is bundled with the SDK first.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { componentize } from "@bytecodealliance/componentize-js";

const [repository, out] = process.argv.slice(2);
const source = join(repository, "examples/custom-transform-javascript/spread.js");
await build({ entryPoints: [source], bundle: true, format: "esm", outfile: "bundle.js", logLevel: "warning" });
const { component } = await componentize({
  sourcePath: "bundle.js",
  witPath: join(repository, "wit"),
  worldName: "transform-plugin",
  // A transform has none of these; left in, the engine would import them.
  disableFeatures: ["clocks", "http", "random", "stdio", "fetch-event"],
});
writeFileSync(out, component);

// build.mjs REPOSITORY OUT: makes the component. Run in a directory where `npm ci` was.
//
// The engine resolves imports only below the directory of the entry, so plugin and SDK
// are put side by side first.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { componentize } from "@bytecodealliance/componentize-js";

const [repository, out] = process.argv.slice(2);
const source = join(repository, "examples/custom-transform-javascript/spread.js");
mkdirSync("sdk", { recursive: true });
cpSync(join(repository, "sdk/javascript"), "sdk", { recursive: true });
cpSync(join(repository, "wit"), "wit", { recursive: true });
const text = readFileSync(source, "utf8").replaceAll("../../sdk/javascript/", "./sdk/");
writeFileSync("spread.js", text);
const { component } = await componentize({
  sourcePath: "spread.js",
  witPath: "wit",
  worldName: "transform-plugin",
  // A transform has none of these; left in, the engine would import them.
  disableFeatures: ["clocks", "http", "random", "stdio", "fetch-event"],
});
writeFileSync(out, component);

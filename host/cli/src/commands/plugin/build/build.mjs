// ENTRY WIT WORLD BUNDLE OUT, run in the plugin's project.
//
// The engine that runs the module resolves no packages: it is bundled with all that it
// imports first, the SDK among it.
import { writeFileSync } from "node:fs";
import { build } from "esbuild";
import { componentize } from "@bytecodealliance/componentize-js";

const [entry, witPath, worldName, bundle, out] = process.argv.slice(-5);
try {
  await build({ entryPoints: [entry], bundle: true, format: "esm", outfile: bundle, logLevel: "warning" });
} catch {
  process.exit(1); // esbuild has said why
}
const { component } = await componentize({
  sourcePath: bundle,
  witPath,
  worldName,
  // A transform has none of these; left in, the engine would import them.
  disableFeatures: ["clocks", "http", "random", "stdio", "fetch-event"],
});
writeFileSync(out, component);

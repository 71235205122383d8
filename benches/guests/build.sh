#!/bin/sh
# Builds the guests of the benches into target/plugins-bench.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out="$root/target/plugins-bench"
CARGO_TARGET_DIR="$root/target/guests"
export CARGO_TARGET_DIR
(cd "$root/benches/guests/probe" && cargo build --release --target wasm32-wasip2)
mkdir -p "$out"
cp "$CARGO_TARGET_DIR/wasm32-wasip2/release/tidelake_probe.wasm" "$out/probe.wasm"

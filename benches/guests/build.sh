#!/bin/sh
# Builds the guest of the benches into target/plugins-bench.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
sh "$root/plugins/cargo.sh" "$root/benches/guests/probe" build
mkdir -p "$root/target/plugins-bench"
cp "$root/target/guests/wasm32-wasip2/release/tidelake_probe.wasm" \
    "$root/target/plugins-bench/probe.wasm"

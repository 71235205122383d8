#!/bin/sh
# Builds target/spread-javascript.wasm. Needs node 20 or later, and npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if ! command -v npm >/dev/null; then
    echo "The plugin in JavaScript needs node and npm: install nodejs (20 or later) and npm." >&2
    exit 1
fi
work="$root/target/javascript"
mkdir -p "$work"
if ! cmp -s "$here/package-lock.json" "$work/installed"; then
    cp "$here/package.json" "$here/package-lock.json" "$work"
    (cd "$work" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$here/package-lock.json" "$work/installed"
fi
cp "$here/build.mjs" "$work"
(cd "$work" && node build.mjs "$root" "$root/target/spread-javascript.wasm")

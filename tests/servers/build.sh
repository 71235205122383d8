#!/bin/sh
# Builds the servers of the scenarios into target/servers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
built="$root/target/servers/build"
cargo build --locked --manifest-path "$here/s3/Cargo.toml" --target-dir "$built"
if ! cmp -s "$built/debug/tidelake-test-s3" "$root/target/servers/s3"; then
    cp "$built/debug/tidelake-test-s3" "$root/target/servers/s3.tmp.$$"
    mv "$root/target/servers/s3.tmp.$$" "$root/target/servers/s3"
fi

#!/bin/sh
# Builds every plugin into target/plugins/<name>.wasm at the root of the repository.
#
#   plugins/build.sh            all of them
#   plugins/build.sh mask       some of them
#
# Cargo decides what is out of date; a file is replaced only when its bytes change.
# TIDELAKE_GUEST_TOOLCHAIN=debian builds with Debian's packages instead of rustup's
# target.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
target="$root/target/guests"
plugins=${*:-format-parquet format-json mask standardize filter features ohlcv stats lttb s3 source-http}

set --
for plugin in $plugins; do
    set -- "$@" -p "tidelake-$plugin"
done

sh "$here/cargo.sh" "$here" build "$@"

mkdir -p "$root/target/plugins"
for plugin in $plugins; do
    built="$target/wasm32-wasip2/release/tidelake_$(echo "$plugin" | tr - _).wasm"
    placed="$root/target/plugins/$plugin.wasm"
    if ! cmp -s "$built" "$placed"; then
        # Readers see the old file or the new one, never half of it.
        cp "$built" "$placed.tmp.$$"
        mv "$placed.tmp.$$" "$placed"
        echo "$plugin.wasm"
    fi
done

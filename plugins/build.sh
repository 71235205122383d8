#!/bin/sh
# Builds every plugin into target/plugins/<name>.wasm at the root of the repository.
#
#   plugins/build.sh            all of them
#   plugins/build.sh mask       some of them
#   plugins/build.sh --native   as native libraries, into target/plugins-native/<name>.so;
#                               names of some may follow
#
# Cargo decides what is out of date; a file is replaced only when its bytes change.
# TIDELAKE_GUEST_TOOLCHAIN=debian builds with Debian's packages instead of rustup's
# target.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
target="$root/target/guests"
native=
if [ "${1:-}" = --native ]; then
    native=yes
    shift
fi
rows="format-parquet format-json format-avro format-orc mask standardize filter features ohlcv stats lttb"
# Stores and sources are components alone.
if [ "$native" ]; then plugins=${*:-$rows}; else plugins=${*:-$rows s3 source-http}; fi
# Tests take what they have built anyway.
profile=${TIDELAKE_NATIVE_PROFILE:-native}

# Features are united over all that one command builds. So those that read or write times
# in zones with names are built by themselves, or all would carry the zones: a megabyte.
zoned="format-json mask standardize filter source-http"

# Builds those of the plugins that have a zone by name ("yes"), or those that have not ("no").
build() {
    wanted=$1
    set --
    for plugin in $plugins; do
        case " $zoned " in *" $plugin "*) has=yes ;; *) has=no ;; esac
        [ "$has" = "$wanted" ] && set -- "$@" -p "tidelake-$plugin"
    done
    [ $# -gt 0 ] || return 0
    if [ "$native" ]; then
        cargo build --manifest-path "$here/Cargo.toml" --target-dir "$target" --locked --lib \
            --profile "$profile" --features tidelake-sdk/native "$@"
    else
        sh "$here/cargo.sh" "$here" build "$@"
    fi
}
build no
build yes

if [ "$native" ]; then
    built_in="$target/$([ "$profile" = dev ] && echo debug || echo "$profile")/libtidelake_" from=so placed_in="$root/target/plugins-native"
else
    built_in="$target/wasm32-wasip2/release/tidelake_" from=wasm placed_in="$root/target/plugins"
fi

mkdir -p "$placed_in"
for plugin in $plugins; do
    built="$built_in$(echo "$plugin" | tr - _).$from"
    placed="$placed_in/$plugin.$from"
    if ! cmp -s "$built" "$placed"; then
        # Readers see the old file or the new one, never half of it.
        cp "$built" "$placed.tmp.$$"
        mv "$placed.tmp.$$" "$placed"
        echo "$plugin.$from"
    fi
done

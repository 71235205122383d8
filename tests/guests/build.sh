#!/bin/sh
# Builds the guests of the scenarios into target/test-guests.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
sh "$root/plugins/cargo.sh" "$here" build --workspace
mkdir -p "$root/target/test-guests"
for guest in panics loops eats counts objects shelf feed; do
    built="$root/target/guests/wasm32-wasip2/release/guest_$guest.wasm"
    placed="$root/target/test-guests/guest-$guest.wasm"
    cmp -s "$built" "$placed" && continue
    cp "$built" "$placed.tmp.$$"
    mv "$placed.tmp.$$" "$placed"
done

#!/bin/sh
# Runs cargo for guests of the workspace in a directory, with the toolchain that
# this machine has: plugins/cargo.sh DIRECTORY build -p NAME ...
set -eu

toolchain=$(sh "$(dirname "$0")/toolchain.sh")
target="$(cd "$(dirname "$0")/.." && pwd)/target/guests"

# Flags meant for native code would replace those of .cargo/config.toml, which is
# read because the build runs in that directory.
cd "$1"
shift
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS

if [ "$toolchain" = debian ]; then
    export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc
    export RUSTFLAGS="-Ctarget-feature=+simd128,+bulk-memory -Lnative=/usr/lib/wasm32-wasi -Clink-self-contained=no"
    exec /usr/bin/cargo "$@" --release --locked --target wasm32-wasip2 \
        -Zbuild-std=std,panic_abort --target-dir "$target"
fi
exec cargo "$@" --release --locked --target wasm32-wasip2 --target-dir "$target"

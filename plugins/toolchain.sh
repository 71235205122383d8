#!/bin/sh
# Makes sure that plugins can be built on this machine, and prints which toolchain
# does it: `rustup` (its wasm32-wasip2 target) or `debian` (Debian's own packages,
# which build the standard library from source).
set -eu

has_target() { rustup target list --installed 2>/dev/null | grep -qx wasm32-wasip2; }

has_debian() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && [ -d /usr/lib/wasm32-wasi ] &&
        [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]
}

if [ "${TIDELAKE_GUEST_TOOLCHAIN:-}" != debian ]; then
    if has_target || { rustup target add wasm32-wasip2 >&2 && has_target; }; then
        echo rustup
        exit 0
    fi
    echo "rustup could not add the target wasm32-wasip2; trying Debian's packages" >&2
fi

if has_debian; then
    echo debian
    exit 0
fi

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo -n"
packages="rustc-web cargo-web rust-web-src rust-web-llvm lld-22 clang-22 wasi-libc"
if command -v apt-get >/dev/null &&
    $as_root apt-get update >&2 &&
    # shellcheck disable=SC2086
    $as_root apt-get install -y --no-install-recommends $packages >&2; then
    echo debian
    exit 0
fi

cat >&2 <<EOF
Plugins are WebAssembly components and need a Rust toolchain for wasm32-wasip2.
Neither way to get one worked here:

  rustup target add wasm32-wasip2
  apt-get install $packages      (as root, Debian 12 or later)

Run one of them, then try again.
EOF
exit 1

#!/bin/sh
# Fuzzes one target: tests/fuzz/run.sh TARGET SECONDS [flags of libFuzzer]
#
# Does what cargo-fuzz does, without having to install it: coverage and the address
# sanitizer by flags of rustc, libFuzzer as a dependency. Needs rustup's nightly and
# a C++ compiler. What was learnt is kept in target/fuzz/corpus and serves the next
# run; an input that fails is left in target/fuzz/artifacts, and is run again by
# naming it as a flag.
set -eu
target=$1
seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
home=$(cd "$here/../.." && pwd)/target/fuzz
triple=$(rustc +nightly -vV | sed -n 's/^host: //p')

cd "$here"
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Zsanitizer=address --cfg fuzzing" \
    cargo +nightly build --release --locked --target "$triple" --target-dir "$home" --bin "$target"

corpus="$home/corpus/$target"
mkdir -p "$corpus" "$home/artifacts"
# Something to begin with: a few hundred bytes from seeds, the same every time.
for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
    [ -f "$corpus/seed-$seed" ] || printf "$(LC_ALL=C awk -v seed="$seed" 'BEGIN {
        srand(seed); for (i = 0; i < 400; i++) printf "\\%03o", int(rand() * 256) }')" \
        >"$corpus/seed-$seed"
done
# A record of a few hundred bytes that makes the host allocate this much is a find.
exec "$home/$triple/release/$target" -max_total_time="$seconds" -max_len=1024 -len_control=0 \
    -malloc_limit_mb=64 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$home/artifacts/$target-" "$@" "$corpus"

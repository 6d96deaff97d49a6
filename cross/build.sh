#!/usr/bin/env bash
# build.sh [arm64|armv7|x86_64]…: builds the stripped release binaries, for glibc 2.31 and later, and
# says their sizes and digests. Without names: all three. Into target/cross/<target>/.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"
. cross/places.sh
# Stripped, in bytes: what a controller's card is spared.
most=$((15 * 1000 * 1000))

read -ra all <<<"$targets"
wanted=("${@:-${all[@]}}")
cross/tools.sh "${wanted[@]}"

# The newest version of glibc that a binary asks for.
newest_glibc() { readelf --version-info "$1" | grep -o 'GLIBC_[0-9.]*' | cut -d_ -f2 | sort -uV | tail -1; }

# lld folds functions that are the same, and leaves the tables for unwinding out.
lld=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld
flags="-C link-arg=-B$lld -C link-arg=-fuse-ld=lld -C link-arg=-Wl,--icf=all"
flags+=" -C link-arg=-Wl,-T,$PWD/cross/no-unwinding.ld -C link-arg=-Wl,--no-eh-frame-hdr"

large=0
for target in "${wanted[@]}"; do
    names "$target"
    cross/sysroot.sh "$target"
    say "building for $target"
    cargo_for "$flags" build --locked --release --target "$triple" --package doorward --bins
    mkdir -p "$place/$target"
    for name in doorward doorward-vendor; do
        cp "$place/build/$triple/release/$name" "$place/$target/$name"
        binary=$place/$target/$name
        glibc=$(newest_glibc "$binary")
        size=$(stat -c %s "$binary")
        say "$binary: $size bytes, glibc $glibc, sha256 $(sha256sum "$binary" | cut -d' ' -f1)"
        [ "$(printf '%s\n' "$glibc" "$oldest" | sort -V | tail -1)" = "$oldest" ] || fail "$binary needs glibc $glibc; at most $oldest"
        [ "$size" -le "$most" ] || { say "$binary has more than $most bytes" >&2; large=1; }
    done
done
exit "$large"

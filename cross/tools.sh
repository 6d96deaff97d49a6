#!/usr/bin/env bash
# tools.sh TARGET…: installs the C compiler, the emulator and Rust's standard library of each target
# where they are missing. Needs Debian 12 or later on x86_64, rustup, and root or sudo.
set -euo pipefail
cd "$(dirname "$0")/.."
. cross/places.sh

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

missing=()
need() { command -v "$1" >/dev/null || missing+=("${@:2}"); } # COMMAND PACKAGE…
need dpkg-deb dpkg
need readelf binutils
for target in "$@"; do
    names "$target"
    case $target in
        x86_64) need gcc gcc libc6-dev ;;
        arm64) need "$gnu-gcc" gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
        armv7) need "$gnu-gcc" gcc-arm-linux-gnueabihf libc6-dev-armhf-cross ;;
    esac
    [ -z "$emulator" ] || need "$emulator" qemu-user-static
done
if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

command -v rustup >/dev/null || fail "rustup is missing: see https://rustup.rs"
for target in "$@"; do
    names "$target"
    rustup target list --installed | grep -qx "$triple" || rustup target add "$triple"
done

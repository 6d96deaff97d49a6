#!/usr/bin/env bash
# sysroot.sh TARGET: unpacks the C library of Debian 11 that binaries are linked against, and makes a
# linker that uses it. An apt state of its own: this machine's sources and architectures stay.
set -euo pipefail
cd "$(dirname "$0")/.."
. cross/places.sh
. cross/archive.sh
names "$1"
[ ! -e "$sysroot/made" ] || exit 0

mkdir -p "$place"
absolute=$(cd "$place" && pwd)
state=$absolute/apt-$debian
rm -rf "$sysroot"
mkdir -p "$sysroot"
say "the C library of $suite for $debian"
archive "$state" "$debian" "$suite"
(cd "$state/debs" && apt-get download -q libc6 libc6-dev libgcc-s1 linux-libc-dev)
for package in "$state"/debs/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
root=$(cd "$sysroot" && pwd)
# Links with an absolute path would lead to this machine's own files.
find "$root" -type l -lname '/*' | while read -r link; do ln -sfn "$root$(readlink "$link")" "$link"; done
# The name must not end in -ld, which rustc takes for a bare linker.
cat > "$absolute/$debian-gcc" <<LINKER
#!/bin/sh
exec $gnu-gcc --sysroot=$root -B$root/usr/lib/$gnu -L$root/lib/$gnu -L$root/usr/lib/$gnu "\$@"
LINKER
chmod 755 "$absolute/$debian-gcc"
rm -rf "$state"
touch "$sysroot/made"

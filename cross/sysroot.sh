#!/usr/bin/env bash
# sysroot.sh TARGET: unpacks the C library of Debian 11 that binaries are linked against, and makes a
# linker that uses it. An apt state of its own: this machine's sources and architectures stay.
set -euo pipefail
cd "$(dirname "$0")/.."
. cross/places.sh
names "$1"
[ ! -e "$sysroot/made" ] || exit 0

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
mkdir -p "$place"
absolute=$(cd "$place" && pwd)
state=$absolute/apt-$debian
rm -rf "$state" "$sysroot"
mkdir -p "$state"/{lists/partial,cache/archives/partial,debs,parts} "$sysroot"
: > "$state/status"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || fail "the keys of Debian's archive are missing: apt install debian-archive-keyring"
echo "deb [arch=$debian signed-by=$keys] $mirror $suite main" > "$state/sources.list"
cat > "$state/apt.conf" <<CONF
APT::Architecture "$debian";
APT::Architectures { "$debian"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::Cache "$state/cache";
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "$state/parts";
CONF
export APT_CONFIG=$state/apt.conf
say "the C library of $suite for $debian"
apt-get update -q
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

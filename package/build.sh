#!/usr/bin/env bash
# build.sh [arm64|armv7|x86_64]…: packs what cross/build.sh built into target/packages/*.deb. Without
# names: all three.
#
#   BINARIES=FOLDER   other binaries than target/cross/TARGET, for tests
#   VERSION=…         another version than that of Cargo.toml, for tests
#   LEVEL=0…9         how hard it is packed; otherwise 9
set -euo pipefail
cd "$(dirname "$0")/.."
. cross/places.sh
# In bytes: what an update over a slow line is spared.
most=$((6 * 1000 * 1000))
maintainer=${MAINTAINER:-doorward maintainers <maintainers@doorward.example>}

read -ra all <<<"$targets"
wanted=("${@:-${all[@]}}")
cross/tools.sh "${wanted[@]}"
version=${VERSION:-$(cargo metadata --locked --no-deps --format-version 1 | python3 -c 'import json,sys
print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "doorward"))')}
# The same sources give the same package.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
out=target/packages
mkdir -p "$out"

for target in "${wanted[@]}"; do
    names "$target"
    binaries=${BINARIES:-$place/$target}
    for name in doorward doorward-vendor; do
        [ -x "$binaries/$name" ] || fail "$binaries/$name is missing: cross/build.sh $target"
    done
    root=$out/root-$debian
    rm -rf "$root"
    umask 022
    install -d "$root"/{DEBIAN,usr/bin,usr/lib/doorward,lib/systemd/system,usr/lib/sysusers.d,usr/lib/tmpfiles.d} \
        "$root"/usr/share/{man/man1,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d} \
        "$root"/usr/share/doc/doorward/examples "$root"/usr/share/lintian/overrides \
        "$root"/etc/doorward/{vendors.d,credentials}

    # The two lie side by side: the one finds the other by its own place.
    install -m 755 "$binaries/doorward" "$binaries/doorward-vendor" "$root/usr/lib/doorward/"
    ln -s ../lib/doorward/doorward "$root/usr/bin/doorward"
    install -m 644 systemd/*.service systemd/*.timer "$root/lib/systemd/system/"
    install -m 644 systemd/doorward.sysusers "$root/usr/lib/sysusers.d/doorward.conf"
    install -m 644 systemd/doorward.tmpfiles "$root/usr/lib/tmpfiles.d/doorward.conf"

    # The gateway of the example, without its doors: those are the building's. The first
    # installation lays it in place, as doorward setup's own: dpkg is not to ask about it ever after.
    sed '/^# --- Entries/,$d' config/doorward.toml > "$root/usr/lib/doorward/doorward.toml"
    cat >> "$root/usr/lib/doorward/doorward.toml" <<'TOML'
# Doors: one [[entry]] each; their devices: a file a vendor in vendors.d/. Both, to begin with:
# /usr/share/doc/doorward/examples.
TOML
    chmod 644 "$root/usr/lib/doorward/doorward.toml"
    chmod 750 "$root/etc/doorward" "$root/etc/doorward/vendors.d"
    chmod 700 "$root/etc/doorward/credentials"
    cp -r config/doorward.toml config/vendors.d config/mosquitto "$root/usr/share/doc/doorward/examples/"
    install -m 644 config/examples/*.toml "$root/usr/share/doc/doorward/examples/vendors.d/"
    install -m 644 docs/*.md "$root/usr/share/doc/doorward/"
    cp -r monitoring "$root/usr/share/doc/doorward/"

    # Run by this machine, or by the emulator: all say the same.
    run=("$root/usr/lib/doorward/doorward")
    [ -z "$emulator" ] || run=("$emulator" -L "$sysroot" "${run[@]}")
    "${run[@]}" man "$root/usr/share/man/man1"
    "${run[@]}" completions bash > "$root/usr/share/bash-completion/completions/doorward"
    "${run[@]}" completions zsh > "$root/usr/share/zsh/vendor-completions/_doorward"
    "${run[@]}" completions fish > "$root/usr/share/fish/vendor_completions.d/doorward.fish"

    notes=$root/usr/share/doc/doorward
    package/licences.py "$triple" > "$notes/third-party"
    cat > "$notes/copyright" <<COPYRIGHT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: doorward
Comment: What is linked in from others, with all its licences and their texts, is listed in
 /usr/share/doc/doorward/third-party.gz.

Files: *
Copyright: 2026 the doorward authors
License: Apache-2.0
 On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.
COPYRIGHT
    printf 'doorward (%s) stable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' \
        "$version" "$version" "$maintainer" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" > "$notes/changelog"
    gzip -9n "$notes/third-party" "$notes/changelog" "$root"/usr/share/man/man1/*
    find "$notes" -name '*.md' -size +4k -exec gzip -9n {} +
    install -m 644 package/lintian-overrides "$root/usr/share/lintian/overrides/doorward"

    size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
    cat > "$root/DEBIAN/control" <<CONTROL
Package: doorward
Version: $version
Architecture: $debian
Maintainer: $maintainer
Installed-Size: $size
Depends: libc6 (>= $oldest), libgcc-s1, ca-certificates, systemd (>= 247), init-system-helpers (>= 1.54)
Recommends: mosquitto
Section: net
Priority: optional
Description: gateway between locks, openers and readers and an event bus
 Turns what the locks, garage doors, gates and readers of a building say into
 validated events, keeps them through cuts of power and network, and brings
 them to an Amazon EventBridge bus; opens doors for signed grants. The code of
 each vendor's devices runs in a confined process of its own.
CONTROL
    install -m 755 package/postinst package/prerm package/postrm "$root/DEBIAN/"
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' |
        LC_ALL=C sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    package=$out/doorward_${version}_$debian.deb
    dpkg-deb --root-owner-group -Zxz -z"${LEVEL:-9}" --build "$root" "$package" > /dev/null
    rm -rf "$root"
    bytes=$(stat -c %s "$package")
    say "$package: $bytes bytes, sha256 $(sha256sum "$package" | cut -d' ' -f1)"
    [ "$bytes" -le "$most" ] || [ -n "${BINARIES:-}" ] || fail "$package has more than $most bytes"
done

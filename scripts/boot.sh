#!/usr/bin/env bash
# boot.sh: the package in a fresh Debian that is booted: install, start, reload, crash, watchdog,
# upgrade, purge; then with the machine killed during install, upgrade and operation. Writes
# its section of docs/evidence/boot.md. Needs root and apt; a debootstrap the first time.
#
#   SUITE=NAME        which Debian, from bullseye (11) on; otherwise bookworm (12)
#   BINARIES=FOLDER   what is packed; otherwise target/cross/x86_64 (cross/build.sh x86_64)
#   CUTS=N            kills of each kind; otherwise 3
#   CUTS_ALONE=1      these alone, added to what the last run saw
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"
. scripts/debian.sh

say() { echo "boot: $*"; }
[ "$(id -u)" = 0 ] || { say "needs root" >&2; exit 1; }

suite=${SUITE:-bookworm}
place=target/boot
[ "$suite" = bookworm ] || place=target/boot-$suite
evidence=docs/evidence/boot.md
binaries=${BINARIES:-target/cross/x86_64}
cuts=${CUTS:-3}
included=systemd,systemd-sysv,dbus,udev,kmod,procps,mosquitto,mosquitto-clients,ca-certificates
mkdir -p "$place"

install_missing debootstrap=debootstrap systemd-nspawn=systemd-container

[ -n "${CUTS_ALONE:-}" ] || say "the packages"
for version in $([ -n "${CUTS_ALONE:-}" ] || echo 1 2); do
    VERSION=0.$version BINARIES=$binaries LEVEL=0 package/build.sh x86_64
    mv "target/packages/doorward_0.${version}_amd64.deb" "$place/doorward_$version.deb"
done

bootstrap "$suite" "$included" "$place/base"

root=$place/root
fresh() {
    rm -rf "$root"
    cp -a "$place/base" "$root"
    install -D -m 755 scripts/boot/inside.sh "$root/boot-proof/inside.sh"
    install -D -m 644 scripts/boot/inside.service "$root/etc/systemd/system/inside.service"
    cp "$place"/doorward_[12].deb "$root/boot-proof/"
    # An installed Debian has it; a bootstrapped one has not.
    echo "127.0.0.1 localhost" > "$root/etc/hosts"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf ../inside.service "$root/etc/systemd/system/multi-user.target.wants/inside.service"
}
needed_glibc() {
    for part in doorward doorward-vendor; do readelf --version-info "$binaries/$part"; done |
        grep -o 'GLIBC_[0-9.]*' | cut -d_ -f2 | sort -uV | tail -1
}
# boot TURN: boots the root with what is to be done in it.
boot() {
    echo "$1" > "$root/boot-proof/turn"
    # Version 2 of control groups, whatever this machine has.
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec systemd-nspawn --quiet --boot --directory "$root" --register=no --keep-unit --private-network \
        --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' --console=pipe > "$place/console-$1.log" 2>&1 < /dev/null
}

if [ -z "${CUTS_ALONE:-}" ]; then
    fresh
    say "from nothing to purged"
    (boot whole) || true
    sed '/^--- log/,$d' "$root/boot-proof/result" > "$place/result"
fi

for kind in install upgrade operation; do
    for cut in $(seq "$cuts"); do
        fresh
        say "$kind, cut $cut"
        (boot "begin-$kind") &
        nspawn=$!
        for _ in $(seq 300); do
            [ "$kind" != install ] && [ ! -e "$root/boot-proof/ready" ] || break
            sleep 0.2
        done
        # Somewhere in what goes on by then.
        sleep "$((2 + cut)).$((RANDOM % 10))"
        # With its first process all of them end, at once.
        kill -KILL "$(pgrep --parent "$nspawn" | head -1)"
        wait "$nspawn" 2>/dev/null || true
        : > "$root/boot-proof/result"
        (boot "recover-$kind") || true
        sed '/^--- log/,$d' "$root/boot-proof/result" >> "$place/result"
        [ -s "$root/boot-proof/result" ] || echo "FAILED: $kind: it did not boot" >> "$place/result"
    done
done

tally "$place/result"
[ -e "$evidence" ] || cat > "$evidence" <<'HEAD'
# The package in a booted system

Written by `make boot`, a section for each Debian: a fresh one under systemd-nspawn, with its own systemd as process 1 and no network; the package is installed, used, upgraded and purged in it. Then the whole container is killed (SIGKILL of its first process, and so of all) in the midst of install, upgrade and operation, and booted again. The machine's page cache survives such a kill: what the disk loses at a cut of power is in [cuts.md](cuts.md).
HEAD
{
    echo "- Date: $(date -u +%F)"
    echo "- Commit: $(git rev-parse --short HEAD)$(git diff --quiet HEAD -- src crates Cargo.toml systemd package || echo ', with changes')"
    echo "- Machine: $(uname -s) $(uname -r | sed 's/-.*//') $(uname -m), $(nproc) CPUs"
    echo "- Command: \`${SUITE:+SUITE=$SUITE }CUTS=$cuts make boot\`"
    echo "- Packed: what is in $binaries, which asks for glibc $(needed_glibc) at most"
    echo "- Checks: $held held, $failed failed"
    sed -n 's/^figure: \(.*\)/- \1/p; s/^systemd: \(.*\)/- \1/p' "$place/result"
    echo
    echo '```'
    grep -E '^(held|FAILED|not run): ' "$place/result" |
        awk '{ if (!times[$0]++) order[++lines] = $0 }
            END { for (line = 1; line <= lines; line++) { n = times[order[line]]; print order[line] (n > 1 ? " (" n " times)" : "") } }'
    echo '```'
} | section "$evidence" "$suite"
say "$held held, $failed failed; see $evidence"
[ "$failed" = 0 ]

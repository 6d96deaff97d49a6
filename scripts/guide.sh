#!/usr/bin/env bash
# guide.sh: the installer's guide (docs/installing.md), typed as it stands there on a fresh Debian that
# is booted, with nothing but the package; timed to the first event on a bus. Writes
# docs/evidence/installing.md. Needs root and apt, and what `make boot` made (target/boot).
#
#   PACKAGE=FILE   the package; otherwise the newest in target/packages for this machine
#   BUILT=WORDS    what was packed, where it is no release
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "guide: $*"; }
[ "$(id -u)" = 0 ] || { say "needs root" >&2; exit 1; }
place=target/boot
[ -e "$place/base/made" ] || { say "no fresh Debian in $place: make boot" >&2; exit 1; }
package=${PACKAGE:-$(find target/packages -name "doorward_*_$(dpkg --print-architecture).deb" | sort | tail -1)}
[ -n "$package" ] || { say "no package: make packages" >&2; exit 1; }

scripts/tools.sh demo
root=$place/guide-root
rm -rf "$root"
cp -a "$place/base" "$root"
cp "$package" "$root/root/"
# An installed Debian has it; a bootstrapped one has not.
echo "127.0.0.1 localhost" > "$root/etc/hosts"
mkdir -p "$root/trial" "$root/etc/systemd/system/multi-user.target.wants"
# The blocks marked `sh`, each with the time it took.
awk 'in_block && /^```$/ { in_block = 0; print "took" } in_block { print } /^```sh$/ { in_block = 1; n++; print "step " n }' \
    docs/installing.md > "$root/trial/blocks"
install -m 755 scripts/guide/inside.sh "$root/trial/"
PYTHONPATH=scripts/demo .venv/bin/python -c \
    'import json, front_door; print(json.dumps(front_door.INVENTORY))' > "$root/trial/inventory"
printf '[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nExecStart=/bin/bash -c "timeout 500 /trial/inside.sh > /trial/result 2>&1; sync; systemctl poweroff --force"\n' \
    > "$root/etc/systemd/system/trial.service"
ln -sf ../trial.service "$root/etc/systemd/system/multi-user.target.wants/trial.service"

# The cloud: a bus with a rule, and a queue behind it.
.venv/bin/python scripts/guide/bus.py "$root/trial" &
bus=$!
trap 'kill "$bus" 2>/dev/null || true' EXIT
for _ in $(seq 200); do [ ! -s "$root/trial/endpoint" ] || break; sleep 0.1; done

say "a fresh Debian, $(basename "$package")"
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --boot --directory "$root" --register=no --keep-unit \
    --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' --console=pipe \
    > "$place/console-guide.log" 2>&1 < /dev/null || true

took() { sed -n "s/^took $1 //p" "$root/trial/result"; }
arrived() { sed -n "s/^$1 //p" "$root/trial/arrived" 2>/dev/null | head -1; }
began=$(sed -n 's/^began //p' "$root/trial/result")
if ! grep -q '^all was typed' "$root/trial/result" || [ -z "$(arrived entry.position_changed)" ]; then
    cat "$root/trial/result" >&2
    say "the guide does not lead to an event on the bus" >&2
    exit 1
fi
{
    echo "# The installer's guide, typed as it stands"
    echo
    echo "Written by \`make guide\`: a fresh Debian bookworm with Mosquitto, booted under systemd-nspawn; each \`sh\` block of docs/installing.md is run as it stands. For the cloud there is an emulated bus (moto) with an access key in place of AWS and the certificate; for the bridge, its inventory and one message of a contact, over TLS with the device's certificate that setup made."
    echo
    echo "| what | value |"
    echo "| --- | --- |"
    echo "| date | $(date -u +%F) |"
    echo "| commit | $(git rev-parse --short HEAD) |"
    echo "| machine | $(nproc) CPUs, $(uname -s) $(uname -r | sed 's/-.*//') $(uname -m) |"
    echo "| command | \`make guide\` |"
    echo "| package | $(basename "$package"), $(stat -c %s "$package") bytes${BUILT:+, $BUILT} |"
    echo
    echo "| from the first command until | seconds |"
    echo "| --- | --- |"
    for step in $(sed -n 's/^took \([0-9]*\) .*/\1/p' "$root/trial/result"); do
        echo "| block $step is done | $(took "$step") |"
    done
    echo "| the first event (\`publisher.handshake_sent\`) is behind the bus | $(arrived publisher.handshake_sent | awk -v b="$began" '{ printf "%.1f", $1 - b }') |"
    echo "| a door's movement is | $(arrived entry.position_changed | awk -v b="$began" '{ printf "%.1f", $1 - b }') |"
    echo
    echo "Typing, reading and walking are not in these; a person has the rest of the ten minutes for them."
} > docs/evidence/installing.md
say "it leads to an event on the bus; see docs/evidence/installing.md"

#!/usr/bin/env bash
# emulated.sh [arm64|armv7|x86_64]…: the binaries of cross/build.sh, ARM's under qemu-user, with this
# machine's Mosquitto: do they start, and does a message become an event? Says what held, and sizes,
# memory and times. What an emulator cannot have (seccomp, Landlock) is told by the gateway as not in
# force; times and memory under it are the emulator's.
set -uo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"
. cross/places.sh
[ $# -gt 0 ] || set -- arm64 armv7
failed=0

check() { # WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "held: $target: $words"; else echo "FAILED: $target: $words"; failed=1; fi
}
wait_for() { # COMMAND...
    for _ in $(seq 300); do
        "$@" && return 0
        sleep 0.2
    done
    return 1
}

for target in "$@"; do
    names "$target"
    work=$(mktemp -d)
    mkdir "$work/bin"
    cp "$place/$target/doorward" "$place/$target/doorward-vendor" "$work/bin/"
    runner=()
    how=native
    # The core starts what lies beside it.
    if [ -n "$emulator" ]; then
        runner=("$emulator" -L "$sysroot")
        how=emulated
        starter "$place/$target/doorward-vendor" "$work/bin/doorward-vendor"
    fi
    for part in doorward doorward-vendor; do
        echo "figure: $target: $part: $(stat -c %s "$place/$target/$part") bytes"
    done
    gateway() { "${runner[@]}" "$work/bin/doorward" --config "$work" "$@"; }
    port=$((20000 + RANDOM % 20000))
    printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$port" > "$work/mosquitto.conf"
    mosquitto -c "$work/mosquitto.conf" > "$work/mosquitto.log" 2>&1 &
    broker=$!
    mkdir "$work/vendors.d"
    cat > "$work/doorward.toml" <<TOML
[gateway]
instance = "gw-emulated"
tenant = "acme"
test = true
state_dir = "$work/state"
socket = "$work/socket"
[[entry]]
id = "front"
roles = { position = "front:0x00000000000000d0" }
TOML
    cat > "$work/vendors.d/front.toml" <<TOML
ecosystem = "zigbee2mqtt"
[mqtt]
host = "127.0.0.1"
port = $port
[[endpoint]]
id = "0x00000000000000d0"
address = "front_door"
TOML
    check "doorward --version: $(gateway --version 2>&1)" gateway --version > "$work/version"
    cat "$work/version"
    check "check --offline" gateway check --offline > "$work/check" 2>&1
    grep '^held\|^FAILED' "$work/check"
    begun=$(date +%s%3N)
    "${runner[@]}" "$work/bin/doorward" --config "$work" run > "$work/log" 2>&1 &
    core=$!
    answers() { gateway queue > /dev/null 2>&1; }
    connected() { grep -q 'connected to the broker' "$work/log"; }
    event() {
        mosquitto_pub -p "$port" -t zigbee2mqtt/front_door -q 1 -m "{\"contact\":$((RANDOM % 2)),\"x\":$RANDOM}" || true
        mosquitto_pub -p "$port" -t zigbee2mqtt/front_door -q 1 -m '{"contact":false}' || true
        gateway events --limit 100 --json 2>/dev/null | grep -q '"entry.position_changed"'
    }
    check "the gateway answers" wait_for answers
    echo "figure: $target: start to answer, $how: $(($(date +%s%3N) - begun)) ms"
    check "the vendor's process has its broker" wait_for connected
    check "a message becomes an event in the journal" wait_for event
    if [ -n "$emulator" ]; then
        check "layers that the emulator lacks are told" grep -q 'not restricted' "$work/log"
        grep -o 'the core is not restricted by this.*' "$work/log" | sed "s/^/told: $target: /"
    fi
    # After half a minute they have given back what only their start needed.
    sleep 35
    for process in "$core" $(pgrep -P "$core"); do
        awk -v what="$target: process $process, share of memory at rest, $how" \
            '$1 == "Pss:" { printf "figure: %s: %.1f MiB\n", what, $2 / 1024 }' "/proc/$process/smaps_rollup"
    done
    kill -TERM "$core"
    wait "$core"
    check "it stops in order" test $? = 0
    kill "$broker"
    wait "$broker" 2>/dev/null
    [ "$failed" = 0 ] || tail -20 "$work/log"
    rm -rf "$work"
done
exit $failed

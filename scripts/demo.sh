#!/usr/bin/env bash
# demo.sh: a broker, a simulated lock and a gateway on this machine, and a short story with them.
# Takes about half a minute after the build, needs no network and leaves nothing behind. Ends with
# 1 if an event that should have come did not.
#
#   DOORWARD_BIN=path   use this binary instead of building one
#   DEMO_PACE=seconds   pause between the steps, for the eye (default 0.8)
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin"

pace=${DEMO_PACE:-0.8}
work=$(mktemp -d)
export DEMO_STATE=$work/lock DEMO_PORT=
broker='' gateway='' follower='' answerer=''

# ended PID SIGNAL: ends a process of ours and waits for it.
ended() {
    if [ -n "$1" ]; then
        kill "-$2" "$1" 2>/dev/null || true
        { wait "$1" || true; } 2>/dev/null
    fi
}

clean() {
    ended "$follower" TERM
    ended "$gateway" TERM
    ended "$answerer" TERM
    ended "$broker" TERM
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

fail() {
    printf '\n' >&2
    for log in broker gateway; do
        if [ -s "$work/$log.log" ]; then
            printf -- '--- the last lines of the %s'"'"'s log\n' "$log" >&2
            tail -n 15 "$work/$log.log" >&2
        fi
    done
    printf '\nFAILED  %s\n' "$*" >&2
    exit 1
}

step=0
say() {
    sleep "$pace"
    step=$((step + 1))
    printf '\n'
    printf '%2d. %s\n' "$step" "$*" | fold -s -w 96 | sed '2,$s/^/    /'
}

# until_true SECONDS WHAT COMMAND...: waits for a condition.
until_true() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt "$until" ] || fail "$what"
        sleep 0.05
    done
}

doorward() { "$binary" --config "$work/config" "$@"; }
lock() { scripts/demo/lock.sh "$@"; }

# The last sequence in the journal.
sequence() { doorward queue --json | grep -o '"sequence":[0-9]*' | head -n 1 | cut -d : -f 2; }

# has TYPE TEXT...: whether an event of this type with all these texts came since the last mark.
since=0
mark() { since=$(sequence); }
has() {
    local found text
    found=$(doorward events --json --after "$since" --limit 1000 --type "$1" 2>/dev/null) || return 1
    shift
    for text in "$@"; do
        found=$(grep -F -- "$text" <<<"$found") || return 1
    done
    [ -n "$found" ]
}
expect() { until_true 10 "no $1 with $(printf '%s ' "${@:2}")came" has "$@"; }
answers() { doorward queue >/dev/null 2>&1; }
all_delivered() { doorward queue --json | grep -q '"waiting":0,'; }

run_gateway() {
    "$binary" --config "$work/config" run >>"$work/gateway.log" 2>&1 &
    gateway=$!
    until_true 10 "the gateway does not answer" answers
}

# follow SEQUENCE: prints the events after that one, and goes on as they happen.
follow() {
    "$binary" --config "$work/config" events --follow --after "$1" \
        > >(sed -u -E 's/^/  /; s/^(.{170}).+/\1 .../') 2>/dev/null &
    follower=$!
}

# --- What is needed --------------------------------------------------------------------------------

for needed in mosquitto mosquitto_pub mosquitto_sub; do
    command -v "$needed" >/dev/null || fail "$needed is missing; 'make tools' installs it"
done
if [ -n "${DOORWARD_BIN:-}" ]; then
    binary=$(realpath "$DOORWARD_BIN")
else
    echo "building doorward (the first time takes some minutes)"
    cargo build --locked --quiet --bin doorward
    binary=$(realpath "${CARGO_TARGET_DIR:-target}/debug/doorward")
fi

mkdir -p "$DEMO_STATE" "$work/config/vendors.d" "$work/broker"
cat <<'INTRO'

A front door with a keypad lock and a contact sensor, on a zigbee2mqtt bridge that is simulated;
the broker and the gateway are real. Indented lines come from `doorward events --follow`: sequence
(with a * while the bus has not answered for it yet), time, type, door or device, and what the
event says, cut at 170 characters.
INTRO

# --- The story -------------------------------------------------------------------------------------

say "A broker starts, with the settings that we ship (config/mosquitto) but for TLS and ACL."
start_broker() {
    DEMO_PORT=$((20000 + RANDOM % 20000))
    {
        sed -E '/^(listener|cafile|certfile|keyfile|tls_version|require_certificate|use_identity_as_username|allow_anonymous|acl_file) /d' \
            config/mosquitto/doorward.conf
        printf '%s\n' "listener $DEMO_PORT 127.0.0.1" "allow_anonymous true" \
            "persistence_location $work/broker/" "user $(id -un)"
    } >"$work/broker.conf"
    mosquitto -c "$work/broker.conf" >>"$work/broker.log" 2>&1 &
    broker=$!
    # A port that somebody else has ends the broker at once.
    until_true 10 "the broker does not start" broker_decided
    kill -0 "$broker" 2>/dev/null
}
broker_decided() {
    ! kill -0 "$broker" 2>/dev/null ||
        mosquitto_pub -h 127.0.0.1 -p "$DEMO_PORT" -t demo/up -m 1 2>/dev/null
}
for _ in 1 2 3 4 5; do
    if start_broker; then break; fi
    broker=
done
[ -n "$broker" ] || fail "no free port was found for the broker"
printf '    127.0.0.1:%s\n' "$DEMO_PORT"

say "zigbee2mqtt comes up: it runs, these are its devices, both can be reached (all retained)."
lock start
scripts/demo/lock.sh answer &
answerer=$!

say "The gateway starts, with no cloud (bus 'standalone'), and asks the lock how it is."
cat >"$work/config/doorward.toml" <<TOML
[gateway]
instance = "demo-gateway"
tenant = "demo"
test = true
state_dir = "$work/state"
socket = "$work/doorward.sock"

[[entry]]
id = "front-door"
[entry.roles]
lock = "zigbee2mqtt:0x00124b0024c9d2a1"
position = "zigbee2mqtt:0x00158d0001a2b3c4"
TOML
cat >"$work/config/vendors.d/zigbee2mqtt.toml" <<TOML
ecosystem = "zigbee2mqtt"
[mqtt]
host = "127.0.0.1"
port = $DEMO_PORT
TOML
doorward check --offline >"$work/check" || fail "the configuration is not right: $(cat "$work/check")"
run_gateway
follow 0
expect gateway.started '"previous_stop":"first_start"'
expect endpoint.discovered '"bound":true' '0x00124b0024c9d2a1'
expect endpoint.online '0x00158d0001a2b3c4'
expect entry.lock_changed '"lock":"locked"' '"previous":"unknown"'

say "The contact sensor wakes and says that the door is closed."
mark
lock close
expect entry.position_changed '"position":"closed"'

say "Somebody types in the code of user slot 3. Who it was and that the bolt moved are two facts;" \
    "the second names the first (correlation_id)."
mark
lock keypad-unlock 3
expect entry.attribution_updated '"operation":"unlock"' '"operation_source":"keypad"' '"user_slot":3'
expect entry.lock_changed '"lock":"unlocked"' '"correlation_id"'

say "The second of them as JSON, exactly as it goes to a bus:"
doorward events --json --after "$since" --type entry.lock_changed |
    sed -E 's/^.*"event":(.*)\}$/\1/' | fold -w 92 | sed 's/^/    /'

say "The door is opened ..."
mark
lock open
expect entry.position_changed '"position":"open"'

say "... and falls shut."
mark
lock close
expect entry.position_changed '"position":"closed"'

say "The lock locks itself."
mark
lock auto-relock
expect entry.attribution_updated '"operation_source":"auto_relock"'
expect entry.lock_changed '"lock":"locked"' '"previous":"unlocked"'

say "Somebody tries a code that nobody has."
mark
lock wrong-pin
expect entry.attribution_updated '"outcome":"failed"' '"failure_reason":"invalid_credential"'

say "The lock reports its battery, and repeats everything else that it last said."
mark
lock battery 42.5
expect endpoint.battery_changed '"percent":42.5'

say "The same again: zigbee2mqtt repeats its cache with every message. No event; after it comes a" \
    "message cut off in the middle, which goes to quarantine, and that is told."
mark
lock repeat
lock malformed
expect event.quarantined '"reason":"malformed_json"'
told=$(doorward events --json --after "$since" --limit 1000 | wc -l)
[ "$told" = 1 ] || fail "the repetition was told: $told events instead of one"

say "A word that no table knows: the bolt's place is unknown then, never guessed."
mark
lock unmapped deadlocked
expect entry.lock_changed '"lock":"unknown"'
expect event.quarantined '"reason":"unmapped_value"'

say "The lock says again where its bolt is."
mark
lock keypad-unlock 3
lock auto-relock
expect entry.lock_changed '"lock":"locked"'

sleep "$pace"
say "doorward doors: what is known of every door, how far it may be trusted, and since when"
doorward doors | sed 's/^/    /'
say "doorward quarantine: what could not become an event, why, and its bytes, in which whatever" \
    "may be a code is masked."
doorward quarantine | sed -E 's/^/    /; s/^(.{170}).+/\1 .../'
doorward quarantine --json | grep -q '"reason":"malformed_json"' || fail "quarantine lacks the malformed message"
doorward quarantine --json | grep -q '"reason":"unmapped_value"' || fail "quarantine lacks the unmapped word"
say "doorward queue: how far events have got. Nothing waits, since the bus 'standalone' takes all."
until_true 10 "events still wait for the bus" all_delivered
doorward queue | sed 's/^/    /'

say "kill -9: the gateway is gone, and its vendor process ends with it."
mark
kill -9 "$gateway"
{ wait "$gateway" || true; } 2>/dev/null
gateway=
ended "$follower" TERM
follower=
away() { grep -qE 'Client doorward-zigbee2mqtt (closed its connection|disconnected)' "$work/broker.log"; }
until_true 10 "the vendor process outlived its gateway" away

say "While it is away somebody unlocks with slot 5. The broker keeps that, though the bridge" \
    "publishes at QoS 0: upgrade_outgoing_qos in the settings that we ship."
lock keypad-unlock 5

say "The gateway starts again, and hears of it."
run_gateway
follow "$since"
expect gateway.started '"previous_stop":"unclean"'
expect entry.attribution_updated '"operation":"unlock"' '"user_slot":5'
expect entry.lock_changed '"lock":"unlocked"' '"correlation_id"'

say "doorward doors once more: the contact sensor has not spoken since, so its fact is stale."
doorward doors | sed 's/^/    /'
doorward doors --json | grep -q '"lock":{"value":"unlocked","quality":"observed"' ||
    fail "the lock's state is not observed"

until_true 10 "events still wait for the bus after the restart" all_delivered
say "doorward check: the files, the broker, the running gateway"
doorward check | sed 's/^/    /'

sleep "$pace"
printf '\nThat was all; everything that was expected came.\n'

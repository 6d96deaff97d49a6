#!/usr/bin/env bash
# lock.sh ACT [ARGUMENT]: a simulated front door on zigbee2mqtt: a lock with a keypad
# (front_door_yale) and a contact sensor (front_door_contact). It says what the real bridge says,
# in the forms of crates/translators/fixtures/zigbee2mqtt/captured.jsonl, at QoS 0.
#
# Needs DEMO_PORT, the broker's port on 127.0.0.1, and DEMO_STATE, a folder in which it remembers
# where bolt and leaf are.
set -euo pipefail

base=zigbee2mqtt
lock=$base/front_door_yale
contact=$base/front_door_contact

usage() {
    cat >&2 <<'USAGE'
usage: lock.sh ACT
  start              the bridge comes up: bridge/state, bridge/devices, availability, all retained
  answer             answer requests to read the lock's state, until ended
  report             both devices say how they are
  keypad-unlock N    the code of user slot N is typed in; then the bolt has moved
  wrong-pin          a code that nobody has
  auto-relock        the lock locks itself
  open | close       the leaf moves
  battery PERCENT    a battery report, which repeats all other values
  repeat             a message that says nothing new
  unmapped WORD      a lock_state that no table knows
  malformed          a message cut off in the middle
USAGE
    exit 2
}

publish() { mosquitto_pub -h 127.0.0.1 -p "$DEMO_PORT" -V 5 "$@"; }
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }

# remembered NAME DEFAULT, remember NAME VALUE
remembered() { cat "$DEMO_STATE/$1" 2>/dev/null || printf %s "$2"; }
remember() { printf %s "$2" >"$DEMO_STATE/$1"; }

# lock_says ACTION-MEMBERS: the lock's message. zigbee2mqtt repeats everything that it last knew.
lock_says() {
    local lock_state state
    lock_state=$(remembered lock locked)
    state=UNLOCK
    [ "$lock_state" != locked ] || state=LOCK
    publish -t "$lock" -m "{$1,\"auto_relock_time\":null,\"battery\":$(remembered battery null),\"battery_low\":null,\"last_seen\":\"$(now)\",\"linkquality\":113,\"lock_state\":\"$lock_state\",\"pin_code\":null,\"sound_volume\":null,\"state\":\"$state\"}"
}

lock_is() {
    remember lock "$1"
    lock_says '"action":null,"action_source_name":null,"action_user":null'
}

# act ACTION SOURCE-NUMBER SOURCE-NAME SLOT: an act is three messages, and the state in them is the
# one from before the act.
act() {
    lock_says "\"action\":\"$1\",\"action_source\":$2,\"action_source_name\":\"$3\",\"action_user\":$4"
    lock_says '"action":"","action_source_name":null,"action_user":null'
    publish -t "$lock/action" -m "$1"
}

contact_says() {
    remember contact "$1"
    publish -t "$contact" -m "{\"battery\":null,\"contact\":$1,\"device_temperature\":null,\"identify\":null,\"last_seen\":\"$(now)\",\"linkquality\":113,\"power_outage_count\":null,\"trigger_count\":null,\"voltage\":null}"
}

start() {
    publish -r -t "$base/bridge/state" -m '{"state":"online"}'
    publish -r -t "$base/bridge/devices" -s <<'INVENTORY'
[
 {"ieee_address":"0x00124b0000000000","friendly_name":"Coordinator","type":"Coordinator"},
 {"ieee_address":"0x00124b0024c9d2a1","friendly_name":"front_door_yale","type":"EndDevice",
  "manufacturer":"Yale","model_id":"YRD426NRSC",
  "definition":{"vendor":"Yale","model":"YRD426NRSC","exposes":[
   {"type":"lock","features":[
    {"name":"state","property":"state","access":7},
    {"name":"lock_state","property":"lock_state","access":1}]},
   {"type":"numeric","property":"battery","access":5},
   {"type":"enum","property":"action","access":1}]}},
 {"ieee_address":"0x00158d0001a2b3c4","friendly_name":"front_door_contact","type":"EndDevice",
  "manufacturer":"LUMI","model_id":"lumi.sensor_magnet.aq2",
  "definition":{"vendor":"Aqara","model":"MCCGQ11LM","exposes":[
   {"type":"binary","property":"contact","access":1}]}}
]
INVENTORY
    publish -r -t "$lock/availability" -m '{"state":"online"}'
    publish -r -t "$contact/availability" -m '{"state":"online"}'
}

answer() {
    mosquitto_sub -h 127.0.0.1 -p "$DEMO_PORT" -V 5 -t "$lock/get" > >(
        while read -r _; do lock_is "$(remembered lock locked)"; done
    ) &
    local listening=$!
    # shellcheck disable=SC2064
    trap "kill $listening 2>/dev/null; wait" EXIT
    trap 'exit 0' TERM
    wait "$listening"
}

case "${1:-}" in
    start) start ;;
    answer) answer ;;
    report)
        lock_is "$(remembered lock locked)"
        contact_says "$(remembered contact true)"
        ;;
    keypad-unlock)
        act unlock 0 keypad "${2:?a slot}"
        lock_is unlocked
        ;;
    wrong-pin) act unlock_failure_invalid_pin_or_id 0 keypad null ;;
    auto-relock)
        act auto_lock 2 manual null
        lock_is locked
        ;;
    open) contact_says false ;;
    close) contact_says true ;;
    battery)
        remember battery "${2:?a percentage}"
        lock_is "$(remembered lock locked)"
        ;;
    repeat) lock_is "$(remembered lock locked)" ;;
    unmapped) lock_is "${2:?a word}" ;;
    malformed) publish -t "$lock" -m '{"action":null,"battery":42.5,"lock_sta' ;;
    *) usage ;;
esac

#!/usr/bin/env bash
# demo.sh: three simulated doors, a real broker, an emulated cloud bus and a gateway on this
# machine, and a story with them: signals become events, a courier opens a door, vendors' processes
# are killed, the bus and the serial line go away and come back. In a terminal everything stays up
# afterwards, to play with. Takes about a minute and a half after the build, needs no network and
# leaves nothing behind. Ends with 1 at the first thing that is not as it should be.
#
#   DOORWARD_BIN=path   use this binary instead of building one
#   DEMO_SERVICE_BIN=path  the delivery service's; by itself the one beside doorward
#   DEMO_PACE=seconds   pause between the steps, for the eye (default 0.8; 0 without a terminal)
#   DEMO_HEADLESS=1     end after the story, as without a terminal or with CI set
#   DEMO_KEEP=path      leave what the service's queue got there, one delivery a line
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin"
# shellcheck source=scripts/demo/stage.sh
. scripts/demo/stage.sh
# shellcheck source=scripts/demo/service.sh
. scripts/demo/service.sh

# --- What is needed --------------------------------------------------------------------------------

for needed in mosquitto mosquitto_pub; do
    command -v "$needed" >/dev/null || fail "$needed is missing; 'make tools' installs it"
done
"$python" -c 'import boto3, moto, paho.mqtt, pymodbus, serial' 2>/dev/null ||
    fail "$python lacks what scripts/requirements.txt lists; 'make tools' installs it"
if [ -n "${DOORWARD_BIN:-}" ]; then
    binary=$(realpath "$DOORWARD_BIN")
else
    echo "building doorward (the first time takes some minutes)"
    cargo build --locked --workspace --bin doorward --bin doorward-vendor --bin delivery-service
    binary=$(realpath "${CARGO_TARGET_DIR:-target}/debug/doorward")
fi
find_service
# Below the range from which outgoing connections take theirs.
ports=$("$python" - <<'PYTHON'
import random, socket
taken = []
while len(taken) < 3:
    candidate = socket.socket()
    try:
        candidate.bind(("127.0.0.1", random.randrange(20000, 32000)))
        taken.append(candidate)
    except OSError:
        pass
print(*(candidate.getsockname()[1] for candidate in taken))
PYTHON
)
read -r broker_port moto_port bus_port <<<"$ports"
mkdir -p "$work/config/vendors.d" "$work/broker"
SECONDS=0

cat <<'INTRO'

Three doors: a front door with a keypad lock and a contact on a zigbee2mqtt bridge, a garage with a
ratgdo opener, a gate on a Modbus board at a serial port. Devices and cloud are simulated; the
broker, the protocols and the gateway are real.

Indented lines come from `doorward events --follow`: sequence (with a * while the bus has not
answered for it yet), time, type, door or device, and what the event says, cut after 170
characters. Lines with a > are acts at the doors.
INTRO

part "Everything starts"

say "A broker, with the settings that we ship (config/mosquitto) but for TLS and ACL, and an" \
    "emulator of Amazon EventBridge, with a rule that puts the gateway's events into a service's" \
    "queue. The gateway reaches it by a road of its own, which we can close."
start moto "$python" -m moto.server -H 127.0.0.1 -p "$moto_port"
{
    sed -E '/^(listener|cafile|certfile|keyfile|tls_version|require_certificate|use_identity_as_username|allow_anonymous|acl_file) /d' \
        config/mosquitto/doorward.conf
    printf '%s\n' "listener $broker_port 127.0.0.1" "allow_anonymous true" \
        "persistence_location $work/broker/" "user $(id -un)"
} >"$work/broker.conf"
start broker mosquitto -c "$work/broker.conf"
broker_listens() {
    runs broker || fail "the broker does not start"
    mosquitto_pub -h 127.0.0.1 -p "$broker_port" -t demo/up -m 1 2>/dev/null
}
until_true 10 "the broker does not listen" broker_listens

say "The devices come up. zigbee2mqtt and ratgdo tell the broker that they can be reached (retained)" \
    "and the gate's board is at a serial port."
start devices "$python" scripts/demo/devices.py --broker "$broker_port" \
    --serial "$work/serial/gate" --socket "$DEMO_DOORS"
until_true 30 "the devices do not come up" doors_there
scripts/demo/door show | show

moto_answers() {
    runs moto || fail "the bus emulator does not start"
    timeout 20 "$python" scripts/demo/bus.py make "$moto_port" "$("$service_binary" rule)" >>"$work/bus.log" 2>&1
}
until_true 40 "the bus emulator does not answer" moto_answers
road_is_open() { (: <"/dev/tcp/127.0.0.1/$bus_port") 2>/dev/null; }
open_road() {
    start road "$python" scripts/demo/road.py "$bus_port" "$moto_port"
    until_true 15 "the road to the bus does not open" road_is_open
}
open_road

say "The building has a root key, kept offline. With it somebody signs whom gateways believe: here a" \
    "delivery service's key."
for key in root service thief; do
    "$binary" trust key "$work/$key.key" >"$work/$key.public"
done
"$binary" trust add --root "$work/root.key" --list "$work/issuers.jws" --tenant demo \
    --issuer acme.delivery --kid acme-delivery-2026 --public-key "$(cat "$work/service.public")" \
    >"$work/trust"
show <"$work/trust"
trusted=$(sed -n '/^\[trust\]/,$p' "$work/trust")

say "The gateway starts: a core, and for each file in vendors.d a process of its own. This is the" \
    "file of the gate:"
cat >"$work/config/doorward.toml" <<TOML
[gateway]
instance = "demo-gateway"
tenant = "demo"
state_dir = "$work/state"
socket = "$work/doorward.sock"

[bus]
kind = "eventbridge"
name = "doors"
region = "eu-central-1"
endpoint_url = "http://127.0.0.1:$bus_port"

$trusted
# Whether or not a time service keeps this machine's clock right: it is only a demo.
clock_error_ms = 500

[downlink]
queue_url = "http://127.0.0.1:$bus_port/123456789012/requests"

[[entry]]
id = "front-door"
[entry.roles]
lock = "zigbee2mqtt:0x00124b0024c9d2a1"
position = "zigbee2mqtt:0x00158d0001a2b3c4"

[[entry]]
id = "garage"
kind = "garage_door"
[entry.roles]
actuator = "ratgdo:garage-left"
position = "ratgdo:garage-left"
obstruction = "ratgdo:garage-left"

[[entry]]
id = "gate"
kind = "gate"
[entry.roles]
actuator = "modbus:gate"
position = "modbus:gate"
TOML
for vendor in zigbee2mqtt ratgdo; do
    printf 'ecosystem = "%s"\n[mqtt]\nhost = "127.0.0.1"\nport = %s\n' "$vendor" "$broker_port" \
        >"$work/config/vendors.d/$vendor.toml"
done
cat >>"$work/config/vendors.d/ratgdo.toml" <<'TOML'
[[endpoint]]
id = "garage-left"
address = "garage/left"
TOML
cat >"$work/config/vendors.d/modbus.toml" <<TOML
ecosystem = "modbus"

[serial]
port = "$work/serial/gate"
baud = 9600

[settings]
timeout_ms = 1000

[[endpoint]]
id = "gate"
address = "gate"
unit = 1
closed = { input = 0, contact = "normally_open" }
open = { input = 1, contact = "normally_open" }
[endpoint.relay.open]
coil = 0
max_hold_ms = 500
TOML
show <"$work/config/vendors.d/modbus.toml"
doorward check --offline >"$work/check" 2>&1 || fail "the configuration is not right: $(cat "$work/check")"
start_gateway
follow 0
expect gateway.started '"previous_stop":"first_start"'
expect endpoint.discovered '"bound":true' '0x00124b0024c9d2a1'
for endpoint in zigbee2mqtt:0x00158d0001a2b3c4 ratgdo:garage-left modbus:gate; do
    expect endpoint.online "$endpoint"
done
expect entry.lock_changed '"entry_id":"front-door"' '"lock":"locked"' '"previous":"unknown"'
expect entry.position_changed '"entry_id":"gate"' '"position":"closed"'

part "Signals become events"

say "Somebody types in the code of user slot 3. Who it was and that the bolt moved are two facts;" \
    "the second names the first (correlation_id)."
mark
act front keypad 3
expect entry.attribution_updated '"operation":"unlock"' '"operation_source":"keypad"' '"user_slot":3'
expect entry.lock_changed '"lock":"unlocked"' '"correlation_id"'

say "The second of them as JSON, exactly as it goes to the bus:"
doorward events --json --after "$since" --type entry.lock_changed |
    sed -E 's/^.*"event":(.*)\}$/\1/' | fold -w 92 | sed 's/^/    /'

say "The garage door goes up, which takes its time; meanwhile somebody goes in at the front, and" \
    "the gate opens, which only the two limits on the serial line tell."
mark
act garage open
act gate open
act front open
expect entry.position_changed '"entry_id":"garage"' '"position":"opening"'
expect entry.position_changed '"entry_id":"front-door"' '"position":"open"'
act front close
expect entry.position_changed '"entry_id":"front-door"' '"position":"closed"'
act front relock
expect entry.attribution_updated '"operation_source":"auto_relock"'
expect entry.lock_changed '"lock":"locked"' '"previous":"unlocked"'
expect entry.position_changed '"entry_id":"gate"' '"position":"open"'
expect entry.position_changed '"entry_id":"garage"' '"position":"open"'

say "Something is in the garage door's way: it stops, and goes up again."
mark
act garage close
expect entry.position_changed '"entry_id":"garage"' '"position":"closing"'
act garage obstruct
expect alarm.raised '"entry_id":"garage"' '"alarm":"obstruction"'
expect entry.position_changed '"entry_id":"garage"' '"position":"stopped_partial"'
expect entry.position_changed '"entry_id":"garage"' '"position":"open"'
act garage clear
expect alarm.cleared '"entry_id":"garage"' '"alarm":"obstruction"'

say "Somebody tries a code that nobody has."
mark
act front wrong-code
expect entry.attribution_updated '"outcome":"failed"' '"failure_reason":"invalid_credential"'

say "A message that says nothing new makes no event; one cut off in the middle goes to quarantine," \
    "and that is told."
mark
act front repeat
act front garble
expect event.quarantined '"reason":"malformed_json"'
told=$(doorward events --json --after "$since" --limit 1000 | wc -l)
[ "$told" = 1 ] || fail "the repetition was told: $told events instead of one"

say "A word that no table knows: the bolt's place is unknown then, never guessed; until the lock" \
    "says it again."
mark
act front word deadlocked
expect entry.lock_changed '"lock":"unknown"'
expect event.quarantined '"reason":"unmapped_value"'
doorward quarantine | show
act front lock
expect entry.lock_changed '"lock":"locked"'

say "doorward doors: what is known of every door, how far it may be trusted, and since when"
doorward doors | show

part "The gateway opens a door"

say "An operator unlocks the door. That too is a request with a grant of its own, signed with a key" \
    "that never leaves the gateway, and goes through every check. Somebody goes in; then the" \
    "operator locks."
mark
doorward unlock front-door | show
expect access.granted '"channel":"console"'
expect grant.consumed '"uses_left":0'
expect command.state_changed '"state":"confirmed"'
expect entry.lock_changed '"lock":"unlocked"'
act front open
expect visit.opened
act front close
expect entry.position_changed '"entry_id":"front-door"' '"position":"closed"'
doorward lock front-door | show
expect visit.secured

say "What cannot be done is refused, and why is told: the front door has no motor."
mark
doorward open front-door 2>&1 | show && fail "the front door opened by itself"
expect access.denied '"reason":"endpoint_offline"'

# shellcheck source=scripts/demo/courier.sh
. scripts/demo/courier.sh

part "One vendor's process dies, the others do not notice"

# other_process VENDOR UNLIKE: whether it has a process, another one than UNLIKE.
other_process() {
    local process
    process=$(vendor_process "$1")
    [ -n "$process" ] && [ "$process" != "$2" ]
}
others() { echo "core ${pids[gateway]}, zigbee2mqtt $(vendor_process zigbee2mqtt), modbus $(vendor_process modbus)"; }
say "The garage door comes down, and on its way ratgdo's process is killed (kill -9), three times." \
    "Each time the front door and the gate go on at once."
before=$(others)
printf '    processes: %s, ratgdo %s\n' "$before" "$(vendor_process ratgdo)"
mark
act garage close
expect entry.position_changed '"entry_id":"garage"' '"position":"closing"'
kill_ratgdo() {
    until_true 15 "ratgdo's process does not come back" other_process ratgdo none
    victim=$(vendor_process ratgdo)
    kill -9 "$victim"
}
was_ratgdo_back() {
    local now
    now=$(vendor_process ratgdo)
    printf '    killed %s; when that event was there, ratgdo was %s\n' "$victim" \
        "${now:+back as }${now:-still away}"
}
kill_ratgdo
act gate close
expect entry.position_changed '"entry_id":"gate"' '"position":"closing"'
was_ratgdo_back
kill_ratgdo
act front unlock
expect entry.lock_changed '"lock":"unlocked"'
was_ratgdo_back
kill_ratgdo
act front open
expect entry.position_changed '"entry_id":"front-door"' '"position":"open"'
was_ratgdo_back

say "ratgdo is back, and the door's arrival is told: what the broker kept for it meanwhile came too."
until_true 15 "ratgdo's process does not come back" other_process ratgdo "$victim"
PATIENCE=20 expect entry.position_changed '"entry_id":"garage"' '"position":"closed"'
expect entry.position_changed '"entry_id":"gate"' '"position":"closed"'
after=$(others)
printf '    processes: %s, ratgdo %s\n' "$after" "$(vendor_process ratgdo)"
[ "$before" = "$after" ] || fail "another process ended with ratgdo's: $before, now $after"
act front close
act front lock
expect entry.position_changed '"entry_id":"front-door"' '"position":"closed"'
expect entry.lock_changed '"lock":"locked"'

# shellcheck source=scripts/demo/late.sh
. scripts/demo/late.sh

part "The bus goes away, and comes back"

until_true 60 "events still wait for the bus" all_delivered
say "The road to the bus is closed. The doors do not care; their events wait in the journal (*)."
end road
mark
act garage open
act gate open
act front keypad 5
expect entry.attribution_updated '"user_slot":5'
expect entry.lock_changed '"lock":"unlocked"'
act front open
expect entry.position_changed '"entry_id":"front-door"' '"position":"open"'
act front close
expect entry.position_changed '"entry_id":"front-door"' '"position":"closed"'
trouble() { doorward queue 2>/dev/null | grep -q '^bus trouble'; }
until_true 15 "the gateway does not notice that the bus is away" trouble
doorward queue | show
doorward queue --json | grep -q '"waiting":0,' && fail "nothing waits, though the bus is away"

say "The road is open again, and what waited arrives."
open_road
act front relock
expect entry.lock_changed '"lock":"locked"'
PATIENCE=15 expect entry.position_changed '"entry_id":"gate"' '"position":"open"'
PATIENCE=15 expect entry.position_changed '"entry_id":"garage"' '"position":"open"'
until_true 70 "events still wait for the bus" all_delivered

# arrived [--resent]: the journal's events against the service's queue, into $work/compared.
arrived() {
    doorward events --json --after 0 --limit 1000 >"$work/journal.jsonl" &&
        timeout 60 "$python" scripts/demo/bus.py take "$moto_port" service "$work/bus.jsonl" &&
        "$python" scripts/demo/compare.py "$work/journal.jsonl" "$work/bus.jsonl" "$@" >"$work/compared"
}
say "Is it all there? Every event in the journal against every message in the service's queue:"
until_true 20 "the queue is not what the journal gave out" arrived
show <"$work/compared"

part "The serial line is pulled out, and put back"

stale() { doorward doors --json 2>/dev/null | grep -F '"position":{"value":"open","quality":"stale"' | grep -qF gate; }
say "The adapter of the gate is pulled out. What is known of the gate is stale at once; that it" \
    "cannot be reached is told after 10 s, since adapters and bridges restart. Meanwhile it is shut" \
    "by hand, which nobody can see, and the other doors go on."
mark
act gate unplug
until_true 5 "the gate's position is not stale" stale
doorward doors | show
act gate close
act front wrong-code
expect entry.attribution_updated '"outcome":"failed"'
PATIENCE=20 expect endpoint.offline '"endpoint_id":"modbus:gate"'
has entry.position_changed '"entry_id":"gate"' && fail "the gate was seen through a line that is not there"

say "Put back in, it is another port at the same name: the gateway finds it, asks, and tells what" \
    "it had missed."
act gate plug
PATIENCE=20 expect endpoint.online '"endpoint_id":"modbus:gate"'
expect entry.position_changed '"entry_id":"gate"' '"position":"closed"'

part "The gateway itself dies"

until_true 30 "events still wait for the bus" all_delivered
say "kill -9: the gateway is gone, and its vendor processes end with it."
mark
vendors=()
for vendor in zigbee2mqtt ratgdo modbus; do
    vendors+=("$(vendor_process "$vendor")")
done
end gateway KILL
end follower
gone() {
    local process
    for process in "${vendors[@]}"; do
        [ -z "$(command_of "$process" 2>/dev/null)" ] || return 1
    done
}
until_true 10 "a vendor process outlived its gateway: ${vendors[*]}" gone

say "While it is away somebody unlocks with slot 7. The broker keeps that, though the bridge" \
    "publishes at QoS 0: upgrade_outgoing_qos in the settings that we ship."
act front keypad 7
sleep 1

say "The gateway starts again, and hears of it."
start_gateway
follow "$since"
expect gateway.started '"previous_stop":"unclean"'
expect entry.attribution_updated '"operation":"unlock"' '"user_slot":7'
expect entry.lock_changed '"lock":"unlocked"' '"correlation_id"'
until_true 60 "events still wait for the bus after the restart" all_delivered
doorward doors --json | grep -q '"lock":{"value":"unlocked","quality":"observed"' ||
    fail "the lock's state is not observed"
doorward doors | show
say "doorward check: the files, the port, the brokers, the running gateway. Its errors are right: this" \
    "broker has no list of who may do what. So is what it says of the port: that of a real adapter is" \
    "named under /dev/serial/by-id."
doorward check | show || true
doorward check --json >"$work/check" || true
# The folder may lie in memory.
"$python" -c '
import json, sys
found = json.load(sys.stdin)["findings"]
sys.exit({one["check"] for one in found if one["severity"] == "error"} - {"disk"} != {"acl"})
' <"$work/check" || fail "'doorward check' finds other errors: $(cat "$work/check")"

say "Once more, is it all there? After a crash what was under way may leave again, with its id."
until_true 20 "the queue is not what the journal gave out" arrived --resent
show <"$work/compared"
[ -z "${DEMO_KEEP:-}" ] || cp "$work/bus.jsonl" "$DEMO_KEEP"
printf '\nThat was all; everything that was expected came (%s s).\n' "$SECONDS"

# --- To play with ----------------------------------------------------------------------------------

if [ -n "$interactive" ]; then
    trap 'printf "\n"; exit 0' INT TERM
    cat <<PLAY

${bold}It stays up until Ctrl-C.${plain} In another terminal:

    export PATH="$(dirname "$binary"):$PWD/scripts/demo:\$PATH" DOORWARD_CONFIG="$work/config" DEMO_DOORS="$DEMO_DOORS"

    doorward doors                          doorward events --follow
    doorward queue                          doorward quarantine
    doorward events --entry garage          doorward check
    door front keypad 3; door front open    door garage close; sleep 2; door garage obstruct
    door gate unplug                        door show
    door --help                             all that the doors can do
    doorward unlock front-door              doorward open garage
    doorward grants list                    doorward visits

The delivery service takes orders, a line each, and says what comes of them:

    tail -n 3 -f "$work/service.log" &
    echo '$(schedule d-9)' >"$work/service.desk"
    echo '$(open_for d-9)' >"$work/service.desk"

What happens is told here too:
PLAY
    while runs gateway; do
        sleep 1
    done
    fail "the gateway has ended"
fi

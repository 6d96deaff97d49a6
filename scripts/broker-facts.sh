#!/usr/bin/env bash
# broker-facts.sh: runs the shipped broker settings (config/mosquitto/) on this machine's
# Mosquitto and prints what holds. Ends with 1 when something that doorward relies on does not.
# docs/broker.md keeps the figures of one such run. Takes some six minutes.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
port=${BROKER_PORT:-28883}
rounds=${ROUNDS:-5}
broker=
failed=0
export PATH="$PATH:/usr/sbin"

stop() {
    if [ -n "$broker" ]; then
        kill -9 "$broker" 2>/dev/null || true
        wait "$broker" 2>/dev/null || true
        broker=
    fi
}
trap 'stop; rm -rf "$work"' EXIT

# start [SED-EXPRESSION]: the shipped settings, with this run's paths and, where given, one change.
start() {
    sed -e "s|/etc/mosquitto/doorward|$work|; s|^listener .*|listener $port 127.0.0.1|; ${1:-}" \
        "$root/config/mosquitto/doorward.conf" >"$work/broker.conf"
    printf '%s\n' "persistence_location $work/" "user $(id -un)" >>"$work/broker.conf"
    mosquitto -c "$work/broker.conf" >>"$work/broker.log" 2>&1 &
    broker=$!
    local tries=0
    until [ "$(mosquitto_as doorward-zigbee2mqtt pub -t zigbee2mqtt/up/get -m 1 2>&1)" = "" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 50 ]; then
            echo "the broker did not start:" >&2
            tail -5 "$work/broker.log" >&2
            exit 1
        fi
        sleep 0.1
    done
}

# fresh [SED-EXPRESSION]: a broker that remembers nothing.
fresh() {
    stop
    rm -f "$work"/mosquitto.db*
    start "${1:-}"
}

# mosquitto_as NAME pub|sub ARGUMENTS: a client with that name's certificate.
mosquitto_as() {
    local name=$1 tool=$2
    shift 2
    timeout 30 "mosquitto_$tool" -h localhost -p "$port" -V 5 --cafile "$work/ca.pem" \
        --cert "$work/$name.pem" --key "$work/$name.key" "$@"
}

gateway() { local tool=$1; shift; mosquitto_as doorward-zigbee2mqtt "$tool" "$@"; }
bridge() { local tool=$1; shift; mosquitto_as zigbee2mqtt "$tool" "$@"; }

# The gateway's session: subscribe once at QoS 1 and leave; later take what waited (for SECONDS).
subscribe_and_leave() { gateway sub -i gateway -c -x 86400 -q 1 -t 'zigbee2mqtt/#' -E >/dev/null; }
waiting() { gateway sub -i gateway -c -x 86400 -q 1 -t 'zigbee2mqtt/#' -W "${1:-2}" 2>/dev/null || true; }

expect() {
    local what=$1 wanted=$2 got=$3
    if [ "$wanted" = "$got" ]; then
        echo "ok      $what: $got"
    else
        echo "FAILED  $what: wanted '$wanted', got '$got'"
        failed=1
    fi
}

connects() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }

# heard USER SENDER TOPIC [PUB-ARGUMENTS]: whether USER's subscription to everything hears it.
heard() {
    local user=$1 sender=$2 topic=$3
    shift 3
    mosquitto_as "$user" sub -q 1 -t '#' -W 1 >"$work/heard" 2>/dev/null &
    local listening=$!
    sleep 0.4
    mosquitto_as "$sender" pub -q 1 -t "$topic" -m message "$@" >"$work/answer" 2>&1 || true
    wait "$listening" || true
    if grep -q message "$work/heard"; then echo yes; else echo no; fi
}

"$root/scripts/test-certificates.sh" "$work" doorward-zigbee2mqtt zigbee2mqtt stranger
"$root/scripts/test-certificates.sh" "$work/foreign" zigbee2mqtt
cp "$root/config/mosquitto/doorward.acl" "$work/"
echo "$(mosquitto -h | head -1); $(openssl version)"

echo "-- Who may connect"
fresh
plain=(mosquitto_pub -h localhost -p "$port" -t zigbee2mqtt/x -m 1)
expect "in clear" no "$(connects "${plain[@]}")"
expect "TLS without a certificate" no "$(connects "${plain[@]}" --cafile "$work/ca.pem")"
expect "certificate of another authority" no "$(connects "${plain[@]}" --cafile "$work/ca.pem" \
    --cert "$work/foreign/zigbee2mqtt.pem" --key "$work/foreign/zigbee2mqtt.key")"
expect "certificate of ours" yes "$(connects bridge pub -t zigbee2mqtt/x -m 1)"

echo "-- Who may write and read what"
expect "the gateway hears a device" yes "$(heard doorward-zigbee2mqtt zigbee2mqtt zigbee2mqtt/lock)"
expect "the bridge hears the gateway's read request" yes "$(heard zigbee2mqtt doorward-zigbee2mqtt zigbee2mqtt/lock/get)"
expect "the bridge hears the gateway's command" yes "$(heard zigbee2mqtt doorward-zigbee2mqtt zigbee2mqtt/lock/set)"
expect "the bridge hears the gateway pair devices" no "$(heard zigbee2mqtt doorward-zigbee2mqtt zigbee2mqtt/bridge/request/permit_join)"
expect "the gateway speaks as a device" no "$(heard doorward-zigbee2mqtt doorward-zigbee2mqtt zigbee2mqtt/lock)"
expect "what its MQTT 5 client is told" "Warning: Publish 1 failed: Not authorized." "$(cat "$work/answer")"
heard doorward-zigbee2mqtt doorward-zigbee2mqtt zigbee2mqtt/lock -V 311 >/dev/null
expect "what an MQTT 3.1.1 client is told" "" "$(cat "$work/answer")"
expect "the gateway speaks outside its vendor" no "$(heard doorward-zigbee2mqtt doorward-zigbee2mqtt zwave/lock/set)"
expect "a name without ACL lines hears a device" no "$(heard stranger zigbee2mqtt zigbee2mqtt/lock)"
expect "a name without ACL lines commands" no "$(heard zigbee2mqtt stranger zigbee2mqtt/lock/set)"

echo "-- QoS 0 for a gateway that is away"
subscribe_and_leave
bridge pub -q 0 -t zigbee2mqtt/lock -m away
expect "upgrade_outgoing_qos true" away "$(waiting)"
fresh 's/^upgrade_outgoing_qos .*/upgrade_outgoing_qos false/'
subscribe_and_leave
bridge pub -q 0 -t zigbee2mqtt/lock -m away
expect "upgrade_outgoing_qos false" "" "$(waiting)"

echo "-- Bounds"
fresh 's/^max_queued_messages .*/max_queued_messages 500/'
subscribe_and_leave
seq 1 1000 | bridge pub -q 1 -t zigbee2mqtt/lock -l
expect "1000 sent at QoS 1 with max_queued_messages 500: kept" 500 "$(waiting 3 | wc -l)"
fresh 's/^max_queued_bytes .*/max_queued_bytes 65536/'
subscribe_and_leave
head -c 1000000 /dev/zero | tr '\0' x | fold -w 1000 | bridge pub -q 1 -t zigbee2mqtt/lock -l
echo "fact    1000 messages of 1,000 bytes with max_queued_bytes 65536: kept $(waiting 3 | wc -l)"
fresh
head -c 2100000 /dev/zero | tr '\0' x >"$work/large"
expect "a payload over message_size_limit, QoS 1" "Warning: Publish 1 failed: Packet too large." \
    "$(bridge pub -q 1 -t zigbee2mqtt/lock -f "$work/large" 2>&1 || true)"

# survivors LABEL EXPRESSION SECONDS: 100 messages a second to a gateway that is away, the broker killed
# after SECONDS and started again: what was acknowledged to the sender, and what of it is gone.
survivors() {
    fresh "$2"
    subscribe_and_leave
    sleep 2.2
    touch "$work/publishing"
    (
        i=0
        while [ -e "$work/publishing" ]; do
            echo "message $((i += 1))"
            sleep 0.01
        done
    ) | bridge pub -q 1 -t zigbee2mqtt/lock -l -d >"$work/sent" 2>&1 &
    local publisher=$!
    sleep "$3"
    stop
    rm -f "$work/publishing"
    start "$2"
    wait "$publisher" || true
    waiting 2 >"$work/kept"
    # The client numbers its publications from 1, as the messages are.
    sed -n 's/.*received PUBACK (Mid: \([0-9]*\),.*/\1/p' "$work/sent" | sort >"$work/acknowledged"
    sed -n 's/^message //p' "$work/kept" | sort >"$work/there"
    echo "fact    $1: acknowledged $(wc -l <"$work/acknowledged"), lost $(comm -23 "$work/acknowledged" "$work/there" | wc -l)"
}

echo "-- kill -9 of the broker while the gateway is away, 100 messages/s at QoS 1"
by_changes="s/^autosave_on_changes .*/autosave_on_changes true/"
interval() { echo "s/^autosave_interval .*/autosave_interval $1/"; }
for _ in $(seq 1 "$rounds"); do
    # Anywhere between two saves.
    moment="$((RANDOM % 10)).$((RANDOM % 10))"
    survivors "as shipped" "" "1$moment"
    survivors "autosave_interval 1" "$(interval 1)" "4.${moment%.*}"
    survivors "autosave_interval 1800, the default" "$(interval 1800)" 4
    survivors "on changes, 1" "$by_changes; $(interval 1)" 4
    survivors "on changes, 100" "$by_changes; $(interval 100)" "4.${moment%.*}"
done

# written SECONDS: bytes that the broker had written to the disk, per second.
written() {
    local before after
    before=$(sed -n 's/^write_bytes: //p' "/proc/$broker/io")
    sleep "$1"
    after=$(sed -n 's/^write_bytes: //p' "/proc/$broker/io")
    echo "$(((after - before) / $1)) bytes/s"
}

# send SECONDS: 100 messages a second at QoS 1.
send() {
    (for i in $(seq 1 $(($1 * 100))); do echo "message $i"; sleep 0.009; done) | bridge pub -q 1 -t zigbee2mqtt/lock -l &
    sending=$!
}

echo "-- What saving costs, with an inventory of 200 kB retained"
head -c 200000 /dev/zero | tr '\0' x >"$work/inventory"
for setting in "as shipped|" "autosave_interval 1|$(interval 1)" \
    "on changes, 1|$by_changes; $(interval 1)" "on changes, 100|$by_changes; $(interval 100)"; do
    fresh "${setting#*|}"
    bridge pub -q 1 -r -t zigbee2mqtt/bridge/devices -f "$work/inventory"
    sleep 3
    echo "fact    ${setting%%|*}: idle: $(written 20)"
    gateway sub -i gateway -q 1 -t 'zigbee2mqtt/#' -W 15 >/dev/null 2>&1 &
    listening=$!
    sleep 1
    send 10
    echo "fact    ${setting%%|*}: 100 messages/s, gateway there: $(written 10)"
    wait "$sending"
    wait "$listening" || true
    subscribe_and_leave
    send 10
    echo "fact    ${setting%%|*}: 100 messages/s, gateway away: $(written 10)"
    wait "$sending"
done
exit "$failed"

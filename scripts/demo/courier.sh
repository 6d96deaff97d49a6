#!/usr/bin/env bash
# courier.sh: the demo's story of a courier; sourced by scripts/demo.sh where it is told.
# shellcheck disable=SC2034,SC2154 # what the story and its stage set and use

part "A courier opens the door"

say "A delivery service in the cloud: the example of the client library. It signs with a key of its" \
    "own, which the building's root key has put on the list of issuers (doorward trust). What the" \
    "gateway reads it knows from gateway.started."
doorward trust show | show
start_service service "$work/service.key" delivery
says service '"at":"known"'

say "A delivery is planned: the courier gets the front door, once, for an hour. The grant goes over" \
    "the bus into the gateway's queue."
mark
order service "$(schedule d-1)"
expect grant.installed '"issuer":"acme.delivery"'
says service '"at":"granted"'
doorward grants list | show
# What the service remembers now, for later.
"$python" -c 'import sqlite3, sys; a, b = map(sqlite3.connect, sys.argv[1:]); a.backup(b)' \
    "$work/service.db" "$work/backup.db"

say "The courier stands at the door and asks. The gateway decides, at the door; use and intent are on" \
    "its disk before the command leaves, once. The lock says that it did it."
orders_before=$(radio_orders)
mark
order service "$(open_for d-1)"
expect access.granted '"channel":"request"' '"action":"unlock"'
expect grant.consumed '"uses_left":0'
expect command.state_changed '"state":"confirmed"'
expect entry.lock_changed '"lock":"unlocked"'
doorward visits | show

say "He walks in, the door falls shut and is locked: the visit is over, the door secure, and the" \
    "service knows it."
act front open
expect visit.opened
act front close
act front lock
expect visit.secured
said_before=0
says service '"outcome":"delivered"'

say "The service moves to another machine, with a backup of its memory from before the visit, and asks" \
    "again with the same grant. The gateway remembers: no use is left."
timeout 30 "$python" scripts/demo/bus.py take "$moto_port" standby /dev/null
cp "$work/backup.db" "$work/standby.db"
start_service standby "$work/service.key" standby
mark
order standby "$(open_for d-1)"
expect access.denied '"reason":"uses_exhausted"'
says standby '"reason":"uses_exhausted"'
end standby

say "Somebody who can write to the bus, and to whom the service's name and the id of its key are no" \
    "secret, issues a grant with a key of his own. Strangers get no event: the log tells of them, at" \
    "level debug each, else in a sum a minute. By hand the gateway says why."
timeout 30 "$python" scripts/demo/bus.py take "$moto_port" copies "$work/copies.jsonl"
start_service thief "$work/thief.key" thief
said_before=0
says thief '"at":"known"'
mark
: >"$work/forged.jsonl"
order thief "$(schedule d-6)"
not_believed() { grep -F 'a request is not believed' "$work/gateway.log" | sed 's/\x1b\[[0-9;]*m//g'; }
until_true 20 "the log does not tell of the forged grant" not_believed >/dev/null
not_believed | tail -n 1 | show
copied() {
    timeout 30 "$python" scripts/demo/bus.py take "$moto_port" copies "$work/forged.jsonl" &&
        [ -s "$work/forged.jsonl" ]
}
until_true 20 "no copy of the forged grant came" copied
"$python" -c 'import json, sys; print(json.dumps(json.loads(sys.stdin.readline())["detail"]))' \
    <"$work/forged.jsonl" >"$work/forged.json"
printf '%s    > doorward grants deliver forged.json%s\n' "$faint" "$plain"
doorward grants deliver "$work/forged.json" 2>&1 | show && fail "a forged grant was taken"
end thief
has grant.installed && fail "a forged grant was installed"

say "Another delivery, and a queue that is slow today: what is put into it comes out 16 s later. A" \
    "request lives 15 s. We go on meanwhile."
mark
order service "$(schedule d-2)"
expect grant.installed '"issuer":"acme.delivery"'
says service '"at":"granted"'
timeout 30 "$python" scripts/demo/bus.py slow "$moto_port" requests 16
order service "$(open_for d-2)"
says service '"at":"asked"'
late_since=$(sequence)

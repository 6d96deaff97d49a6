#!/usr/bin/env bash
# late.sh: the end of the courier's story: a request that is late, and a vendor's process that is
# killed in the middle of an unlock; sourced by scripts/demo.sh where it is told.
# shellcheck disable=SC2034,SC2154 # what the story and its stage set and use

part "An unlock that is late, and one that is cut in the middle"

say "The request from before has come out of the slow queue by now: refused, never done late."
since=$late_since
PATIENCE=30 expect access.denied '"reason":"request_expired"'
has access.granted && fail "a late request was granted"
timeout 30 "$python" scripts/demo/bus.py slow "$moto_port" requests 0
[ "$(radio_orders)" = "$((orders_before + 1))" ] || fail "the lock was told to move $(radio_orders) times"

say "A third delivery, on a cold day: the bolt takes 3 s. The broker stands still for a moment" \
    "(SIGSTOP). The command has left, nobody has said that it arrived, and zigbee2mqtt's process is" \
    "killed. Did it arrive? Nobody knows: indeterminate."
act front cold 3
mark
order service "$(schedule d-3)"
expect grant.installed '"issuer":"acme.delivery"'
says service '"at":"granted"'
# unread: how many bytes the broker has not read.
unread() {
    local port
    printf -v port ':%04X' "$broker_port"
    awk -v port="$port" 'index($2, port) == 9 { split($5, queues, ":"); print queues[2] }' /proc/net/tcp |
        while read -r bytes; do echo $((16#$bytes)); done | sort -n | tail -n 1
}
# A command is longer than anything that is said to keep a connection alive.
command_is_out() { [ "$(unread)" -ge 40 ]; }
kill -STOP "${pids[broker]}"
order service "$(open_for d-3)"
expect command.state_changed '"state":"dispatched"'
until_true 10 "the command did not leave" command_is_out
victim=$(vendor_process zigbee2mqtt)
kill -9 "$victim"
kill -CONT "${pids[broker]}"
printf '    killed %s\n' "$victim"
expect command.state_changed '"state":"indeterminate"'

say "It did arrive. Nothing was sent again: the use stays taken, the vendor's process, when it is" \
    "back, asks the lock where it is, and by the lock's own count it was told to move once."
until_true 15 "zigbee2mqtt's process does not come back" other_process zigbee2mqtt "$victim"
expect entry.lock_changed '"lock":"unlocked"'
expect alarm.raised '"alarm":"unexpected_motion"'
scripts/demo/door show | grep front | show
[ "$(radio_orders)" = "$((orders_before + 2))" ] || fail "the lock was told to move $(radio_orders) times"

say "That the door moved after its command had ended is an alarm, until it is seen closed and locked."
act front warm
act front open
expect entry.position_changed '"entry_id":"front-door"' '"position":"open"'
act front close
act front lock
expect entry.lock_changed '"lock":"locked"'
expect alarm.cleared '"alarm":"unexpected_motion"'

#!/usr/bin/env bash
# service.sh: the delivery service of examples/ beside the stage; sourced by scripts/demo.sh. Its
# desk takes orders, a JSON object a line, and its log has what it says of them.
# shellcheck disable=SC2154 # what the story sets

# find_service: the program, built if it is not there.
find_service() {
    service_binary=${DEMO_SERVICE_BIN:-$(dirname "$binary")/delivery-service}
    if [ ! -x "$service_binary" ]; then
        echo "building the delivery service"
        cargo build --locked --quiet --workspace --bin delivery-service
        service_binary=${CARGO_TARGET_DIR:-target}/debug/delivery-service
    fi
}

# start_service NAME KEY QUEUE: a service with its own memory, that signs with KEY.
start_service() {
    local queues="http://127.0.0.1:$moto_port/123456789012"
    [ -p "$work/$1.desk" ] || mkfifo "$work/$1.desk"
    # Open for reading too, so that it does not end with the last order.
    STDIN=/dev/fd/9 start "$1" "$service_binary" run --endpoint-url "http://127.0.0.1:$moto_port" \
        --key "$2" --store "$work/$1.db" --queue-url "$queues/$3" \
        --dead-letter-queue-url "$queues/dead" 9<>"$work/$1.desk"
    said_before=0
}

# order NAME JSON: hands an order to the service NAME.
order() {
    said_before=$(wc -l <"$work/$1.log")
    printf '%s    > %s: %s%s\n' "$faint" "$1" "$2" "$plain"
    printf '%s\n' "$2" >"$work/$1.desk"
}

# says NAME TEXT: waits until the service has said a line with this since the last order.
says() {
    until_true 30 "$1 did not say $2" has_said "$@"
    printf '    %s says: %s\n' "$1" "$(said "$@" | tail -n 1)"
}
has_said() { said "$@" >/dev/null; }
said() { tail -n "+$((said_before + 1))" "$work/$1.log" | grep -F -- "$2"; }

schedule() {
    printf '{"do":"schedule","delivery_id":"%s","tenant_id":"demo","gateway":"demo-gateway",' "$1"
    printf '"entry_id":"front-door","subject_ref":"courier-7f3a"}'
}
open_for() { printf '{"do":"open","delivery_id":"%s"}' "$1"; }

# radio_orders: how often the front door's bolt was told over the radio to move: the lock's count.
radio_orders() { scripts/demo/door show | sed -n 's/^front .* \([0-9]*\) orders\{0,1\} by radio$/\1/p'; }

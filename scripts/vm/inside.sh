#!/usr/bin/env bash
# What is checked inside the virtual machine; each line says what held, failed or was not run.
set -uo pipefail
log=/run/doorward.log

check() { # WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "held: $words"; else echo "FAILED: $words"; fi
}
wait_for() { # COMMAND...
    for _ in $(seq 150); do
        "$@" && return 0
        read -rt 0.2 <> <(:) || true
    done
    return 1
}
is() { [ "$1" = "$2" ]; }

echo "kernel: $(uname -r)"
systemd-sysusers
systemd-tmpfiles --create
has_line() { [ -e /etc/doorward/vendors.d/board.toml ]; }
if has_line; then
    chgrp dialout /dev/ttyS1 && chmod 660 /dev/ttyS1
    stty -F /dev/ttyS2 raw -echo 9600
    timeout 120 head -c 2 /dev/ttyS2 > /run/line &
fi
systemctl start mosquitto doorward
connected() { [ "$(grep -c 'connected to the broker' $log)" -ge "${1:-1}" ]; }
check "the gateway as a service reaches its broker by name" wait_for connected 1

core=$(systemctl show -P MainPID doorward)
vendor() { # NAME
    local child
    for child in $(< "/proc/$core/task/$core/children"); do
        [ "$(tr '\0' ' ' < "/proc/$child/cmdline")" != "doorward-vendor $1 " ] || echo "$child"
    done
}
pid=$(vendor front)
group=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
leaf=/sys/fs/cgroup$group
check "the core is in a leaf of its own" is "$(sed -n 's/^0:://p' "/proc/$core/cgroup")" /system.slice/doorward.service/core
check "the vendor's process is in its leaf" is "$group" /system.slice/doorward.service/vendor-front
check "memory.max is 48 MiB" is "$(cat "$leaf/memory.max")" 50331648
check "memory.swap.max is 0, where the kernel swaps" is "$(cat "$leaf/memory.swap.max" 2>/dev/null || echo 0)" 0
check "pids.max is 32" is "$(cat "$leaf/pids.max")" 32
check "cpu.max is half a processor" is "$(cat "$leaf/cpu.max")" "50000 100000"
computes_last() { is "$(cat "$leaf/cpu.idle" 2> /dev/null || grep -cx 1 "$leaf/cpu.weight")" "$1"; }
yes '{"contact":true}' | head -400 | mosquitto_pub -t zigbee2mqtt/front_door -l
check "while a device floods, its vendor's process computes last" wait_for computes_last 1
check "and as any when that is over" wait_for computes_last 0
status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
check "seccomp filters its calls" is "$(status Seccomp)" 2
check "it gains no privileges" is "$(status NoNewPrivs)" 1
check "it has no capabilities" is "$(status CapEff)" 0000000000000000
check "its environment has nothing of the core's" is "$(tr '\0' '\n' < "/proc/$pid/environ" | grep -vc '^RUST_LOG=')" 0
check "the core is not dumpable" is "$(stat -c %u "/proc/$core/environ")" 0
if has_line; then
    opened() { grep -q 'the port is open' $log; }
    check "a serial port is opened through the unit's list of devices, and handed over" wait_for opened
    check "its vendor's process is in a leaf of its own" is "$(sed -n 's/^0:://p' "/proc/$(vendor board)/cgroup")" /system.slice/doorward.service/vendor-board
    asked() { [ "$(od -An -tx1 /run/line | tr -d ' \n')" = 0102 ]; }
    check "and what it writes comes at the line's other end: it asks board 1 for its inputs" wait_for asked
else
    echo "not run: a serial line, which this machine has not beside its console"
fi
check "seccomp filters the core's calls" is "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$core/status")" 2

# The same process, seen by check. What this kernel lacks, it says.
doorward --config /etc/doorward check > /run/check 2>&1
sed -nE 's/^ok   sandbox: ([a-z_]+): (.*)/\1 | in force | \2/p; s/^BAD  sandbox: ([a-z_]+): (.*)/\1 | not in force | \2/p' /run/check > /run/layers
grep -v '^cgroup ' /run/layers | sed 's/^/layer: /'
sed -n 's/.*cgroup.*detail="\([^"]*\)".*/layer: cgroup | not in force | \1/p' $log | head -1
grep -q 'layer="cgroup"' $log || echo "layer: cgroup | in force | told by the running gateway"
kernel_has() { printf '%s\n' "$1" "$(uname -r)" | sort -VC; } # VERSION
layer() { grep -q "^$1 | $2 |" /run/layers; }
check "Landlock keeps files from it" layer landlock_files "in force"
if kernel_has 6.7; then
    check "Landlock keeps ports from it" layer landlock_tcp "in force"
else
    check "check says that this kernel has no rules on ports" layer landlock_tcp "not in force"
fi
if kernel_has 6.12; then
    check "Landlock keeps signals in it" layer landlock_scope "in force"
else
    check "check says that this kernel has no rules on signals" layer landlock_scope "not in force"
fi
check "seccomp is in force" layer seccomp "in force"

# What a locked-down process tries, all in one: what became of each. It may write no file, hence cat.
tries() { env -i /usr/bin/doorward-vendor probe --probe --port 1883 "${@/#/--attempt=}" 2>/dev/null; }
filtered=(write:/run/new write:/dev/mem execute:/bin/true unix:/run/dbus/system_bus_socket kill:1 fork netlink raw
    raise-limit executable-memory shared-memory:65 growing-memory)
closed=(read:/etc/shadow read:/etc/passwd read:/proc/1/environ read:/proc/self/maps read:/dev)
ports=(tcp:22 tcp:8883)
needed=(read:/etc/hosts name:localhost thread clock memory:20 tcp:1883)
tries "${filtered[@]}" "${closed[@]}" "${ports[@]}" "${needed[@]}" memory:65 descriptors | cat > /run/tried
became() { grep -qF "{\"attempt\":\"$1\",\"done\":$2," /run/tried; }
refused() { became "$1" "false,\"errno\":$2"; }
for act in "${filtered[@]}"; do check "seccomp refuses $act" refused "$act" 1; done
for act in "${closed[@]}"; do check "Landlock refuses $act" refused "$act" 13; done
if kernel_has 6.7; then
    for act in "${ports[@]}"; do check "Landlock refuses $act" refused "$act" 13; done
else
    echo "not run: rules on TCP ports and on signals, which this kernel lacks"
fi
for act in "${needed[@]}"; do check "it may $act" became "$act" true; done
check "65 MiB are more than it may have" became memory:65 false
had=$(grep -o '"attempt":"descriptors".*' /run/tried | sed 's/.*"detail":"\([0-9]*\)".*/\1/')
check "it has fewer than 64 descriptors" test "${had:-64}" -lt 64
for act in trace mount; do
    tries "$act"
    check "$act ends it" is $? 159
done

# No translator leaks: so the bound is lowered to less than it has.
echo 262144 > "$leaf/memory.max"
{ printf '{"contact":true,"x":"'; head -c 900000 /dev/zero | tr '\0' x; printf '"}'; } |
    mosquitto_pub -t zigbee2mqtt/front_door -s
ended() { grep -q 'cause="out_of_memory"' $log; }
check "one that needs more memory than it may (256 KiB by now) is ended; cause out_of_memory" wait_for ended
check "the next life has its whole bound again, and its broker" wait_for connected 2
pid=$(vendor front)
check "its leaf is a new one" is "$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/memory.max")" 50331648
check "the core went on" is "$(systemctl show -P MainPID doorward)" "$core"
systemctl stop doorward
check "it stops in order" is "$(systemctl show -P Result doorward)" success

# What does not hang on an emulated processor's speed.
faults="leak fork-bomb abort malformed-frame fill-disk forbidden-files foreign-door"
if kernel_has 6.7; then faults+=" forbidden-sockets"; fi
doorward drill --quick --keep --folder /var/drill --gateway /usr/local/bin/in-a-scope $(printf -- '--fault %s ' $faults) \
    > /run/drill 2> /run/drill.log
drilled=$?
sed 's/^/drill: /' /run/drill
check "the drill holds for $faults, each vendor in its leaf" is $drilled 0
check "who leaks is ended by its leaf's bound of memory" grep -q '^leak *out_of_memory' /run/drill
leafless() { grep -rqs 'layer="cgroup"' /var/drill; }
check "no vendor of the drill is without a leaf" is "$(leafless && echo some)" ""
[ $drilled = 0 ] || sed 's/^/drill said: /' /run/drill.log | tail -20
echo "--- log"
tail -60 $log

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
systemctl start mosquitto doorward
connected() { [ "$(grep -c 'connected to the broker' $log)" -ge "${1:-1}" ]; }
check "the gateway as a service reaches its broker by name" wait_for connected 1

core=$(systemctl show -P MainPID doorward)
vendor() { tr ' ' '\n' < "/proc/$core/task/$core/children" | head -1; }
pid=$(vendor)
group=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
leaf=/sys/fs/cgroup$group
check "the core is in a leaf of its own" is "$(sed -n 's/^0:://p' "/proc/$core/cgroup")" /system.slice/doorward.service/core
check "the vendor's process is in its leaf" is "$group" /system.slice/doorward.service/vendor-front
check "memory.max is 48 MiB" is "$(cat "$leaf/memory.max")" 50331648
check "memory.swap.max is 0, where the kernel swaps" is "$(cat "$leaf/memory.swap.max" 2>/dev/null || echo 0)" 0
check "pids.max is 32" is "$(cat "$leaf/pids.max")" 32
check "cpu.max is half a processor" is "$(cat "$leaf/cpu.max")" "50000 100000"
status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
check "seccomp filters its calls" is "$(status Seccomp)" 2
check "it gains no privileges" is "$(status NoNewPrivs)" 1
check "it has no capabilities" is "$(status CapEff)" 0000000000000000
check "its environment has nothing of the core's" is "$(tr '\0' '\n' < "/proc/$pid/environ" | grep -vc '^RUST_LOG=')" 0
check "the core is not dumpable" is "$(stat -c %u "/proc/$core/environ")" 0
check "seccomp filters the core's calls" is "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$core/status")" 2

# The same process, seen by check; on 6.1 the rules on ports and signals are missing, and it says so.
doorward --config /etc/doorward check > /run/check 2>&1
sed -nE 's/^ok   sandbox: ([a-z_]+): (.*)/\1 | in force | \2/p; s/^BAD  sandbox: ([a-z_]+): (.*)/\1 | not in force | \2/p' /run/check > /run/layers
grep -v '^cgroup ' /run/layers | sed 's/^/layer: /'
sed -n 's/.*cgroup.*detail="\([^"]*\)".*/layer: cgroup | not in force | \1/p' $log | head -1
grep -q 'layer="cgroup"' $log || echo "layer: cgroup | in force | told by the running gateway"
layer() { grep -q "^$1 | $2 |" /run/layers; }
check "Landlock keeps files from it" layer landlock_files "in force"
check "check says that this kernel has no rules on ports" layer landlock_tcp "not in force"
check "check says that this kernel has no rules on signals" layer landlock_scope "not in force"
check "seccomp is in force" layer seccomp "in force"
tries() { env -i /usr/local/bin/doorward-vendor probe --probe "$@" 2>/dev/null; }
errno() { tries --attempt "$1" | grep -o '"errno":[0-9]*' | cut -d: -f2; }
check "a file that is not its own cannot be read" is "$(errno read:/etc/shadow)" 13
check "a file cannot be written" is "$(errno write:/run/new)" 1
check "no program can be run" is "$(errno execute:/bin/true)" 1
check "no process can be made" is "$(errno fork)" 1
tries --attempt trace
check "who looks into another process is ended" is $? 159
echo "not run: rules on TCP ports and on signals, which this kernel lacks"

# No translator leaks: so the bound is lowered to less than it has.
echo 262144 > "$leaf/memory.max"
{ printf '{"contact":true,"x":"'; head -c 900000 /dev/zero | tr '\0' x; printf '"}'; } |
    mosquitto_pub -t zigbee2mqtt/front_door -s
ended() { grep -q 'cause="out_of_memory"' $log; }
check "one that needs more memory than it may (256 KiB by now) is ended; cause out_of_memory" wait_for ended
check "the next life has its whole bound again, and its broker" wait_for connected 2
pid=$(vendor)
check "its leaf is a new one" is "$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/memory.max")" 50331648
check "the core went on" is "$(systemctl show -P MainPID doorward)" "$core"
systemctl stop doorward
check "it stops in order" is "$(systemctl show -P Result doorward)" success

# What does not hang on an emulated processor's speed or on rules for ports, which this kernel lacks.
faults="leak fork-bomb abort malformed-frame"
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

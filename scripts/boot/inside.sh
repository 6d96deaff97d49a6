#!/usr/bin/env bash
# inside.sh TURN: what is checked inside a booted Debian; each line says what held, failed or was
# not run.
set -uo pipefail
cd /boot-proof
export DEBIAN_FRONTEND=noninteractive
config=/etc/doorward
broker=/etc/mosquitto/doorward

check() { # WORDS COMMAND...
    local words=$1
    shift
    if "$@"; then echo "held: $words"; else echo "FAILED: $words"; fi
}
wait_for() { # COMMAND...
    for _ in $(seq 300); do
        "$@" && return 0
        read -rt 0.2 <> <(:) || true
    done
    return 1
}
is() { [ "$1" = "$2" ]; }
show() { systemctl show -P "$1" doorward; }
runs() { [ "$(show ActiveState)" = active ]; }
says() { [[ "$(show StatusText)" == *"$1"* ]]; }
queue() { doorward queue --json; }
waiting() { queue | grep -o '"waiting":[0-9]*' | head -1 | cut -d: -f2; }
journal() { doorward journal stats --json | grep -o '"journal_id":"[^"]*"' | head -1; }
has_event() { doorward events --limit 500 --json | grep -q "$1"; }
tells() { mosquitto_pub -t zigbee2mqtt/front_door -m "{\"contact\":$1,\"last_seen\":\"$(date -u +%FT%T.%3NZ)\"}" -q 1; }
contact() { tells "$1"; has_event '"entry.position_changed"'; }
other_core() { local now; now=$(show MainPID); [ "$now" != 0 ] && [ "$now" != "$1" ] && runs; }
figures() { exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && grep -q '^doorward_up' <&3; }
still_waits() { [ "$(waiting)" -ge "$1" ]; }
# With a configuration of setup's own, and the one before put back.
# A configuration by setup in place of the one here, until it is put back.
set_up() {
    mv $config config.before
    mkdir -m 750 $config
    chgrp doorward $config
    doorward setup --instance gw-boot --tenant acme --bus standalone --vendor house=zigbee2mqtt \
        --broker localhost:8883 > setup.log 2>&1
}
put_back() {
    rm -rf $config
    mv config.before $config
}
keys() {
    [ -e /etc/mosquitto/conf.d/doorward.conf ] &&
        [ "$(stat -c %U:%a $config/tls/doorward-house.key)" = doorward:600 ] &&
        runuser -u nobody -g doorward -- test ! -r $config/tls/doorward-house.key &&
        runuser -u doorward -- test -r $config/tls/doorward-house.key
}
# The broker's certificate comes to the last month of its life.
due() {
    openssl req -new -key $broker/server.key -subj /CN=localhost -out due.csr
    : > due.index
    echo 1000 > due.serial
    cat > due.cnf <<'CNF'
[ca]
default_ca = this
[this]
database = due.index
serial = due.serial
new_certs_dir = .
default_md = sha256
policy = policy
x509_extensions = server
[policy]
commonName = supplied
[server]
subjectAltName = DNS:localhost
extendedKeyUsage = serverAuth
CNF
    openssl ca -batch -notext -config due.cnf -cert $config/tls/ca.pem -keyfile $config/tls/ca.key \
        -in due.csr -out due.pem -startdate 20250101000000Z \
        -enddate "$(date -u -d '+30 days' +%Y%m%d%H%M%SZ)"
    cat due.pem > $broker/server.pem
}
# What the timer starts signs it anew, and has the broker read it, which runs on.
renews() {
    due > due.log 2>&1 || return 1
    systemctl restart mosquitto
    local running
    running=$(systemctl show -P MainPID mosquitto)
    openssl x509 -checkend $((40 * 86400)) -noout -in $broker/server.pem > /dev/null && return 1
    systemctl start doorward-renew-broker.service || return 1
    openssl x509 -checkend $((9 * 365 * 86400)) -noout -in $broker/server.pem > /dev/null &&
        journalctl -u doorward-renew-broker | grep -q 'reloaded *mosquitto' &&
        [ "$(systemctl show -P MainPID mosquitto)" = "$running" ]
}
missing_layers() { journalctl -u doorward | sed -n '/core is not restricted/{s/.* layer="\([a-z_]*\)".*/\1/;p}' | sort -u; }
install_package() { dpkg -i "$1" > dpkg.log 2>&1; }

configure() {
    cat > $config/doorward.toml <<'TOML'
[gateway]
instance = "gw-boot"
tenant = "acme"
test = true
[bus]
kind = "eventbridge"
name = "doors"
region = "eu-central-1"
endpoint_url = "http://127.0.0.1:9"
[[entry]]
id = "front"
roles = { position = "front:0x00000000000000d0" }
TOML
    cat > $config/vendors.d/front.toml <<'TOML'
ecosystem = "zigbee2mqtt"
[mqtt]
host = "localhost"
port = 1883
[[endpoint]]
id = "0x00000000000000d0"
address = "front_door"
TOML
}

# From nothing to purged.
whole() {
    find / -xdev -not -path '/proc*' -not -path '/boot-proof*' | sort > before
    systemctl stop mosquitto
    echo "systemd: $(systemctl --version | head -1)"
    echo "kernel: $(uname -r)"
    echo "figure: $(getconf GNU_LIBC_VERSION)"
    begun=$(date +%s%3N)
    check "the package installs with no network and no broker" install_package doorward_1.deb
    check "it runs when dpkg returns (Type=notify: READY=1)" runs
    echo "figure: from dpkg -i to READY: $(($(date +%s%3N) - begun)) ms"
    check "it is enabled for the next boot" systemctl is-enabled --quiet doorward
    check "its state in one line" says "0 of 0 up"
    check "its user has no shell" is "$(getent passwd doorward | cut -d: -f7)" /usr/sbin/nologin
    check "/etc/doorward is root's, and doorward's to read" is "$(stat -c %U:%G:%a $config)" root:doorward:750
    check "the state is its own" is "$(stat -c %U:%G:%a /var/lib/doorward)" doorward:doorward:700
    check "the socket is the group's" is "$(stat -c %U:%G:%a /run/doorward/doorward.sock)" doorward:doorward:660
    check "credentials that are not there keep nothing from starting" is "$(ls /etc/doorward/credentials)" ""
    exposure=$(systemd-analyze security --no-pager doorward 2>/dev/null | sed -n 's/.*Overall exposure level for doorward.service: \([0-9.]*\).*/\1/p')
    echo "figure: systemd-analyze security: $exposure"
    check "exposure is at most 2.0" awk "BEGIN { exit !($exposure <= 2.0) }"
    check "the manual is there" test -e /usr/share/man/man1/doorward-check.1.gz
    check "check runs" bash -c 'doorward check > check.log 2>&1'

    configure
    (umask 077 && echo "root's own" > $config/credentials/device.key)
    # The instance is new, and counts from the next start on.
    check "restarts with a configuration" systemctl restart doorward
    handed=/run/credentials/doorward.service/device.key
    check "what root alone keeps is handed to it" is "$(cat $handed)" "root's own"
    check "and its user may read it" runuser -u doorward -- test -r $handed
    check "and nobody else" bash -c "! runuser -u nobody -g doorward -- test -r $handed"
    rm $config/credentials/device.key
    check "a vendor without its broker keeps nothing from being ready" runs
    systemctl start mosquitto
    check "its state has the vendor" wait_for says "1 of 1 up"
    core=$(show MainPID)
    vendor=$(tr ' ' '\n' < "/proc/$core/task/$core/children" | head -1)
    check "the core is in a leaf of its own" is "$(sed -n 's/^0:://p' "/proc/$core/cgroup" | grep -o '[^/]*/[^/]*$')" doorward.service/core
    if grep -q memory /sys/fs/cgroup/cgroup.controllers; then
        check "the vendor's process is in its leaf" is "$(sed -n 's/^0:://p' "/proc/$vendor/cgroup" | grep -o '[^/]*/[^/]*$')" doorward.service/vendor-front
        check "which bounds its memory" is "$(cat "/sys/fs/cgroup/system.slice/doorward.service/vendor-front/memory.max")" 50331648
    else
        echo "not run: the vendor's process in a leaf of its own: this machine hands no controllers of version 2 into the root (see sandbox-vm.md)"
    fi
    check "it may write to no other control group" bash -c "! nsenter -t $core -m touch /sys/fs/cgroup/system.slice/x 2>/dev/null"
    check "the vendor's calls are filtered, on top of the service's" is "$(sed -n 's/^Seccomp:[[:space:]]*//p' "/proc/$vendor/status")" 2
    check "no layer of the core is missing" is "$(missing_layers)" ""
    check "an MQTT message becomes an event, from a broker found by its name" wait_for contact false
    contact true

    echo "# changed" >> $config/vendors.d/front.toml
    sed -i 's/^\[mqtt\]/[mqtt]\nclient_id = "other"/' $config/vendors.d/front.toml
    cp $config/vendors.d/front.toml good.toml
    check "systemctl reload takes a good configuration" systemctl reload doorward
    echo 'broken = [' >> $config/vendors.d/front.toml
    check "systemctl reload fails with a bad one" bash -c '! systemctl reload doorward 2>/dev/null'
    check "and the old one goes on" is "$(show MainPID)" "$core"
    cp good.toml $config/vendors.d/front.toml
    kill -HUP "$core"
    check "SIGHUP reloads too, and it is ready afterwards" wait_for runs

    kill -KILL "$core"
    check "kill -9: it is started again" wait_for other_core "$core"
    check "and told as unclean" wait_for has_event '"previous_stop":"unclean"'
    core=$(show MainPID)

    mkdir -p /run/systemd/system/doorward.service.d
    printf '[Service]\nWatchdogSec=6\nTimeoutAbortSec=3\n' > /run/systemd/system/doorward.service.d/soon.conf
    systemctl daemon-reload
    systemctl restart doorward
    core=$(show MainPID)
    read -rt 20 <> <(:) || true
    check "it is fed for longer than the watchdog waits, with nothing to do" is "$(show MainPID)" "$core"
    kill -STOP "$core"
    check "a core that stands still is started again by the watchdog" wait_for other_core "$core"
    check "and that is why" bash -c 'journalctl -u doorward | grep -qi "watchdog timeout"'
    rm -r /run/systemd/system/doorward.service.d
    systemctl daemon-reload
    systemctl restart doorward
    check "its vendor comes back" wait_for says "1 of 1 up"

    check "the timer of what is to be renewed runs with it" systemctl is-active --quiet doorward-renew.timer
    check "what it starts ends well where nothing is to be renewed" systemctl start doorward-renew.service
    check "the figures' service and the timer can be switched on" \
        systemctl enable --now doorward-metrics.service doorward-renew.timer
    check "the figures are served" wait_for figures
    check "to a user that is not the gateway's" bash -c \
        '! ps -o user= -p "$(systemctl show -P MainPID doorward-metrics)" | grep -qx "doorward\|root"'
    figures_of=$(systemctl show -P MainPID doorward-metrics)

    tells false
    tells true
    read -rt 2 <> <(:) || true
    before=$(waiting)
    id=$(journal)
    mark=$(sha256sum $config/doorward.toml)
    core=$(show MainPID)
    check "events wait, since the bus is away" test "$before" -gt 0
    check "the new version installs over the old" install_package doorward_2.deb
    check "and runs" wait_for other_core "$core"
    check "its figures are served by the new one" bash -c \
        "test \"\$(systemctl show -P MainPID doorward-metrics)\" != $figures_of"
    check "and are there" wait_for figures
    check "its journal is the same" is "$(journal)" "$id"
    check "what waited still waits ($before events)" test "$(waiting)" -ge "$before"
    check "its configuration is as it was" is "$(sha256sum $config/doorward.toml)" "$mark"
    check "remove keeps the state and the configuration" bash -c 'dpkg -r doorward > dpkg.log 2>&1 && test -e /var/lib/doorward/journal.db && test -e /etc/doorward/doorward.toml'
    check "nothing of it runs any more" bash -c '! pgrep -x doorward'
    check "the package installs again" install_package doorward_2.deb
    check "what waited still waits after that" test "$(waiting)" -ge "$before"
    check "the version before is installed over it" install_package doorward_1.deb
    check "it runs again" wait_for runs
    check "and what waited still waits" wait_for still_waits "$before"
    check "setup is done" set_up
    check "it writes the broker's settings, and keys for the gateway's user alone" keys
    check "the broker's certificate is renewed by what the timer starts, and read without a restart" renews
    put_back
    check "purge" bash -c 'dpkg -P doorward > dpkg.log 2>&1'
    check "no user and no group is left" bash -c '! getent passwd doorward && ! getent group doorward doorward-operator'
    find / -xdev -not -path '/proc*' -not -path '/boot-proof*' | sort > after
    comm -13 before after | grep -i doorward > left
    check "no file of that name is left" test ! -s left
    sed 's/^/left: /' left
    check "nothing is left in /run" bash -c '! find /run -name "*doorward*" | grep -v /run/credentials | grep -q .'
    check "the service is not known any more" bash -c '! systemctl cat doorward 2>/dev/null'
}

# What a cut of power is to fall into; it never ends by itself.
begin() {
    case $1 in
        install) while :; do dpkg -i doorward_1.deb; dpkg -P doorward; done ;;
        upgrade)
            install_package doorward_1.deb
            configure
            systemctl restart doorward
            touch ready
            while :; do dpkg -i doorward_2.deb; dpkg -i doorward_1.deb; done ;;
        operation)
            install_package doorward_1.deb
            configure
            systemctl restart doorward mosquitto
            touch ready
            while :; do tells false; tells true; done ;;
    esac
}

# After it.
recover() {
    # Cut while it replaced files, it asks for the package again, and changes nothing before.
    check "$1: dpkg can be finished, or asks for the package again" bash -c \
        'dpkg --configure -a > configure.log 2>&1 || grep -q "reinstall it before attempting configuration" configure.log'
    if [ "$1" = install ] || ! dpkg-query -W -f '${Status}' doorward 2>/dev/null | grep -q '^install ok installed'; then
        check "$1: the package installs" install_package doorward_1.deb
    fi
    check "$1: it runs" wait_for runs
    check "$1: the journal is whole" bash -c 'doorward journal verify > verify.log 2>&1'
    if [ "$1" = operation ]; then
        check "$1: it has its vendor" wait_for says "1 of 1 up"
        check "$1: events from before the cut are there" test "$(waiting)" -gt 1
    fi
}

case $1 in
    whole) whole ;;
    begin-*) begin "${1#begin-}" ;;
    recover-*) recover "${1#recover-}" ;;
esac
echo "--- log"
journalctl -u doorward --no-pager | tail -60

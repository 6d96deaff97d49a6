#!/usr/bin/env bash
# inside.sh: types the guide's blocks inside the booted Debian, then does what its part on the cloud
# says, with the emulator's address and key.
set -euo pipefail
cd /root
export DEBIAN_FRONTEND=noninteractive TERM=dumb
sudo() { if [ "$1" = -u ]; then runuser -u "$2" -- "${@:3}"; else "$@"; fi; }
began=$(date +%s.%N)
echo "began $began"
since() { awk -v b="$began" -v n="$(date +%s.%N)" 'BEGIN { printf "%.1f\n", n - b }'; }

block=
step=0
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
        "step "*) step=${line#step }; block= ;;
        took)
            echo "+ $block"
            eval "$block"
            echo "took $step $(since)"
            ;;
        *) block+=$line$'\n' ;;
    esac
done < /trial/blocks

endpoint=$(cat /trial/endpoint)
sed -i "s|^kind = \"standalone\"|kind = \"eventbridge\"\nname = \"doors\"\nregion = \"eu-central-1\"\nendpoint_url = \"$endpoint\"|" \
    /etc/doorward/doorward.toml
mkdir -p /etc/systemd/system/doorward.service.d
printf '[Service]\nEnvironment=AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true\n' \
    > /etc/systemd/system/doorward.service.d/emulator.conf
systemctl daemon-reload
systemctl restart doorward

tls=/etc/doorward/tls
says() { # TOPIC MESSAGE OPTIONS...
    mosquitto_pub -h localhost -p 8883 --cafile "$tls/ca.pem" --cert "$tls/devices/house.pem" \
        --key "$tls/devices/house.key" -q 1 -t "$1" -m "$2" "${@:3}"
}
says zigbee2mqtt/bridge/devices "$(cat /trial/inventory)" -r
for turn in $(seq 120); do
    says zigbee2mqtt/front_door_contact \
        "{\"contact\":$([ $((turn % 2)) = 0 ] && echo true || echo false),\"last_seen\":\"$(date -u +%FT%T.%3NZ)\"}"
    ! grep -q entry.position_changed /trial/arrived 2>/dev/null || break
    sleep 0.5
done
doorward doors
doorward queue
echo "all was typed"

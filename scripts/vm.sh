#!/usr/bin/env bash
# vm.sh: the sandbox under a booted systemd with cgroup v2 and Debian's own kernel (6.1: Landlock
# without rules on ports), in a virtual machine without KVM. Writes docs/evidence/sandbox-vm.md.
# Needs apt and root (a root file system is made); some minutes, ten the first time.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"

say() { echo "vm: $*"; }
[ "$(id -u)" = 0 ] || { say "needs root" >&2; exit 1; }

place=target/vm
binary=${DOORWARD:-target/debug/doorward}
evidence=docs/evidence/sandbox-vm.md
packages=systemd,systemd-sysv,dbus,kmod,procps,mosquitto,mosquitto-clients
mkdir -p "$place"

missing=()
command -v debootstrap >/dev/null || missing+=(debootstrap)
command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
command -v mke2fs >/dev/null || missing+=(e2fsprogs)
if [ ${#missing[@]} -gt 0 ]; then
    say "installing ${missing[*]}"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

[ -x "$binary" ] || cargo build --workspace --bins

if [ ! -e "$place/vmlinuz" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -1)
    say "the kernel: $package"
    (cd "$place" && apt-get download -q "$package" && dpkg-deb -x "$package"_*.deb kernel)
    mv "$place"/kernel/boot/vmlinuz-* "$place/vmlinuz"
    rm -rf "$place/kernel" "$place"/*.deb
fi

if [ ! -e "$place/root/made" ]; then
    say "the root file system"
    rm -rf "$place/root"
    debootstrap --variant=minbase --include="$packages" bookworm "$place/root" > "$place/debootstrap.log"
    touch "$place/root/made"
fi

root=$place/root
install -D -m 755 "$binary" "$root/usr/local/bin/doorward"
install -D -m 755 "$binary-vendor" "$root/usr/local/bin/doorward-vendor"
install -D -m 755 scripts/vm/inside.sh "$root/usr/local/sbin/inside.sh"
install -D -m 755 scripts/vm/in-a-scope.sh "$root/usr/local/bin/in-a-scope"
install -D -m 644 scripts/vm/doorward.service "$root/etc/systemd/system/doorward.service"
install -D -m 644 scripts/vm/inside.service "$root/etc/systemd/system/inside.service"
install -D -m 644 scripts/vm/doorward.toml "$root/etc/doorward/doorward.toml"
install -D -m 644 scripts/vm/front.toml "$root/etc/doorward/vendors.d/front.toml"
echo doorward-vm > "$root/etc/hostname"
printf '127.0.0.1 localhost doorward-vm\n::1 localhost\n' > "$root/etc/hosts"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../inside.service "$root/etc/systemd/system/multi-user.target.wants/inside.service"
rm -rf "$root/result" "$root/var/lib/private" "$root/var/lib/doorward"

say "the disk"
rm -f "$place/disk.img"
mke2fs -q -t ext4 -d "$root" "$place/disk.img" 1G

# KVM where it works, and the slow way where it does not.
run=(timeout 1800 qemu-system-x86_64 -m 768 -smp 2 -nographic -no-reboot -nodefaults -serial stdio
    -kernel "$place/vmlinuz"
    -drive "file=$place/disk.img,if=none,id=d0,format=raw" -device nvme,drive=d0,serial=d
    -append "console=ttyS0 root=/dev/nvme0n1 rw init=/lib/systemd/systemd quiet panic=-1 systemd.mask=serial-getty@ttyS0.service")
say "booting"
"${run[@]}" -accel tcg,thread=multi -cpu max > "$place/console.log" 2>&1 < /dev/null || true

debugfs -R "dump /result $place/result" "$place/disk.img" 2>/dev/null
[ -s "$place/result" ] || { say "no result; see $place/console.log" >&2; tail -20 "$place/console.log" >&2; exit 1; }

held=$(grep -c '^held: ' "$place/result" || true)
failed=$(grep -c '^FAILED: ' "$place/result" || true)
{
    echo "# The sandbox in a virtual machine"
    echo
    echo "Written by \`make vm\`: Debian bookworm with systemd and its own kernel, the gateway as a service with \`Delegate=yes\`, Mosquitto beside it; qemu without KVM."
    echo
    echo "- Date: $(date -u +%F)"
    echo "- Commit: $(git rev-parse --short HEAD)$(git diff --quiet HEAD -- src crates Cargo.toml || echo ', with changes')"
    echo "- Kernel: $(sed -n 's/^kernel: //p' "$place/result")"
    echo "- Checks: $held held, $failed failed"
    echo
    echo '```'
    grep -E '^(held|FAILED|not run): ' "$place/result"
    echo '```'
    echo
    echo "The layers, as \`doorward check\` tells them there; that of the control group by the gateway's log:"
    echo
    echo '```'
    sed -n 's/^layer: //p' "$place/result"
    echo '```'
    echo
    echo "Some faults of the drill (\`doorward drill --quick\`), each vendor in its leaf. What stopped each counts; an emulated processor's latencies say nothing of a real one's:"
    echo
    echo '```'
    sed -n 's/^drill: //p' "$place/result"
    echo '```'
} > "$evidence"
say "$held held, $failed failed; see $evidence"
[ "$failed" = 0 ]

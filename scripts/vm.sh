#!/usr/bin/env bash
# vm.sh [x86_64|arm64]: the sandbox under a booted systemd with cgroup v2 and one of Debian's own
# kernels, in a virtual machine without KVM; without a name: x86_64. Writes its section of
# docs/evidence/sandbox-vm.md. Needs apt and root (a root file system is made), on x86-64; some
# minutes, ten the first time.
#
#   KERNEL=SUITE     whose kernel; otherwise bookworm's (6.1: Landlock without rules on ports).
#                    bookworm-backports has one with rules on ports and signals
#   DOORWARD=FILE    the program, beside which doorward-vendor lies; otherwise target/debug/doorward,
#                    and for arm64 target/cross/arm64/doorward (cross/build.sh arm64)
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"
. scripts/debian.sh
. cross/archive.sh

say() { echo "vm: $*"; }
help() { sed -n '2,/^set/s/^# \{0,1\}//p' scripts/vm.sh; }
target=${1:-x86_64}
case $target in
    x86_64)
        debian=amd64 binary=target/debug/doorward console=ttyS0
        machine=(qemu-system-x86_64 -cpu max) emulator=qemu-system-x86
        # Two ports that are one line: what is written to ttyS1 comes at ttyS2.
        serial=(-chardev "socket,id=near,path=target/vm/line,server=on,wait=off"
            -chardev "socket,id=far,path=target/vm/line"
            -device isa-serial,chardev=near,index=1 -device isa-serial,chardev=far,index=2) ;;
    arm64)
        debian=arm64 binary=target/cross/arm64/doorward console=ttyAMA0
        # As a Raspberry Pi 4 has it.
        machine=(qemu-system-aarch64 -machine virt -cpu cortex-a72) emulator=qemu-system-arm serial=() ;;
    -h | --help) help; exit ;;
    *) help >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { say "needs root" >&2; exit 1; }

suite=bookworm
place=target/vm
binary=${DOORWARD:-$binary}
kernel=${KERNEL:-$suite}
evidence=docs/evidence/sandbox-vm.md
packages=systemd,systemd-sysv,dbus,kmod,procps,mosquitto,mosquitto-clients
mkdir -p "$place"

install_missing debootstrap=debootstrap "${machine[0]}=$emulator" mke2fs=e2fsprogs

if [ ! -x "$binary" ]; then
    [ "$binary" = target/debug/doorward ] || { say "no $binary: make release TARGETS=$target" >&2; exit 1; }
    cargo build --workspace --bins
fi

image=$place/vmlinuz-$debian-$kernel
if [ ! -e "$image" ]; then
    say "the kernel of $kernel for $debian"
    (
        archive "$place/apt" "$debian" "$kernel"
        cd "$place/apt/debs"
        apt-get download -q "$(apt-cache depends "linux-image-cloud-$debian" | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -1)"
        dpkg-deb -x linux-image-*.deb kernel
    )
    mv "$place"/apt/debs/kernel/boot/vmlinuz-* "$image"
    rm -rf "$place/apt"
fi

root=$place/root
bootstrap "$suite" "$packages" "$root"
if [ "$debian" != amd64 ]; then
    # What setting up a package leaves behind is the same on every processor. So nothing has to run:
    # the files of each package are laid over those of this machine's.
    own=$root
    root=$place/root-$debian
    if [ ! -e "$root/exchanged" ]; then
        say "its packages for $debian"
        rm -rf "$root"
        cp -a "$own" "$root"
        rm -rf "$root"/usr/lib/x86_64-linux-gnu "$root"/usr/lib64/* "$root/etc/ld.so.cache"
        mapfile -t names < <(dpkg-query --admindir="$own/var/lib/dpkg" -W -f '${Architecture} ${Package}\n' | sed -n 's/^amd64 //p')
        (archive "$place/apt" "$debian" "$suite" && cd "$place/apt/debs" && apt-get download -q "${names[@]}")
        for package in "$place"/apt/debs/*.deb; do
            dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink --no-overwrite-dir -C "$root"
        done
        rm -rf "$place/apt"
        touch "$root/exchanged"
    fi
fi

install -D -m 755 "$binary" "$root/usr/bin/doorward"
install -D -m 755 "$binary-vendor" "$root/usr/bin/doorward-vendor"
install -D -m 755 scripts/vm/inside.sh "$root/usr/local/sbin/inside.sh"
install -D -m 755 scripts/vm/in-a-scope.sh "$root/usr/local/bin/in-a-scope"
# The unit as it is shipped, and what this proof wants beside it.
rm -f "$root/etc/systemd/system/doorward.service" "$root"/usr/local/bin/doorward{,-vendor}
install -D -m 644 systemd/doorward.service "$root/usr/lib/systemd/system/doorward.service"
install -D -m 644 systemd/doorward.sysusers "$root/usr/lib/sysusers.d/doorward.conf"
install -D -m 644 systemd/doorward.tmpfiles "$root/usr/lib/tmpfiles.d/doorward.conf"
install -D -m 644 scripts/vm/proof.conf "$root/etc/systemd/system/doorward.service.d/proof.conf"
install -D -m 644 scripts/vm/inside.service "$root/etc/systemd/system/inside.service"
install -D -m 644 scripts/vm/doorward.toml "$root/etc/doorward/doorward.toml"
install -D -m 644 scripts/vm/front.toml "$root/etc/doorward/vendors.d/front.toml"
rm -f "$root/etc/doorward/vendors.d/board.toml"
[ -z "${serial[*]}" ] || install -m 644 scripts/vm/board.toml "$root/etc/doorward/vendors.d/board.toml"
echo doorward-vm > "$root/etc/hostname"
printf '127.0.0.1 localhost doorward-vm\n::1 localhost\n' > "$root/etc/hosts"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../inside.service "$root/etc/systemd/system/multi-user.target.wants/inside.service"
rm -rf "$root/result" "$root/var/lib/private" "$root/var/lib/doorward"

say "the disk"
disk=$place/disk-$debian.img
rm -f "$disk"
mke2fs -q -t ext4 -d "$root" "$disk" 1G

# KVM would do for this machine's own processor alone, and is often not there: the slow way for all.
result=$place/result-$debian-$kernel
log=$place/console-$debian-$kernel.log
say "booting"
timeout 2700 "${machine[@]}" -accel tcg,thread=multi -m 768 -smp 2 -nographic -no-reboot -nodefaults -serial stdio \
    "${serial[@]}" -kernel "$image" -drive "file=$disk,if=none,id=d0,format=raw" -device nvme,drive=d0,serial=d \
    -append "console=$console root=/dev/nvme0n1 rw init=/lib/systemd/systemd quiet panic=-1 systemd.mask=serial-getty@$console.service" \
    > "$log" 2>&1 < /dev/null || true

debugfs -R "dump /result $result" "$disk" 2>/dev/null
[ -s "$result" ] || { say "no result; see $log" >&2; tail -20 "$log" >&2; exit 1; }

tally "$result"
[ -e "$evidence" ] || cat > "$evidence" <<'HEAD'
# The sandbox in a virtual machine

Written by `make vm`, a section for each processor and kernel: Debian bookworm with systemd and one of Debian's kernels, the gateway as the service that is shipped (`systemd/doorward.service`), Mosquitto beside it; qemu without KVM.
HEAD
{
    echo "- Date: $(date -u +%F)"
    echo "- Commit: $(git rev-parse --short HEAD)$(git diff --quiet HEAD -- src crates Cargo.toml || echo ', with changes')"
    echo "- Command: \`${KERNEL:+KERNEL=$KERNEL }scripts/vm.sh $target\`, with $binary of $(date -u -r "$binary" '+%F %H:%M')"
    echo "- Kernel: $(sed -n 's/^kernel: //p' "$result")"
    echo "- Checks: $held held, $failed failed"
    echo
    echo '```'
    grep -E '^(held|FAILED|not run): ' "$result"
    echo '```'
    echo
    echo "The layers, as \`doorward check\` tells them there; that of the control group by the gateway's log:"
    echo
    echo '```'
    sed -n 's/^layer: //p' "$result"
    echo '```'
    echo
    echo "Some faults of the drill (\`doorward drill --quick\`), each vendor in its leaf. What stopped each counts; an emulated processor's latencies say nothing of a real one's:"
    echo
    echo '```'
    sed -n 's/^drill: //p' "$result"
    echo '```'
} | section "$evidence" "$target, kernel of $kernel"
say "$held held, $failed failed; see $evidence"
[ "$failed" = 0 ]

# What each target is called, and where its parts lie. Sourced by the scripts beside it.

targets="arm64 armv7 x86_64"
place=${CROSS_DIR:-target/cross}
# What is linked against: Debian 11, glibc 2.31, as Raspberry Pi OS of 2021 has it.
oldest=2.31
suite=bullseye

say() { echo "cross: $*"; }
fail() { echo "cross: $*" >&2; exit 1; }

# names TARGET: sets `triple` (Rust's), `gnu` (the C compiler's), `debian` (a package's), `emulator`.
names() {
    case $1 in
        arm64) triple=aarch64-unknown-linux-gnu gnu=aarch64-linux-gnu debian=arm64 emulator=qemu-aarch64-static ;;
        armv7) triple=armv7-unknown-linux-gnueabihf gnu=arm-linux-gnueabihf debian=armhf emulator=qemu-arm-static ;;
        x86_64) triple=x86_64-unknown-linux-gnu gnu=x86_64-linux-gnu debian=amd64 emulator= ;;
        *) fail "no target $1; there are: $targets" ;;
    esac
    sysroot=$place/sysroot-$debian
}

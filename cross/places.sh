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
    sysroot=$(realpath --canonicalize-missing "$place/sysroot-$debian")
}

# cargo_for FLAGS ARGUMENT…: cargo for what `names` told: links with FLAGS, runs what is ARM's emulated.
cargo_for() {
    local flags=$1 upper=${triple^^} lower=${triple//-/_} settings
    upper=CARGO_TARGET_${upper//-/_}
    shift
    settings=("${upper}_LINKER=$(cd "$place" && pwd)/$debian-gcc" "${upper}_RUSTFLAGS=$flags")
    [ -z "$emulator" ] || settings+=("${upper}_RUNNER=$emulator -L $sysroot")
    env "${settings[@]}" "CC_$lower=$gnu-gcc" "AR_$lower=$gnu-ar" CARGO_TARGET_DIR="$place/build" cargo "$@"
}

# starter PROGRAM INTO: a small program of this machine that starts PROGRAM with the emulator. It
# stands where others start ARM's program by its path, which to this machine is none.
starter() {
    local source
    source=$(mktemp --suffix=.c)
    cat > "$source" <<C
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char **all = calloc(argc + 4, sizeof *all);
    all[0] = "$(command -v "$emulator")";
    all[1] = "-L";
    all[2] = "$sysroot";
    all[3] = "$(realpath "$1")";
    for (int i = 1; i < argc; i++) all[i + 3] = argv[i];
    return execv(all[0], all);
}
C
    gcc -O1 -o "$2" "$source"
    rm "$source"
}

#!/usr/bin/env bash
# tests.sh [arm64|armv7]…: builds the core's tests for ARM and runs them under qemu-user, with this
# machine's broker and bus emulator. Without names: both. Says of each what passed, what failed, and
# what was not run and why: that an emulator lacks something proves nothing about a controller.
#
#   KILLS=N   kills of core and vendor process under load; otherwise 60
#   SLOW=N    how many times longer than here they let the gateway live; otherwise 20
#   CUTS=N    simulated power cuts of the journal; otherwise 300
#   CASES=N   random cases of a property; otherwise 32
#   ONLY=SET  of these tests only this set, as nextest writes it
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"
export DOORWARD_PYTHON=$PWD/.venv/bin/python
export DOORWARD_SLOW=${SLOW:-20} DOORWARD_KILLS=${KILLS:-60} DOORWARD_CUTS=${CUTS:-300} PROPTEST_CASES=${CASES:-32}
. cross/places.sh

# The core: journal, decisions, translators, events, and what its proofs stand on.
packages=(doorward doorward-events doorward-powercut doorward-system-clock doorward-translators)
core='package(doorward-events) | package(doorward-powercut) | package(doorward-system-clock)
    | package(doorward-translators) | (package(doorward) & (kind(lib) | binary(journal) | binary(sim)))
    | (binary(real) & test(/^kill::/))'
# What of these packages is built.
built_of=(--lib --bins)
for test in journal sim real publisher statements subscriber suite durability recording conformance 'modbus_*' 'profile_*' 'zigbee2mqtt_*'; do
    built_of+=(--test "$test")
done
# What is left out of it, each with its reason.
beyond=(
    'qemu-user makes up /proc/self/stat: test(=supervisor::share::tests::the_times_of_a_process_are_read_whatever_its_name)'
    'it starts its own program, which this machine cannot run without the emulator: test(=second_process::when_another_process_has_the_journal_then_it_is_in_use)'
)

[ $# -gt 0 ] || set -- arm64 armv7
cross/tools.sh "$@"
scripts/tools.sh

# What the tests are built with: unwinding stays, since a test that fails does that.
lld=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld
flags="-C link-arg=-B$lld -C link-arg=-fuse-ld=lld"
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0

failed=0
for target in "$@"; do
    names "$target"
    [ -n "$emulator" ] || fail "the tests of $target are run by make test"
    cross/sysroot.sh "$target"
    work=$place/tests-$target
    rm -rf "$work"
    mkdir -p "$work/vendor"
    say "building the tests for $target"
    cargo_for "$flags" nextest list --target "$triple" --locked "${packages[@]/#/--package=}" "${built_of[@]}" \
        --list-type binaries-only --message-format json > "$work/binaries.json"
    cargo metadata --locked --format-version 1 > "$work/cargo.json"
    # The tests start the core by its path, and the core its vendors by theirs.
    built=$place/build/$triple/debug
    cp "$built/doorward" "$work/doorward"
    cp "$built/doorward-vendor" "$work/vendor/doorward-vendor"
    rm "$built/doorward" "$built/doorward-vendor"
    starter "$work/vendor/doorward-vendor" "$work/doorward-vendor"
    starter "$work/vendor/doorward-vendor" "$built/doorward-vendor"
    starter "$work/doorward" "$built/doorward"
    # What hangs is ended.
    printf '[profile.default]\nslow-timeout = { period = "60s", terminate-after = 20 }\n' > "$work/nextest.toml"
    nextest() { # COMMAND ARGUMENT…
        cargo_for "$flags" nextest "$1" --binaries-metadata "$work/binaries.json" \
            --cargo-metadata "$work/cargo.json" --tool-config-file "doorward:$(realpath "$work")/nextest.toml" "${@:2}"
    }
    filter="($core)${ONLY:+ & ($ONLY)}"
    for part in "${beyond[@]}"; do
        reason=${part%%: *}
        nextest list --list-type full --message-format oneline -E "($core) & (${part#*: })" 2>/dev/null |
            sed "s|^|not run: $target: $reason: |"
        filter+=" - (${part#*: })"
    done
    nextest run --no-fail-fast --status-level fail --final-status-level fail -E "$filter" 2>&1 |
        tee "$work/log" || failed=1
    sed -n "s/^ *Summary \[ *\([0-9.]*\)s\] \([0-9]* tests* run: .*\), .* skipped/figure: $target: \2 in \1 s/p" "$work/log"
done
exit "$failed"

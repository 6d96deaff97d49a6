#!/usr/bin/env bash
# soak.sh: the loops that are too long for `make test`, in pieces, resumable.
#
#   SOAK_KILLS    kill -9 cycles of core and vendor process under load   (10000)
#   SOAK_PIECE    cycles per piece                                       (500)
#   SOAK_MOVES    moves of a gate on a serial line in trouble, in pieces of 25   (1000)
#   SOAK_FUZZ_S   seconds of fuzzing per target; 0 leaves fuzzing out    (600)
#
# A piece that is done is not done again for the same commit: stop at any time, start again to go
# on. The result is written to docs/evidence/.
set -euo pipefail
cd "$(dirname "$0")/.."

kills=${SOAK_KILLS:-10000}
piece=${SOAK_PIECE:-500}
fuzz=${SOAK_FUZZ_S:-600}
moves=${SOAK_MOVES:-1000}
commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain -- src crates schemas tests)" ] || commit="$commit with changes"
done_folder="target/soak/${commit// /-}"
mkdir -p "$done_folder" docs/evidence
machine="$(nproc) CPUs, $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), $(uname -srm)"

head_of() {
    printf '# %s\n\n| what | value |\n| --- | --- |\n| date | %s |\n| commit | %s |\n| machine | %s |\n| command | `%s` |\n' \
        "$1" "$(date -u +%F)" "$commit" "$machine" "$2"
}

echo "soak: building"
cargo test --locked --test real --no-run
pieces=$(((kills + piece - 1) / piece))
for number in $(seq "$pieces"); do
    log=$done_folder/kill-$number
    if [ ! -f "$log.done" ]; then
        echo "soak: kills, piece $number of $pieces"
        DOORWARD_KILLS=$piece cargo test --locked --test real kill:: -- --nocapture >"$log" 2>&1 || {
            tail -40 "$log" >&2
            echo "soak: piece $number failed; its log is $log" >&2
            exit 1
        }
        mv "$log" "$log.done"
    fi
done
if [ "$pieces" -gt 0 ]; then
    {
        head_of "kill -9 of core and vendor process under load" "SOAK_KILLS=$kills SOAK_PIECE=$piece make soak"
        printf '\nEvery act that the broker had acknowledged to its device arrived once after deduplication by\n`id`, in sequence per entry, and the journal had no gap. One line a piece; a failing piece\nstops the run.\n\n'
        for number in $(seq "$pieces"); do
            grep -E '^(seed [0-9]+|[0-9]+ kills of the core)' "$done_folder/kill-$number.done" | paste -sd' ' | sed 's/^/- /'
        done
    } >docs/evidence/kill.md
    echo "soak: docs/evidence/kill.md is written"
fi

of_line=$(((moves + 24) / 25))
for number in $(seq "$of_line"); do
    log=$done_folder/serial-$number
    if [ ! -f "$log.done" ]; then
        echo "soak: moves on a serial line, piece $number of $of_line"
        DOORWARD_SERIAL_MOVES=25 cargo test --locked --test real serial_load:: -- --nocapture >"$log" 2>&1 || {
            tail -40 "$log" >&2
            echo "soak: piece $number failed; its log is $log" >&2
            exit 1
        }
        mv "$log" "$log.done"
    fi
done
if [ "$of_line" -gt 0 ]; then
    {
        head_of "A serial line in trouble beside a busy broker" "SOAK_MOVES=$moves make soak"
        printf '\nTwo pymodbus boards on a pseudo-terminal; a gate that moves while the line has garbage, wrong\nchecksums, a dead or refusing sibling, a relay left on, silence, or is unplugged; 20 doors on\nzigbee2mqtt at 2,000 acts/s meanwhile. Every move was told in order, each step of it but where the\nline was gone or silent; every act over the broker was told once; no relay was switched on.\n\n'
        for number in $(seq "$of_line"); do
            grep -E '^(seed [0-9]+|[0-9]+ moves,)' "$done_folder/serial-$number.done" | paste -sd' ' | sed 's/^/- /'
        done
    } >docs/evidence/serial.md
    echo "soak: docs/evidence/serial.md is written"
fi

[ "$fuzz" -gt 0 ] || exit 0
command -v cargo-fuzz >/dev/null || cargo install --locked --root .tools cargo-fuzz
export PATH=$PWD/.tools/bin:$PATH RUSTC_BOOTSTRAP=1
for target in crates/translators:zigbee2mqtt crates/translators:modbus .:link_frame; do
    folder=${target%%:*} name=${target##*:}
    log=$done_folder/fuzz-$name
    if [ ! -f "$log.done" ]; then
        echo "soak: fuzzing $name for $fuzz s"
        corpus=$(mktemp -d)
        cp "$folder/fuzz/corpus/$name/"* "$corpus/"
        (cd "$folder" && cargo fuzz run "$name" "$corpus" -- -max_total_time="$fuzz") >"$log" 2>&1 || {
            tail -40 "$log" >&2
            exit 1
        }
        rm -rf "$corpus"
        mv "$log" "$log.done"
    fi
done
{
    head_of "Fuzzing" "SOAK_FUZZ_S=$fuzz make soak"
    printf '\nNo crash, no broken invariant, under the address sanitizer.\n\n'
    for name in zigbee2mqtt modbus link_frame; do
        printf -- '- %s: %s\n' "$name" "$(grep -E '^Done [0-9]+ runs' "$done_folder/fuzz-$name.done")"
    done
} >docs/evidence/fuzz.md
echo "soak: docs/evidence/fuzz.md is written"

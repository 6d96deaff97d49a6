#!/usr/bin/env bash
# soak.sh: the loops that are too long for `make test`, in pieces, resumable.
#
#   SOAK_KILLS    kill -9 cycles of core and vendor process under load                   (10000)
#   SOAK_CUTS     simulated power cuts of the journal                                    (10000)
#   SOAK_ACCESS   kill -9 of the core in the middle of an unlock                          (2000)
#   SOAK_UNLOCKS  simulated power cuts in the middle of unlocks                           (5000)
#   SOAK_MOVES    moves of a gate on a serial line in trouble                            (1000)
#   SOAK_STALL_S  seconds for which the disk does not answer; 0 leaves the disk out      (120)
#   SOAK_FUZZ_S   seconds of fuzzing per target; 0 leaves fuzzing out                    (600)
#   SOAK_DRILL    rounds of the drill, on a release build and a machine at rest             (20)
#   SOAK_CERTS_S  seconds that a certificate lives, of which three are renewed under load (120)
#   SOAK_PIECE    kills in a piece                                                       (500)
#
# A piece that is done is not done again for the same commit: stop at any time, start again to go
# on. 0 leaves a part out. The results are written to docs/evidence/.
set -euo pipefail
cd "$(dirname "$0")/.."

kills=${SOAK_KILLS:-10000}
cuts=${SOAK_CUTS:-10000}
access=${SOAK_ACCESS:-2000}
unlocks=${SOAK_UNLOCKS:-5000}
moves=${SOAK_MOVES:-1000}
stall=${SOAK_STALL_S:-120}
fuzz=${SOAK_FUZZ_S:-600}
drill=${SOAK_DRILL:-20}
certs=${SOAK_CERTS_S:-120}
piece=${SOAK_PIECE:-500}
commit=$(git rev-parse --short HEAD)
[ -z "$(git status --porcelain -- src crates schemas tests)" ] || commit="$commit with changes"
done_folder="target/soak/${commit// /-}"
mkdir -p "$done_folder" docs/evidence
machine="$(nproc) CPUs, $(awk '/MemTotal/ {printf "%.0f GiB", $2 / 1048576}' /proc/meminfo), $(uname -s) $(uname -r | cut -d- -f1) $(uname -m)"

head_of() {
    printf '# %s\n\n| what | value |\n| --- | --- |\n| date | %s |\n| commit | %s |\n| machine | %s |\n| command | `%s` |\n\n' \
        "$1" "$(date -u +%F)" "$commit" "$machine" "$2"
}

# once LOG COMMAND...: runs the command unless its log says that it was done.
once() {
    local log=$1
    shift
    [ ! -f "$log.done" ] || return 0
    "$@" >"$log" 2>&1 || {
        tail -40 "$log" >&2
        echo "soak: failed; the log is $log" >&2
        exit 1
    }
    mv "$log" "$log.done"
}

# pieces NAME TOTAL SIZE VARIABLE TARGET FILTER: the tests that FILTER names, SIZE at a time.
pieces() {
    local name=$1 total=$2 size=$3 variable=$4 target=$5 filter=$6 number count
    count=$(((total + size - 1) / size))
    for number in $(seq "$count"); do
        echo "soak: $name, piece $number of $count"
        once "$done_folder/$name-$number" \
            env "$variable=$size" cargo test --locked --workspace --test "$target" "$filter" -- --nocapture
    done
}

# lines NAME PATTERN: what the pieces of NAME printed, a line a piece.
lines() {
    local log
    for log in $(printf '%s\n' "$done_folder/$1"-*.done | sort -V); do
        grep -E "$2" "$log" | paste -sd' ' | sed 's/^/- /'
    done
}

echo "soak: building"
cargo test --locked --workspace --test real --test journal --no-run

if [ "$cuts" -gt 0 ]; then
    pieces cuts "$cuts" 2500 DOORWARD_CUTS journal cut_
    {
        head_of "Power cuts of the journal" "SOAK_CUTS=$cuts make soak"
        printf 'The real journal over a storage layer that loses, reorders and tears what was not synced\n(`crates/powercut`). Whatever was acknowledged before a cut is there after it, byte for byte; what\nwas under way is there whole or not at all; the journal opens and goes on.\n\n'
        printf 'Cuts in a line: `cuts`, of which `second` are cuts of what a first one had left; `lossy` lost\nsomething, `torn` tore something, `ahead`: something not yet acknowledged was there; `events`: those\nthat were there again.\n\n'
        grep -hE '^(power|cut_[a-z]+)::[a-z_]+: seed' "$done_folder"/cuts-*.done | sort | sed 's/^/- /'
    } >docs/evidence/cuts.md
    echo "soak: docs/evidence/cuts.md is written"
fi

if [ "$kills" -gt 0 ]; then
    pieces kill "$kills" "$piece" DOORWARD_KILLS real kill::
    {
        head_of "kill -9 of core and vendor process under load" "SOAK_KILLS=$kills SOAK_PIECE=$piece make soak"
        printf 'Every act that the broker had acknowledged to its device arrived once after deduplication by\n`id`, in sequence per entry; an id always came with the same bytes, and the journal had no gap. One\nline a piece; a failing piece stops the run.\n\n'
        lines kill '^(seed [0-9]+|[0-9]+ kills of the core)'
    } >docs/evidence/kill.md
    echo "soak: docs/evidence/kill.md is written"
fi

if [ "$access" -gt 0 ]; then
    pieces access "$access" 250 DOORWARD_ACCESS_KILLS real access::killed::
    {
        head_of "kill -9 in the middle of an unlock" "SOAK_ACCESS=$access make soak"
        printf 'The lock counts. No request was decided twice, none carried out twice, none without its intent in\nthe journal, and each command has an end. A request that was cut off before its decision was\ndurable is decided when it comes again.\n\n'
        lines access '^seed [0-9]+: [0-9]+ kills'
    } >docs/evidence/access.md
    echo "soak: docs/evidence/access.md is written"
fi

if [ "$unlocks" -gt 0 ]; then
    pieces unlocks "$unlocks" 1000 DOORWARD_ACCESS_CUTS journal access::the_power
    {
        head_of "Power cuts in the middle of unlocks" "SOAK_UNLOCKS=$unlocks make soak"
        printf 'The real state machine over the real journal, over a storage layer that loses, reorders and tears\nwhat was not synced; a lock that counts. After each cut everything that was ever asked comes again:\nno request is carried out twice, none after its deadline, none without its outcome in the journal; no\ngrant is used oftener than it says, and what was used stays used.\n\n'
        printf 'In a line: `cuts`, of which `second` are cuts of what a first one had left; `lossy` lost something;\n`before`: orders that had left before the cuts; `after`: those that left after, for requests that came\nagain in time; `denied`, `restored`: requests denied and uses given back in the lives that were cut.\n\n'
        lines unlocks '^access::[a-z_]+: seed'
    } >docs/evidence/unlocks.md
    echo "soak: docs/evidence/unlocks.md is written"
fi

if [ "$certs" -gt 0 ]; then
    pieces renewals "$certs" "$certs" DOORWARD_CERT_LIFE_S real identity::three_renewals
    {
        head_of "Three renewals under load" "SOAK_CERTS_S=$certs make soak"
        printf 'The gateway with its own certificate, exchanged for keys of the bus, and a vendor with its own at\nthe broker. Each is renewed three times when two thirds of its life are over, while devices act. The\ncore went on; each new certificate was used; every act arrived once.\n\n'
        lines renewals '^certificates of [0-9]+ s'
    } >docs/evidence/renewals.md
    echo "soak: docs/evidence/renewals.md is written"
fi

if [ "$stall" -gt 0 ]; then
    pieces disk "$stall" "$stall" DOORWARD_STALL_S real disk::
    {
        head_of "A disk that does not answer" "SOAK_STALL_S=$stall make soak"
        printf 'Under load, below the real binary: nothing is acknowledged meanwhile, the same processes live, it\nis told, and everything arrives once afterwards.\n\n'
        lines disk '^test .* ok$'
    } >docs/evidence/disk.md
    echo "soak: docs/evidence/disk.md is written"
fi

if [ "$moves" -gt 0 ]; then
    pieces serial "$moves" 25 DOORWARD_SERIAL_MOVES real serial_load::
    {
        head_of "A serial line in trouble beside a busy broker" "SOAK_MOVES=$moves make soak"
        printf 'Two pymodbus boards on a pseudo-terminal; a gate that moves while the line has garbage, wrong\nchecksums, a dead or refusing sibling, a relay left on, silence, or is unplugged; 20 doors on\nzigbee2mqtt at 2,000 acts/s meanwhile. Every move was told in order, each step of it but where the\nline was gone or silent; every act over the broker was told once; no relay was switched on.\n\n'
        lines serial '^(seed [0-9]+|[0-9]+ moves,)'
    } >docs/evidence/serial.md
    echo "soak: docs/evidence/serial.md is written"
fi

if [ "$drill" -gt 0 ]; then
    cargo build --locked --release --workspace --bin doorward --bin doorward-vendor
    echo "soak: $drill rounds of the drill; what is done of them is in $done_folder/drill.jsonl"
    drilled=0
    # In memory, where a shared disk's stalls hide nothing.
    in_memory=$(mktemp -d /dev/shm/doorward-drill-XXXXXX)
    target/release/doorward drill --rounds "$drill" --record "$done_folder/drill.jsonl" --folder "$in_memory" \
        >"$done_folder/drill.txt" 2>"$done_folder/drill.log" || drilled=$?
    rm -rf "$in_memory"
    [ "$drilled" -le 1 ] || {
        tail -40 "$done_folder/drill.log" >&2
        exit 1
    }
    {
        machine="$(uname -s) $(uname -r | cut -d. -f1,2) $(uname -m)" \
            head_of "One vendor goes wrong, and what the others notice" "SOAK_DRILL=$drill make soak"
        printf '`doorward drill --rounds %s --folder …`, a release build, all files in memory. What the columns mean: `docs/operations.md`.\n\n' "$drill"
        printf '```\n'
        cat "$done_folder/drill.txt"
        printf '```\n'
    } >docs/evidence/drill.md
    echo "soak: docs/evidence/drill.md is written"
    [ "$drilled" -eq 0 ] || echo "soak: the drill does not hold; docs/evidence/drill.md says where" >&2
fi

[ "$fuzz" -gt 0 ] || exit 0
command -v cargo-fuzz >/dev/null || cargo install --locked --root .tools cargo-fuzz
export PATH=$PWD/.tools/bin:$PATH RUSTC_BOOTSTRAP=1
fuzz_one() {
    local folder=$1 name=$2 corpus
    corpus=$(mktemp -d)
    cp "$folder/fuzz/corpus/$name/"* "$corpus/"
    (cd "$folder" && cargo fuzz run "$name" "$corpus" -- -max_total_time="$fuzz")
    rm -rf "$corpus"
}
for target in crates/translators:zigbee2mqtt crates/translators:modbus .:link_frame; do
    echo "soak: fuzzing ${target##*:} for $fuzz s"
    once "$done_folder/fuzz-${target##*:}" fuzz_one "${target%%:*}" "${target##*:}"
done
{
    head_of "Fuzzing" "SOAK_FUZZ_S=$fuzz make soak"
    printf 'No crash, no broken invariant, under the address sanitizer.\n\n'
    for name in zigbee2mqtt modbus link_frame; do
        printf -- '- %s: %s\n' "$name" "$(grep -E '^Done [0-9]+ runs' "$done_folder/fuzz-$name.done")"
    done
} >docs/evidence/fuzz.md
echo "soak: docs/evidence/fuzz.md is written"

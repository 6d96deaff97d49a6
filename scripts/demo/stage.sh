#!/usr/bin/env bash
# stage.sh: what the story of scripts/demo.sh stands on; sourced by it. Parts are processes in the
# background, each with a log in $work; they end with the story, whatever becomes of it.
# shellcheck disable=SC2034,SC2154 # what only the story uses, what it sets

pace=${DEMO_PACE:-0.8}
# What a terminal's user may do, nobody else: the story goes on by itself and checks itself.
interactive=yes
if [ ! -t 0 ] || [ ! -t 1 ] || [ -n "${CI:-}" ] || [ -n "${DEMO_HEADLESS:-}" ]; then
    interactive=
    pace=${DEMO_PACE:-0}
fi
bold='' faint='' plain='' width=170
if [ -t 1 ]; then
    # A narrower terminal breaks the lines of events, which says more than cutting them.
    columns=$(tput cols 2>/dev/null || echo 0)
    [ "$columns" -le "$width" ] || width=$columns
    [ -n "${NO_COLOR:-}" ] || bold=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'
fi

work=$(mktemp -d)
python=.venv/bin/python
export DEMO_DOORS=$work/doors
export PYTHONDONTWRITEBYTECODE=1
declare -A pids=()
started=()

# start NAME COMMAND...: starts a part; NAME.log has what it says. STDIN: the file that it reads.
start() {
    local name=$1
    shift
    # It ends with us even if we are killed.
    setpriv --pdeathsig TERM -- "$@" <"${STDIN:-/dev/null}" >>"$work/$name.log" 2>&1 &
    pids[$name]=$!
    started+=("$name")
    # Else bash tells of every part that is killed.
    disown "${pids[$name]}"
}

# runs NAME
runs() { [ -n "${pids[$1]:-}" ] && kill -0 "${pids[$1]}" 2>/dev/null; }

# end NAME [SIGNAL]: ends a part, and waits until it has; by force after 5 s.
end() {
    local name=$1 signal=${2:-TERM} tries=0
    [ -n "${pids[$name]:-}" ] || return 0
    kill "-$signal" "${pids[$name]}" 2>/dev/null || true
    while runs "$name"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || kill -KILL "${pids[$name]}" 2>/dev/null || true
        sleep 0.05
    done
    unset "pids[$name]"
}

# Ends everything, the last one first, and removes what there was.
clean() {
    local index
    for ((index = ${#started[@]} - 1; index >= 0; index--)); do
        end "${started[index]}"
    done
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

fail() {
    local log
    printf '\n' >&2
    for log in "$work"/*.log; do
        if [ -s "$log" ]; then
            printf -- '--- the last lines of %s\n' "${log##*/}" >&2
            tail -n 15 "$log" >&2
        fi
    done
    printf '\nFAILED in step %s after %s s: %s\n' "$step" "$SECONDS" "$*" >&2
    exit 1
}

step=0
part() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
say() {
    sleep "$pace"
    step=$((step + 1))
    printf '\n%s%2d.%s ' "$bold" "$step" "$plain"
    printf '%s\n' "$*" | fold -s -w 92 | sed 's/ *$//; 2,$s/^/    /'
}
# Output of a command that explains itself.
show() { sed -u -E "s/^/    /; s/^(.{$((width - 4))}).+/\1 .../"; }

# until_true SECONDS WHAT COMMAND...: waits for a condition.
until_true() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt "$until" ] || fail "$what"
        sleep 0.05
    done
}

# act WORDS: operates a door, as anybody can from another terminal.
act() {
    local told
    told=$(scripts/demo/door "$@" 2>&1) || fail "door $*: $told"
    printf '%s    > door %s: %s%s\n' "$faint" "$*" "$told" "$plain"
}
doors_there() { scripts/demo/door show >/dev/null 2>&1; }

doorward() { timeout 15 "$binary" --config "$work/config" "$@"; }
answers() { doorward queue >/dev/null 2>&1; }
all_delivered() { doorward queue --json 2>/dev/null | grep -q '"waiting":0,'; }

# The last sequence in the journal.
sequence() { doorward queue --json | grep -o '"slot":[0-9]*' | head -n 1 | cut -d : -f 2; }

# has TYPE TEXT...: whether an event of this type with all these texts came since the last mark.
since=0
mark() { since=$(sequence); }
has() {
    local found text
    found=$(doorward events --json --after "$since" --limit 1000 --type "$1" 2>/dev/null) || return 1
    shift
    for text in "$@"; do
        found=$(grep -F -- "$text" <<<"$found") || return 1
    done
    [ -n "$found" ]
}
# expect TYPE TEXT...: such an event comes. PATIENCE: seconds.
expect() { until_true "${PATIENCE:-10}" "no $1 with $(printf '%s ' "${@:2}")came" has "$@"; }

start_gateway() {
    start gateway env AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo \
        AWS_EC2_METADATA_DISABLED=true RUST_LOG=info,doorward::gateway::access=debug "$binary" --config "$work/config" run
    until_true 15 "the gateway does not answer" answers
}

# follow SEQUENCE: prints the events after that one, and goes on as they happen.
follow() {
    "$binary" --config "$work/config" events --follow --after "$1" </dev/null \
        > >(show) 2>/dev/null &
    pids[follower]=$!
    started+=(follower)
    disown "${pids[follower]}"
}

# command_of PROCESS: its words; nothing of one that has ended, though nobody waited for it.
command_of() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" || true; }

# vendor_process NAME: the process id of a vendor's process, nothing while there is none.
vendor_process() {
    local process children=()
    mapfile -t children < <(grep -lsE "^PPid:[[:space:]]${pids[gateway]}\$" /proc/[0-9]*/status)
    for process in "${children[@]//[!0-9]/}"; do
        if command_of "$process" 2>/dev/null | grep -q "doorward-vendor $1 "; then
            echo "$process"
        fi
    done
}

# What the scripts share that boot a Debian: its tools, its root, its part of the evidence. Sourced by
# them.

# install_missing COMMAND=PACKAGE…: installs what has a command that is not there.
install_missing() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" > /dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# bootstrap SUITE PACKAGES ROOT: a fresh Debian in ROOT, unless there is one.
bootstrap() {
    [ ! -e "$3/made" ] || return 0
    say "a fresh Debian: $1"
    rm -rf "$3"
    debootstrap --variant=minbase --include="$2" "$1" "$3" > "$3.log"
    touch "$3/made"
}

# tally RESULT: sets `held` and `failed`.
tally() {
    held=$(grep -c '^held: ' "$1" || true)
    failed=$(grep -c '^FAILED: ' "$1" || true)
}

# section FILE HEADING: what it reads is FILE's section of that heading from here on.
section() {
    local new
    new=$(mktemp)
    { echo "## $2"; echo; cat; } > "$new"
    awk -v heading="## $2" -v new="$new" '
        function put(line) { while ((getline line < new) > 0) print line; done = 1 }
        /^## / { if (skips) print ""; skips = $0 == heading; if (skips) put() }
        !skips { print }
        END { if (!done) { print ""; put() } }' "$1" > "$new.whole"
    cat "$new.whole" > "$1"
    rm "$new" "$new.whole"
}

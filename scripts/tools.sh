#!/usr/bin/env bash
# tools.sh [demo]: installs what the tests need and this machine lacks, and says so; with `demo`
# only what the demo needs. Needs Debian or Ubuntu (apt) with a Rust toolchain; root or sudo only
# where a package is missing. Fast when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:/usr/sbin"

say() { echo "tools: $*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "cannot run '$*': neither root nor sudo" >&2
        exit 1
    fi
}

missing=()
# need COMMAND PACKAGES REASON
need() {
    if ! command -v "$1" >/dev/null; then
        say "installing $2: $3"
        local packages
        read -ra packages <<<"$2"
        missing+=("${packages[@]}")
    fi
}

need mosquitto mosquitto "the broker of the integration tests"
need mosquitto_pub mosquitto-clients "its command line, for scripts/broker-facts.sh"
need openssl openssl "test certificates"
need curl curl "scripts that ask HTTP services"
need cc "gcc libc6-dev" "SQLite and the crypto provider are C"
need make make "this Makefile"
need pkg-config pkg-config "C libraries of build scripts"
[ "${1:-}" = demo ] || need node "nodejs npm" "the TypeScript bindings and their tests"
need python3 python3 "the bus emulator and the boards of the integration tests"
if command -v python3 >/dev/null && ! python3 -c 'import ensurepip' 2>/dev/null; then
    say "installing python3-venv: an environment of its own for the tests' peers"
    missing+=(python3-venv)
elif ! command -v python3 >/dev/null; then
    missing+=(python3-venv)
fi
install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || { say "no apt-get here: install ${missing[*]} by hand" >&2; exit 1; }
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
    # Debian starts a broker with the package; the tests start their own on ports of their own.
    missing=()
}
install_missing

if ! command -v cargo >/dev/null; then
    say "no cargo: install Rust 1.95 or later first" >&2
    exit 1
fi

# The stamp holds the requirements that the environment was made from.
if ! cmp -s scripts/requirements.txt .venv/requirements; then
    say "making .venv with the tests' peers (scripts/requirements.txt)"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r scripts/requirements.txt
    cp scripts/requirements.txt .venv/requirements
fi

[ "${1:-}" != demo ] || exit 0

# As with .venv: the stamp holds the lock file that the folder was made from.
if ! cmp -s bindings/typescript/package-lock.json bindings/typescript/node_modules/lock; then
    command -v npm >/dev/null || { say "node without npm: install npm" >&2; exit 1; }
    say "installing what the tests of the TypeScript bindings need (bindings/typescript/package-lock.json)"
    npm ci --prefix bindings/typescript --ignore-scripts --no-audit --no-fund --loglevel=error
    cp bindings/typescript/package-lock.json bindings/typescript/node_modules/lock
fi
# The schema catalogue is looked at in a real browser; the shell of one is enough.
command -v chromium >/dev/null ||
    need chromium-headless-shell chromium-headless-shell "the browser that opens the schema catalogue"
need node nodejs "reads what doorward-schema exports"
need npm npm "installs its packages"
install_missing

# npm_packages FOLDER REASON: what its lock file names, into .tools; the stamp is that file.
npm_packages() {
    local into=.tools/${1##*/}
    if ! cmp -s "$1/package-lock.json" "$into/installed"; then
        say "fetching npm packages into $into: $2"
        rm -rf "$into"
        mkdir -p "$into"
        cp "$1/package.json" "$1/package-lock.json" "$into/"
        (cd "$into" && npm ci --ignore-scripts --no-audit --no-fund --silent)
        cp "$1/package-lock.json" "$into/installed"
    fi
}

npm_packages crates/schema-tool/tests/asyncapi "reads the exported AsyncAPI document"

# The tests let a real Prometheus read the figures. Unpacked, not installed: its service stays out.
if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
    say "fetching prometheus into .tools: reads the figures, and tries the alerts"
    mkdir -p .tools/bin
    unpacked=$(mktemp -d)
    as_root apt-get update -q
    (cd "$unpacked" && apt-get download -q prometheus 2>/dev/null && dpkg-deb -x prometheus_*.deb .)
    mv "$unpacked"/usr/bin/prometheus "$unpacked"/usr/bin/promtool .tools/bin/
    rm -rf "$unpacked"
fi

# cargo_tool COMMAND CRATE VERSION REASON
cargo_tool() {
    if ! command -v "$1" >/dev/null; then
        say "building $2 $3 into .tools: $4 (takes some minutes, once)"
        # Not optimised: built in half the time, and quick enough for what they do here.
        CARGO_PROFILE_DEV_DEBUG=0 cargo install --debug --locked --root .tools --version "$3" "$2"
    fi
}

cargo_tool cargo-nextest cargo-nextest 0.9.143 "runs the tests, each in a process of its own"
cargo_tool cargo-deny cargo-deny 0.20.2 "checks the dependencies' licences and sources"

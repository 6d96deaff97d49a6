# Debian's signed archive through an apt state of its own: this machine's sources and architectures
# stay as they are. Sourced by who unpacks packages of another architecture or suite.

# archive FOLDER ARCHITECTURE SUITE…: apt uses a state in FOLDER from here on; FOLDER/debs is for
# what is downloaded.
archive() {
    local folder architecture=$2 suite keys=/usr/share/keyrings/debian-archive-keyring.gpg
    local mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
    [ -e "$keys" ] || { echo "the keys of Debian's archive are missing: apt install debian-archive-keyring" >&2; return 1; }
    rm -rf "$1"
    mkdir -p "$1"/{lists/partial,cache/archives/partial,debs,parts}
    folder=$(cd "$1" && pwd)
    shift 2
    : > "$folder/status"
    for suite in "$@"; do
        echo "deb [arch=$architecture signed-by=$keys] $mirror $suite main"
    done > "$folder/sources.list"
    cat > "$folder/apt.conf" <<CONF
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "$folder";
Dir::State::lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "$folder/parts";
CONF
    export APT_CONFIG=$folder/apt.conf
    apt-get update -q
}

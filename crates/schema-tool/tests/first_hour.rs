//! `docs/first-hour.md`, typed as it stands there, in a repository of its own.
//!
//! What a reader does in two terminals is done by one shell. The gateway's binary is the one beside
//! the tool's; pip finds what it would fetch in the tests' own environment.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its parts too")]

mod copied;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use copied::copy;

/// How long all of it may take, in seconds.
const PATIENCE: &str = "240";

/// What stands for the first terminal: the sandbox there is ended, and the next one awaited.
const FIRST_TERMINAL: &str = r#"
set -euo pipefail
sandbox=
end() { [ -z "$sandbox" ] || { kill "$sandbox" 2>/dev/null || true; wait "$sandbox" || true; }; }
trap end EXIT
first_terminal() {
    end
    rm -f sandbox.log
    "$@" >sandbox.log 2>&1 &
    sandbox=$!
    until grep -q 'The sandbox is up' sandbox.log; do
        kill -0 "$sandbox" || { cat sandbox.log; exit 1; }
        sleep 0.05
    done
}
"#;

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where the tests' own Python has its packages.
fn packages() -> String {
    let python = doorward_emulator::python();
    let asked = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
    let output = Command::new(python).args(["-c", asked]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The blocks marked `sh` as one script.
fn script(port: u16) -> String {
    let text = fs::read_to_string(ours().join("docs/first-hour.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let tool = Path::new(env!("CARGO_BIN_EXE_doorward-schema")).parent().unwrap();
    let typed: String = blocks.map(|(block, _)| block).collect();
    let typed = typed
        .replace("make tools build\n", "")
        .replace("$PWD/target/debug", &tool.display().to_string())
        .replace("\ndoorward-schema sandbox ", "\nfirst_terminal doorward-schema sandbox ")
        .replace("4599", &port.to_string());
    format!("{FIRST_TERMINAL}\n{typed}\necho every command was run\n")
}

#[test]
fn the_first_hour_goes_as_it_is_written() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("doorward");
    for part in ["schemas", "subscriptions"] {
        copy(&ours().join(part), &place.join(part));
    }
    let typed = home.path().join("typed.sh");
    fs::write(&typed, script(doorward_emulator::free_port())).unwrap();
    let output = Command::new("timeout")
        .args([PATIENCE, "bash", "-x"])
        .arg(&typed)
        .current_dir(&place)
        .env("HOME", home.path())
        .env("PYTHONPATH", packages())
        .env("PIP_NO_INDEX", "1")
        .env("PIP_NO_BUILD_ISOLATION", "0")
        .env("DOORWARD_PYTHON", doorward_emulator::python())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = format!("{out}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.ends_with("every command was run\n"), "{all}");
    for (line, times) in [
        ("denied at front-door because of not_authorized", 1),
        ("secured: front-door after grant ", 2),
        ("accepted ", 2),
    ] {
        let found = out.lines().filter(|told| told.starts_with(line)).count();
        assert_eq!(found, times, "{line}: {all}");
    }
}

//! The commands of a page below `docs/`, typed as they stand there, in a repository of its own.
//!
//! What a reader does in two terminals is done by one shell. The gateway's binary is the one beside
//! the tool's; pip finds what it would fetch in the tests' own environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::copied::copy;

/// How long all of a page may take, in seconds.
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

/// The blocks of a page in a language, without the indent of a list that they stand in.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(ours().join("docs").join(page)).unwrap();
    let begins = format!("```{language}");
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() != begins {
            continue;
        }
        let indent = " ".repeat(line.len() - begins.len());
        let block = lines.by_ref().take_while(|line| line.trim_start() != "```");
        let block = block.map(|line| line.strip_prefix(&indent).unwrap_or(line));
        blocks.push(block.map(|line| format!("{line}\n")).collect());
    }
    blocks
}

/// Who types: a home of their own, and in it a repository that holds what ours does.
pub struct Reader {
    home: tempfile::TempDir,
    pub place: PathBuf,
}

impl Reader {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("doorward");
        for part in ["schemas", "subscriptions"] {
            copy(&ours().join(part), &place.join(part));
        }
        Self { home, place }
    }

    /// Types it all, every command of which must succeed; what was printed.
    pub fn types(&self, text: &str) -> String {
        let tool = Path::new(env!("CARGO_BIN_EXE_doorward-schema")).parent().unwrap();
        let text = text
            .replace("make tools build\n", "")
            .replace("$PWD/target/debug", &tool.display().to_string())
            .replace("\ndoorward-schema sandbox ", "\nfirst_terminal doorward-schema sandbox ")
            .replace("4599", &doorward_emulator::free_port().to_string());
        let typed = self.home.path().join("typed.sh");
        fs::write(&typed, format!("{FIRST_TERMINAL}\n{text}\necho every command was run\n"))
            .unwrap();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("timeout")
            .args([PATIENCE, "bash", "-x"])
            .arg(&typed)
            .current_dir(&self.place)
            .env("HOME", self.home.path())
            .env("PATH", format!("{}:{path}:/usr/sbin", tool.display()))
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
        out
    }
}

/// Where the tests' own Python has its packages.
fn packages() -> String {
    let python = doorward_emulator::python();
    let asked = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
    let output = Command::new(python).args(["-c", asked]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

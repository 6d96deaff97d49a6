//! README's commands, each run as it stands there: a newcomer's home is empty.
//!
//! Every block marked `sh` is run, in order, by one shell that stands for the newcomer's terminal.
//! `make demo` is run without a terminal, with the binary that is there, and asserts its own
//! outcome; `make test` is what runs these tests.

#![expect(clippy::disallowed_methods, reason = "a test waits on its own thread")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the whole of it may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// The blocks marked `sh`, without the marks.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

fn readme() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(file).unwrap()
}

/// What a person does that a script cannot: leaves a command running in another terminal, and
/// looks at one that goes on for ever only for a while.
fn as_done(line: &str) -> String {
    let command = line.split(" #").next().unwrap_or(line).trim_end();
    match command {
        "doorward run" => "doorward run >~/gateway.log 2>&1 & gateway=$!\n\
             for _ in $(seq 200); do doorward queue >/dev/null 2>&1 && break; sleep 0.05; done"
            .to_owned(),
        _ if command.contains(" --follow") => {
            format!("{{ timeout 1 {command} || [ $? = 124 ]; }}")
        }
        // No lock is behind the broker here: it is denied, and says so.
        "doorward unlock front-door" => format!("{{ {command} || [ $? = 3 ]; }}"),
        _ => line.to_owned(),
    }
}

#[test]
fn the_two_commands_of_the_beginning_are_the_makefiles_own() {
    let text = readme();
    let first = blocks(&text);
    assert_eq!(first[0], "make demo\n");
    assert_eq!(first[1], "make test\n");
    let ci = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run"));
    assert!(ci.unwrap().contains("exec make test"));
}

#[test]
fn the_demo_tells_its_story_to_the_end() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("scripts/demo.sh");
    command
        .current_dir(root)
        .env("DEMO_HEADLESS", "1")
        .env("DOORWARD_BIN", env!("CARGO_BIN_EXE_doorward"))
        .stdin(Stdio::null());
    let (done, said) = run(&mut command, None);
    assert!(done && said.contains("missing 0, doubled by id 0"), "{said}");
}

#[test]
fn every_other_command_does_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = tempfile::tempdir().unwrap();
    let mut script = String::from("set -euo pipefail\n");
    script.push_str(
        "trap 'kill $(jobs -p) $(cat ~/gateway/broker.pid 2>/dev/null) 2>/dev/null || true' EXIT\n",
    );
    for block in blocks(&readme()).iter().skip(2) {
        for line in block.replace("\\\n", " ").lines() {
            writeln!(script, "echo '+ {}' >&2", line.replace('\'', "'\\''")).unwrap();
            script.push_str(&as_done(line));
            script.push('\n');
        }
    }
    script.push_str("kill -0 $gateway\necho every command was run\n");
    let cargo_home = std::env::var("CARGO_HOME")
        .unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
    let rustup_home = std::env::var("RUSTUP_HOME")
        .unwrap_or_else(|_| format!("{}/.rustup", std::env::var("HOME").unwrap()));
    let mut shell = Command::new("bash");
    // What the test's runner says to a test is nothing that a newcomer's terminal knows.
    let of_runner = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "NEXTEST"];
    for (name, _) in std::env::vars() {
        if name == "CARGO" || of_runner.iter().any(|beginning| name.starts_with(beginning)) {
            shell.env_remove(name);
        }
    }
    shell
        .current_dir(root)
        .env("HOME", home.path())
        .env("CARGO_HOME", cargo_home)
        .env("RUSTUP_HOME", rustup_home)
        .env_remove("DOORWARD_CONFIG");
    let (done, said) = run(&mut shell, Some(&script));
    assert!(done && said.contains("every command was run"), "{said}");
}

/// Runs it to its end; whether it succeeded, and all that it said.
fn run(command: &mut Command, script: Option<&str>) -> (bool, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    if script.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child =
        command.stdout(log.reopen().unwrap()).stderr(log.reopen().unwrap()).spawn().unwrap();
    if let Some(script) = script {
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    }
    let begun = Instant::now();
    let done = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.success();
        }
        if begun.elapsed() > PATIENCE {
            // Its trap ends what it started.
            Command::new("kill").arg(child.id().to_string()).status().unwrap();
            child.wait().unwrap();
            break false;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    (done, std::fs::read_to_string(log.path()).unwrap())
}

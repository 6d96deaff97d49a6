//! Help, completions, and what is said when there is no gateway.

use std::process::{Command, Stdio};

use crate::gateway::{BINARY, Place, Said};

const COMMANDS: [&str; 22] = [
    "run",
    "check",
    "events",
    "doors",
    "queue",
    "quarantine",
    "journal",
    "adopt",
    "erase",
    "unlock",
    "open",
    "lock",
    "grants",
    "visits",
    "trust",
    "clock",
    "connect",
    "identity",
    "metrics",
    "completions",
    "setup",
    "diagnose",
];
const OF_JOURNAL: [&str; 4] = ["stats", "verify", "export", "import"];
const OF_TRUST: [&str; 5] = ["key", "public", "add", "remove", "show"];

fn bare(arguments: &[&str]) -> Said {
    Said::of(Command::new(BINARY).args(arguments).stdin(Stdio::null()).output().unwrap())
}

fn bare_in(place: &Place, arguments: &[&str]) -> Said {
    let mut command = Command::new(BINARY);
    // An example may write a file.
    command.current_dir(place.path());
    command.env("DOORWARD_CONFIG", place.path()).args(arguments).stdin(Stdio::null());
    Said::of(command.output().unwrap())
}

#[test]
fn every_command_has_help_with_examples_that_parse() {
    let place = Place::new();
    let mut pages = vec![bare(&["--help"])];
    pages.extend(COMMANDS.map(|command| bare(&[command, "--help"])));
    pages.extend(OF_JOURNAL.map(|command| bare(&["journal", command, "--help"])));
    pages.extend(OF_TRUST.map(|command| bare(&["trust", command, "--help"])));
    let mut examples = 0;
    for page in &pages {
        assert_eq!(page.code, Some(0));
        let (_, after) = page.out.split_once("Examples:").expect("examples");
        let after = after.split("\\\n").map(str::trim).collect::<Vec<_>>().join(" ");
        for line in after.lines().filter(|line| line.contains("doorward ")) {
            // Up to the explanation, the pipe or the redirection; without the words before it.
            let line = line.split("   ").find(|part| part.contains("doorward")).unwrap();
            let line = line.split(['|', '>']).next().unwrap();
            let (_, arguments) = line.split_once("doorward").unwrap();
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            examples += 1;
            // These go on until they are stopped.
            if ["run", "--follow", "--listen"].iter().any(|word| arguments.contains(word)) {
                continue;
            }
            // An example may name a folder of its own, which an option before it would forbid.
            let said = bare_in(&place, &arguments);
            assert!(!said.err.contains("Usage"), "{line}: {said:?}");
        }
    }
    assert!(examples >= COMMANDS.len(), "{examples}");
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let said = bare(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{shell}");
        assert!(said.out.contains("quarantine") && said.out.contains("follow"), "{shell}");
    }
    assert_eq!(bare(&["completions", "tcsh"]).code, Some(2));
    let gone = Command::new("bash")
        .args([
            "-c",
            "\"$0\" completions bash | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}",
            BINARY,
        ])
        .output()
        .unwrap();
    assert_eq!(Said::of(gone).out, "0\n");
}

#[test]
fn without_a_gateway_every_question_says_so_and_what_to_do() {
    let place = Place::new();
    for arguments in [
        &["events", "--json"][..],
        &["doors", "--json"],
        &["queue", "--json"],
        &["quarantine", "--json"],
        &["journal", "stats", "--json"],
        &["journal", "verify", "--json"],
        &["journal", "export"],
        &["erase", "--subject", "resident-4711", "--yes"],
    ] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(said.err.contains("no gateway answers on"), "{said:?}");
        assert!(said.err.contains("remedy: start it"), "{said:?}");
    }
    // One that was killed leaves its socket.
    drop(std::os::unix::net::UnixListener::bind(place.socket()).unwrap());
    let said = place.run(&["doors"]);
    assert!(said.err.contains("no gateway answers on"), "{said:?}");
}

#[test]
fn without_a_configuration_it_says_what_is_missing() {
    let said = bare(&["--config", "/nowhere", "doors"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("/nowhere/doorward.toml") && said.err.contains("--config"));
    let said = bare(&["--config", "/nowhere", "run"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("/nowhere/doorward.toml"), "{said:?}");
}

#[test]
fn who_may_not_use_the_socket_is_told_so() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    let _gateway = place.start();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&place.socket(), 0o000);
    let mut command = place.command(&["doors"]);
    if place.run(&["doors"]).code == Some(0) {
        // To root nothing is forbidden: ask as somebody else, with a binary that he may run.
        let binary = place.path().join("doorward");
        std::fs::copy(BINARY, &binary).unwrap();
        mode(place.path(), 0o755);
        command = Command::new(binary);
        command.arg("--config").arg(place.path()).arg("doors").uid(65534).gid(65534);
    }
    let said = Said::of(command.output().unwrap());
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("you may not use") && said.err.contains("remedy"), "{said:?}");
}

//! The arrows of the architecture, and what goes with them, kept by reading the sources.
//!
//! A plain scan of paths, not a compiler: a macro that assembles a path gets past it. Every rule
//! has a test beside it with a sample that breaks it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Which modules a module of the root package may name. One way, downwards.
const ARROWS: &[(&str, &str)] = &[
    (
        "commands",
        "drill gateway supervisor bus identity local health vendor journal config domain \
         link",
    ),
    // A drill stands beside the gateway: it starts one, asks it, and orders its vendors' processes.
    ("drill", "local vendor domain"),
    ("gateway", "supervisor bus identity local health journal config domain link"),
    ("local", "health journal config domain link"),
    ("bus", "identity health journal config domain link"),
    // What the gateway is to the outside is files and their ends; who uses them is above it.
    ("identity", "config domain link"),
    ("supervisor", "health config domain link"),
    ("health", "journal config domain link"),
    // What runs inside a vendor process knows no configuration, journal or bus.
    ("vendor", "domain link"),
    ("journal", "domain link"),
    ("config", "domain link"),
    ("link", "domain"),
    ("domain", ""),
];

/// What pure code never names: I/O, threads of control, clocks, chance.
const IMPURE: &str = "tokio tokio_util std::net std::os std::fs std::io std::process std::env \
    std::thread time::SystemTime time::Instant Timestamp::now Zoned::now Uuid::now_v7 Uuid::new_v4 \
    fastrand rand rusqlite rumqttc rustix aws_*";
const PURE: &[&str] = &["src/domain/", "crates/translators/src/"];

/// What of the schema tool asks AWS, and what is a whole platform on one machine.
const REGISTRY: &str = "crates/schema-tool/src/registry/";
const SCHEMA_SANDBOX: &str = "crates/schema-tool/src/sandbox/";

/// Who starts processes. What a test alone starts is not shipped.
/// `src/identity/renewal.rs` is the command line's alone: the core runs none of it.
const STARTERS: &[&str] = &[
    "src/vendor/",
    "src/supervisor/",
    "src/drill/",
    "src/identity/renewal.rs",
    // systemd is asked for a restart, for the unit's state and log; git for an earlier contract.
    "src/commands/systemd.rs",
    "crates/schema-tool/src/breaking/git.rs",
    // The validators of the other languages, asked beside ours.
    "crates/schema-tool/src/conformance/languages/peer.rs",
    SCHEMA_SANDBOX,
    "crates/emulator/",
    "crates/sandbox/",
];

/// Names that only these places may use. An exit code or the own process id spawns nothing.
const CONFINED: &[(&str, &[&str])] = &[
    ("rusqlite", &["src/journal/", "crates/events/src/subscribe/store/", "crates/powercut/"]),
    ("aws_*", &["src/bus/", "crates/events/", REGISTRY, SCHEMA_SANDBOX]),
    // A drill is the devices and the drill's own broker, and starts both broker and gateway.
    ("rumqttc", &["src/vendor/", "src/drill/", SCHEMA_SANDBOX, "benches/access/", "benches/load/"]),
    // One place makes keys and requests, and one reads certificates. The authority of tests is the
    // emulator's.
    ("rcgen", &["src/identity/", "crates/emulator/"]),
    ("x509_parser", &["src/identity/"]),
    ("process::Command", STARTERS),
    ("process::Child", STARTERS),
    ("process::Stdio", STARTERS),
    (
        "tokio::process",
        &[
            "src/vendor/",
            "src/supervisor/",
            "src/drill/",
            "src/commands/systemd.rs",
            SCHEMA_SANDBOX,
        ],
    ),
    // Ecosystems are opened by name; only their own folders and the list know them.
    ("zigbee2mqtt", &["crates/translators/", "src/link/bounds/tests.rs"]),
    ("modbus", &["crates/translators/"]),
];

/// Names that say nothing about what a module is.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager"];

const LONGEST_FILE: usize = 500;

struct Source {
    /// From the root of the repository.
    path: String,
    text: String,
}

type Problems = Vec<String>;

/// Which module of the root package a file belongs to, and how deep it lies in it.
fn module_of(path: &str) -> Option<(&str, usize)> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let inside = inside.strip_suffix("/mod").unwrap_or(inside);
    let module = inside.split('/').next().unwrap_or(inside);
    (!["main", "lib", "bin"].contains(&module)).then(|| (module, inside.split('/').count()))
}

/// The same text with comments and the insides of literals blanked, line by line in place.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = raw_string(rest).filter(|_| !out.ends_with(is_word)) {
            raw
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && is_character(rest) {
            quoted(rest, '\'')
        } else {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (blanked, after) = rest.split_at(length);
        out.extend(blanked.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    out
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r').or_else(|| text.strip_prefix("br"))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text.len() - body.len() + body.find(&end)? + end.len())
}

/// `'a'` or `'\n'`, not the lifetime `'a`.
fn is_character(text: &str) -> bool {
    let mut characters = text.chars().skip(1);
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Words, `::` and single punctuation marks.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_word(first) {
            rest.find(|character| !is_word(character)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// Every path that the code names, groups in braces taken apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, after)) = rest.split_first() {
        rest = if first.starts_with(is_word) { path("", rest, &mut found) } else { after };
    }
    found
}

/// Takes one path, which goes on from `before`, off the tokens.
fn path<'a, 'b>(before: &str, tokens: &'b [&'a str], found: &mut Vec<String>) -> &'b [&'a str] {
    let mut name = before.to_owned();
    let mut rest = tokens;
    while let [word, after @ ..] = rest
        && (word.starts_with(is_word) || *word == "*")
    {
        name.push_str(word);
        rest = after;
        let ["::", after @ ..] = rest else { break };
        name.push_str("::");
        rest = after;
        if let ["{", inside @ ..] = rest {
            rest = inside;
            while let [token, after @ ..] = rest
                && *token != "}"
            {
                rest = if *token == "," { after } else { path(&name, rest, found) };
                if let ["as", _, after @ ..] = rest {
                    rest = after;
                }
            }
            return rest.get(1..).unwrap_or_default();
        }
    }
    found.push(name);
    rest
}

/// Whether `path` names `thing`, anywhere in it; `name_*` is every word so begun, and a glob may
/// bring in whatever comes next.
fn names(path: &str, thing: &str) -> bool {
    let same = |part: &&str, wanted: &&str| {
        part == wanted
            || *part == "*"
            || wanted.strip_suffix('*').is_some_and(|beginning| part.starts_with(beginning))
    };
    let parts: Vec<&str> = path.split("::").collect();
    let wanted: Vec<&str> = thing.split("::").collect();
    // A single word that is no part of a path is somebody's variable.
    let start = |window: &[&str]| window.first().is_some_and(|first| *first != "*");
    parts.len() > 1
        && parts.windows(wanted.len()).any(|window| {
            start(window) && window.iter().zip(&wanted).all(|(part, wanted)| same(part, wanted))
        })
}

fn arrows(source: &Source) -> Problems {
    let Some((module, depth)) = module_of(&source.path) else { return Vec::new() };
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let Some(allowed) = arrows.get(module) else {
        return vec![format!("{}: the module `{module}` has no arrows in this test", source.path)];
    };
    let up = "super::".repeat(depth);
    let mut problems = Vec::new();
    let allowed: Vec<&str> = allowed.split_whitespace().collect();
    for path in paths(&code(&source.text)) {
        let inner = ["crate::", "doorward::", &up].iter().find_map(|root| path.strip_prefix(root));
        let Some(target) = inner.and_then(|inner| inner.split("::").next()) else { continue };
        if target != module && arrows.contains_key(target) && !allowed.contains(&target) {
            problems.push(format!("{}: `{path}`: {module} may not name {target}", source.path));
        }
    }
    problems
}

fn purity(source: &Source) -> Problems {
    if !PURE.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    let named = paths(&code(&source.text));
    let impure =
        named.iter().filter(|path| IMPURE.split_whitespace().any(|thing| names(path, thing)));
    impure.map(|path| format!("{}: `{path}` in pure code", source.path)).collect()
}

fn confinement(source: &Source) -> Problems {
    let mut problems = Vec::new();
    // Tests start the parts that they test.
    if source.path.contains("tests/") {
        return problems;
    }
    for path in paths(&code(&source.text)) {
        for (thing, places) in CONFINED {
            if names(&path, thing) && !places.iter().any(|place| source.path.starts_with(place)) {
                problems.push(format!(
                    "{}: `{path}` belongs to {}",
                    source.path,
                    places.join(", ")
                ));
            }
        }
    }
    problems
}

fn empty_names(source: &Source) -> Problems {
    let code = code(&source.text);
    let tokens = tokens(&code);
    let declared = tokens
        .iter()
        .zip(tokens.iter().skip(1))
        .filter(|(first, _)| **first == "mod")
        .map(|(_, name)| *name);
    let parts = source.path.trim_end_matches(".rs").split('/');
    let bad = parts.chain(declared).filter(|name| EMPTY_NAMES.contains(name));
    bad.map(|name| format!("{}: `{name}` says nothing", source.path)).collect()
}

fn length(source: &Source) -> Problems {
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE { vec![format!("{}: {lines} lines", source.path)] } else { Vec::new() }
}

/// `lib.rs` declares modules; `main.rs` is one function.
fn roots(source: &Source) -> Problems {
    let code = code(&source.text);
    let tokens = tokens(&code);
    let excess: &[&str] = match source.path.as_str() {
        "src/lib.rs" => &["{", "use", "const", "static", "type"],
        "src/main.rs" | "src/bin/doorward-vendor.rs" => &[
            "mod",
            "struct",
            "enum",
            "union",
            "trait",
            "impl",
            "macro_rules",
            "const",
            "static",
            "type",
        ],
        _ => return Vec::new(),
    };
    let mut problems: Problems = excess
        .iter()
        .filter(|word| tokens.contains(word))
        .map(|word| format!("{}: `{word}`", source.path))
        .collect();
    if tokens.iter().filter(|token| **token == "fn").count() > 1 {
        problems.push(format!("{}: more than one function", source.path));
    }
    problems
}

fn sources() -> io::Result<Vec<Source>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["src", "crates", "tests", "benches"].iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                sources.push(Source { path: name, text: fs::read_to_string(&path)? });
            }
        }
    }
    Ok(sources)
}

fn check(rule: fn(&Source) -> Problems) -> io::Result<()> {
    let sources = sources()?;
    assert!(sources.iter().any(|source| source.path == "src/main.rs"), "no sources found");
    let problems: Problems = sources.iter().flat_map(rule).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    Ok(())
}

/// How many problems the rule finds in a file of that name and text.
fn found(rule: fn(&Source) -> Problems, path: &str, text: &str) -> usize {
    rule(&Source { path: path.to_owned(), text: text.to_owned() }).len()
}

#[test]
fn modules_name_only_what_lies_below_them() -> io::Result<()> {
    check(arrows)
}

#[test]
fn an_arrow_upwards_is_found() {
    assert_eq!(found(arrows, "src/domain/fact.rs", "use crate::journal::Stored;"), 1);
    assert_eq!(
        found(arrows, "src/bus/mod.rs", "use crate::{config::{A, B as C}, gateway, journal};"),
        1
    );
    assert_eq!(found(arrows, "src/vendor/mqtt.rs", "fn f() { crate::config::load() }"), 1);
    assert_eq!(found(arrows, "src/vendor/mqtt.rs", "use super::super::bus::Uplink;"), 1);
    assert_eq!(found(arrows, "src/vendor/mod.rs", "use super::bus::Uplink;"), 1);
    assert_eq!(found(arrows, "src/journal.rs", "use doorward::local::Api;"), 1);
    assert_eq!(found(arrows, "src/surprise/mod.rs", ""), 1);
}

#[test]
fn an_arrow_downwards_is_none() {
    let text = "// crate::gateway\nuse crate::{journal::Stored, domain::ids::EntryId};\nuse super::retry;\nlet a = \"crate::gateway\";";
    assert_eq!(found(arrows, "src/bus/lanes.rs", text), 0);
    assert_eq!(found(arrows, "src/main.rs", "fn main() { doorward::commands::run() }"), 0);
}

#[test]
fn domain_and_translators_are_pure() -> io::Result<()> {
    check(purity)
}

#[test]
fn impurity_is_found() {
    for text in [
        "use std::{collections::HashMap, fs};",
        "use std::time::{Duration, Instant};",
        "use std::time::*;",
        "fn f() { time::Instant::now(); }",
        "let now = jiff::Timestamp::now();",
        "async fn f() { tokio::time::sleep(a).await }",
        "fn f(a: aws_config::SdkConfig) {}",
        "fn f() -> rusqlite::Result<()> {}",
    ] {
        assert_eq!(found(purity, "src/domain/entry.rs", text), 1, "{text}");
        assert_eq!(found(purity, "crates/translators/src/a.rs", text), 1, "{text}");
        assert_eq!(found(purity, "src/gateway/state.rs", text), 0, "{text}");
    }
    let text = "use std::time::Duration; /* std::fs::read */ let rand = 'r'; fn f<'a>(now: Timestamp) {} r#\"std::fs::x\"#";
    assert_eq!(found(purity, "src/domain/entry.rs", text), 0);
}

#[test]
fn what_belongs_to_one_place_stays_there() -> io::Result<()> {
    check(confinement)
}

#[test]
fn what_left_its_place_is_found() {
    for text in [
        "use rusqlite::Connection;",
        "use aws_sdk_eventbridge::Client;",
        "use rumqttc::v5::AsyncClient;",
        "use std::process::{Command, ExitCode};",
        "fn f() { process::Command::new(a) }",
        "use tokio::process;",
        "use doorward_translators::zigbee2mqtt::Settings;",
        "use doorward_translators::{modbus, Setup};",
    ] {
        assert!(found(confinement, "src/gateway/state.rs", text) > 0, "{text}");
    }
    assert_eq!(found(confinement, "src/supervisor/mod.rs", "use rumqttc::v5;"), 1);
    assert_eq!(
        found(
            confinement,
            "src/commands/run.rs",
            "fn f() -> std::process::ExitCode { std::process::id() }"
        ),
        0
    );
    assert_eq!(found(confinement, "src/journal/mod.rs", "use rusqlite::Connection;"), 0);
}

#[test]
fn every_name_says_something() -> io::Result<()> {
    check(empty_names)
}

#[test]
fn an_empty_name_is_found() {
    assert_eq!(found(empty_names, "src/bus/utils.rs", ""), 1);
    assert_eq!(found(empty_names, "src/common/retry.rs", ""), 1);
    assert_eq!(found(empty_names, "src/bus/retry.rs", "mod helpers { }"), 1);
}

#[test]
fn no_file_is_too_long() -> io::Result<()> {
    check(length)
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(found(length, "src/bus/lanes.rs", &"\n".repeat(501)), 1);
    assert_eq!(found(length, "src/bus/lanes.rs", &"\n".repeat(500)), 0);
}

#[test]
fn the_roots_declare_only() -> io::Result<()> {
    check(roots)
}

#[test]
fn more_than_a_declaration_is_found() {
    assert_eq!(
        found(roots, "src/lib.rs", "#![forbid(unsafe_code)]\n//! {}\npub mod bus;\nmod link;"),
        0
    );
    assert_eq!(found(roots, "src/lib.rs", "pub mod bus;\npub fn f() {}"), 1);
    assert_eq!(found(roots, "src/main.rs", "use std::a;\nfn main() {}"), 0);
    assert_eq!(found(roots, "src/main.rs", "mod bus;\nfn main() {}\nfn f() {}"), 2);
}

//! Keys and the list of issuers, made on the command line, and a gateway that believes them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::gateway::{BINARY, Place, Said};

fn trust(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(BINARY);
    command.env_remove("DOORWARD_CONFIG").current_dir(folder).arg("trust").args(arguments);
    Said::of(command.output().unwrap())
}

fn done(folder: &Path, arguments: &[&str]) -> Value {
    let said = trust(folder, &[arguments, &["--json"]].concat());
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    serde_json::from_str(&said.out).unwrap()
}

const LIST: [&str; 4] = ["--root", "root.key", "--list", "issuers.jws"];

fn add<'a>(kid: &'a str, key: &'a str) -> Vec<&'a str> {
    let rest = ["--issuer", "acme.delivery", "--tenant", "acme", "--kid", kid, "--public-key", key];
    [&["add"][..], &LIST, &rest].concat()
}

#[test]
fn a_key_is_its_owners_alone_and_never_printed_or_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let said = trust(folder, &["key", "root.key"]);
    assert_eq!((said.code, said.out.trim().len()), (Some(0), 43), "{said:?}");
    let file = folder.join("root.key");
    let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(done(folder, &["public", "root.key"])["public_key"], said.out.trim());

    let again = trust(folder, &["key", "root.key"]);
    assert_eq!((again.code, again.out.as_str()), (Some(2), ""));
    assert!(again.err.contains("never overwritten"), "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let open = trust(folder, &["public", "root.key"]);
    assert!(open.code == Some(2) && open.err.contains("chmod 600"), "{open:?}");
}

#[test]
fn a_list_grows_and_shrinks_by_versions_that_the_root_key_signed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for key in ["root.key", "other.key", "service.key"] {
        done(folder, &["key", key]);
    }
    let public = done(folder, &["public", "service.key"]);
    let public = public["public_key"].as_str().unwrap();
    let one = done(folder, &add("k-1", public));
    assert_eq!((&one["version"], one["keys"].as_array().unwrap().len()), (&1.into(), 1));
    let key = &one["keys"][0];
    assert_eq!((&key["may"][0], &key["longest_validity_s"]), (&"grant".into(), &86_400.into()));

    // What would not be believed, or not told apart, is refused, and the list stays.
    let other = done(folder, &["public", "other.key"])["public_key"].as_str().unwrap().to_owned();
    let root = done(folder, &["public", "root.key"])["public_key"].as_str().unwrap().to_owned();
    let stranger: Vec<&str> = add("k-2", &other)
        .into_iter()
        .map(|word| if word == "acme.delivery" { "acme.unheard-of" } else { word })
        .collect();
    let elsewhere: Vec<&str> = add("k-2", &other)
        .into_iter()
        .map(|word| if word == "root.key" { "other.key" } else { word })
        .collect();
    for (arguments, word) in [
        (add("k-1", &other), "already"),
        (add("k-2", public), "twice"),
        (add("k-2", &root), "root key is listed"),
        (add("k-2", "AAAA"), "43 characters"),
        (stranger, "publishers.json"),
        (elsewhere, "not signed by the root key"),
        ([&["remove"][..], &LIST, &["k-9"]].concat(), "no key k-9"),
        ([add("k-2", &other), vec!["--list-version", "1"]].concat(), "no lower one"),
    ] {
        let said = trust(folder, &arguments);
        assert!(said.code == Some(2) && said.err.contains(word), "{arguments:?}: {said:?}");
    }
    let show = [&["show"][..], &LIST].concat();
    assert_eq!(done(folder, &show), one);

    assert_eq!(done(folder, &add("k-2", &other))["version"], 2);
    let left = done(folder, &[&["remove"][..], &LIST, &["k-1"]].concat());
    assert_eq!((&left["version"], &left["keys"][0]["kid"]), (&3.into(), &"k-2".into()));
    let none = done(folder, &[&["remove"][..], &LIST, &["k-2", "--list-version", "9"]].concat());
    assert_eq!((&none["version"], none["keys"].as_array().unwrap().len()), (&9.into(), 0));
    // For a person the end is the table for doorward.toml.
    let said = trust(folder, &add("k-3", public));
    let table = format!("[trust]\nroot_key = \"{root}\"\nissuers = \"/");
    assert!(said.out.starts_with("version 10, keys: 1") && said.out.contains(&table), "{said:?}");
}

#[test]
fn a_gateway_believes_the_list_and_says_which() {
    let place = Place::new();
    for key in ["root.key", "service.key"] {
        done(place.path(), &["key", key]);
    }
    let public = done(place.path(), &["public", "service.key"]);
    let said = trust(place.path(), &add("k-1", public["public_key"].as_str().unwrap()));
    let (_, table) = said.out.split_once("[trust]").unwrap();
    let main = std::fs::read_to_string(place.path().join("doorward.toml")).unwrap();
    place.write("doorward.toml", &format!("{main}\n[trust]{table}"));
    let shown = place.json(&["trust", "show", "--json"]);
    assert_eq!(shown["keys"][0]["kid"], "k-1");
    let checked = || place.run(&["check", "--offline"]).out;
    assert!(checked().contains("issuers.jws: version 1, 1 key, until"), "{}", checked());
    let gateway = place.start();
    place.says(&["the list of issuers is taken"]);
    let started = place.run(&["events", "--type", "gateway.started", "--json"]).out;
    place.write("started.jsonl", &started);
    which_gateways_know(place.path(), started.lines().last().unwrap());
    drop(gateway);
    // One that another root key signed is believed by nobody.
    done(place.path(), &["key", "other.key"]);
    std::fs::remove_file(place.path().join("issuers.jws")).unwrap();
    assert!(checked().contains("nobody is believed over the bus: there is no such file"));
    let public = public["public_key"].as_str().unwrap();
    let mut other = add("k-1", public);
    other.iter_mut().filter(|word| **word == "root.key").for_each(|word| *word = "other.key");
    done(place.path(), &other);
    assert!(checked().contains("not signed by the root key"), "{}", checked());
}

/// Of one gateway's real word, and of others made from it.
fn which_gateways_know(folder: &Path, line: &str) {
    let known = |more: &[&str]| trust(folder, &[&["known", "started.jsonl"][..], more].concat());
    let said = known(&LIST);
    assert!(said.code == Some(0) && said.out.contains("version 1"), "{said:?}");
    let said = known(&["--list-version", "2"]);
    assert!(said.code == Some(1) && said.out.contains("version 1: not yet"), "{said:?}");
    assert!(said.out.ends_with("0 of 1 gateways believe version 2 or a later one\n"), "{said:?}");

    let line: Value = serde_json::from_str(line).unwrap();
    let event = line.get("event").unwrap_or(&line);
    let said_by = |gateway: &str, sequence: u64, version: Option<u64>| {
        let mut event = event.clone();
        event["publisher"]["instance"] = gateway.into();
        event["gateway"]["sequence"] = sequence.into();
        let data = event["data"].as_object_mut().unwrap();
        match version {
            Some(version) => data.insert("issuers_version".to_owned(), version.into()),
            None => data.remove("issuers_version"),
        };
        event
    };
    // The later word of a gateway counts, in whatever order they come.
    let told = [
        said_by("gw-a", 9, Some(3)),
        said_by("gw-a", 8, Some(2)),
        said_by("gw-b", 8, Some(4)),
        said_by("gw-b", 9, None),
    ];
    // As EventBridge hands it out, beside what others say.
    let mut text = String::from("{\"detail\": {\"type\": \"visit.secured\"}}\n\n");
    text.extend(told.iter().map(|event| format!("{{\"detail\":{event}}}\n")));
    std::fs::write(folder.join("told.jsonl"), &text).unwrap();
    let said = trust(folder, &["known", "told.jsonl", "--list-version", "3", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &report["know"]), (Some(1), &1.into()), "{report}");
    let knows = |index: usize| {
        let gateway = &report["gateways"][index];
        (gateway["gateway"].as_str().unwrap(), gateway["version"].as_u64(), &gateway["knows"])
    };
    assert_eq!(knows(0), ("gw-a", Some(3), &true.into()));
    assert_eq!(knows(1), ("gw-b", None, &false.into()));

    let broken = said_by("gw-c", 1, Some(1)).to_string().replace("sequence", "secuence");
    for (text, word) in [
        ("{}\n", "holds no gateway.started"),
        ("{}\nno JSON\n", "line 2: it is no JSON"),
        (&broken, "line 1: "),
    ] {
        std::fs::write(folder.join("wrong.jsonl"), text).unwrap();
        let said = trust(folder, &["known", "wrong.jsonl", "--list-version", "3"]);
        assert!(said.code == Some(2) && said.err.contains(word), "{word}: {said:?}");
    }
}

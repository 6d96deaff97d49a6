//! What the loader of profiles refuses, and where it says that it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeSet;

use doorward_translators::profile::{self, BUILT_IN, MAX_TEXT};
use doorward_translators::{EndpointSetup, Fault, Place, Setup};

/// A whole profile, the smallest with every sort of table.
const PROFILE: &str = r#"
format = 1
name = "own"
manufacturer = "Maker"

[[kind]]
name = "lock"
address = "{device+}/lock{n#?}"
commands = ["{device}/set/#"]
ignored = ["{device}/rest"]
sensitive = ["{device}/codes"]
dedup = ["/seq"]

[[kind.setting]]
name = "wired"
default = "straight"

[kind.setting.options]
straight = { root = "s/{device}" }
crossed = { root = "c/{device}" }

[[kind.state]]
fact = "lock"
topics = ["{root}/state"]
payload = "json"
pointer = "/lock{n}"
choose = "wired"
ignore = ["same"]
tables.straight = { in = "unlocked", out = "locked" }
tables.crossed = { in = "locked", out = "unlocked" }

[[kind.state]]
fact = "battery_percent"
topics = ["{root}/battery"]
payload = "text"

[[kind.event]]
topics = ["{root}/event"]
payload = "json"
pointer = "/act"
user = "/user"

[kind.event.values]
open = { kind = "unlock", source = "keypad" }
wrong = { kind = "unlock", source = "keypad", outcome = "invalid_credential" }
none = "ignore"

[[kind.availability]]
topic = "{root}/there"
payload = "text"
online = ["yes"]
offline = ["no"]

[kind.time]
pointer = "/time"
format = "rfc3339"

[kind.read]
topic = "{device}/set/ask"
payload = "state"
enabled_by = "ask"

[kind.command]
lock = { topic = "{device}/set", payload = '{"bolt":"out"}' }
unlock = { topic = "{device}/set", payload = '{"bolt":"in"}' }

[[sample]]
kind = "lock"
address = "a/lock"
messages = [
    { topic = "s/a/state", payload = '{"lock":"in"}', expect = { lock = "unlocked" } },
    { topic = "s/a/state", payload = '{"lock":"out"}', expect = { lock = "locked" } },
    { topic = "s/a/state", payload = '{"lock":"same"}', expect = {} },
    { topic = "s/a/battery", payload = "12.5", expect = { battery_percent = 12.5 } },
    { topic = "s/a/battery", payload = "80", expect = { battery_percent = 80 } },
    { topic = "s/a/event", payload = '{"act":"open","user":3}', expect = { operation = { kind = "unlock", source = "keypad", user_slot = 3 } } },
    { topic = "s/a/there", payload = "yes", expect = { online = true } },
    { topic = "s/a/there", payload = "no", expect = { online = false } },
]

[[sample]]
kind = "lock"
address = "a/lock2"
settings = { wired = "crossed" }
messages = [
    { topic = "c/a/state", payload = '{"lock2":"in"}', expect = { lock = "locked" } },
    { topic = "c/a/state", payload = '{"lock2":"out"}', expect = { lock = "unlocked" } },
]
"#;

fn faults(text: &str) -> Vec<Fault> {
    let setup =
        Setup { ecosystem: "own".to_owned(), profile: Some(text.to_owned()), ..Setup::default() };
    match profile::open(&setup) {
        Ok(opened) => opened.warnings,
        Err(faults) => {
            assert!(faults.iter().any(|fault| !fault.warning), "a refusal says why: {faults:?}");
            faults
        }
    }
}

/// The profile with one text in it replaced.
fn with(old: &str, new: &str) -> String {
    assert_eq!(PROFILE.matches(old).count(), 1, "{old}");
    PROFILE.replace(old, new)
}

#[test]
fn the_whole_profile_loads() {
    assert_eq!(faults(PROFILE), []);
}

#[test]
fn what_is_refused_and_where() {
    let table: &[(&str, &str, &str)] = &[
        // The outermost table.
        ("format = 1", "format = 2", "format"),
        ("format = 1\n", "", ""),
        ("name = \"own\"", "name = \"other\"", "name"),
        ("name = \"own\"", "name = 5", "name"),
        ("manufacturer =", "manufakturer =", "manufakturer"),
        // Names and addresses.
        ("name = \"lock\"", "name = \"Lock\"", "kind.0.name"),
        ("{device+}/lock{n#?}", "{device+}/{n+}", "kind.0.address"),
        ("{device+}/lock{n#?}", "{device+}/{value}", "kind.0.address"),
        ("{device+}/lock{n#?}", "lock", "kind.0.address"),
        ("ignored = [\"{device}/rest\"]", "ignored = [\"{device}/#\"]", "kind.0.ignored.0"),
        ("ignored = [\"{device}/rest\"]", "ignored = [\"{d}/rest\"]", "kind.0.ignored.0"),
        ("ignored = [\"{device}/rest\"]", "ignored = [\"/x\", \"+/y\"]", "kind.0.ignored.1"),
        ("{device}/set/#", "{device}/+/#", "kind.0.commands.0"),
        ("dedup = [\"/seq\"]", "dedup = [\"seq\"]", "kind.0.dedup.0"),
        // Settings.
        ("name = \"wired\"", "name = \"optimistic\"", "kind.0.setting.0.name"),
        ("name = \"wired\"", "name = \"id\"", "kind.0.setting.0.name"),
        ("name = \"wired\"", "name = \"device\"", "kind.0.setting.0.name"),
        ("default = \"straight\"", "default = \"bent\"", "kind.0.setting.0.default"),
        ("crossed = { root", "crossed = { roots", "kind.0.setting.0.options.straight"),
        (
            "{ root = \"c/{device}\" }",
            "{ root = \"c/{root}\" }",
            "kind.0.setting.0.options.crossed.root",
        ),
        (
            "{ root = \"c/{device}\" }",
            "{ root = \"toggle\" }",
            "kind.0.setting.0.options.crossed.root",
        ),
        // States.
        ("fact = \"lock\"", "fact = \"bolt\"", "kind.0.state.0.fact"),
        ("topics = [\"{root}/state\"]", "topics = []", "kind.0.state.0.topics"),
        ("topics = [\"{root}/state\"]", "topics = [\"{root}/+\"]", "kind.0.state.0.topics.0"),
        ("topics = [\"{root}/state\"]", "topics = [\"$SYS/x\"]", "kind.0.state.0.topics.0"),
        ("pointer = \"/lock{n}\"", "pointer = \"lock{n}\"", "kind.0.state.0.pointer"),
        ("pointer = \"/lock{n}\"", "pointer = \"/lock~{n}\"", "kind.0.state.0.pointer"),
        ("pointer = \"/lock{n}\"", "pointer = \"/lock{m}\"", "kind.0.state.0.pointer"),
        ("pointer = \"/lock{n}\"", "pointr = \"/lock{n}\"", "kind.0.state.0.pointr"),
        ("pointer = \"/lock{n}\"", "absent = \"unknown\"", "kind.0.state.0.absent"),
        ("pointer = \"/lock{n}\"", "expression = \"value +\"", "kind.0.state.0.expression"),
        ("pointer = \"/lock{n}\"", "expression = \"9 * 9\"", "kind.0.state.0.expression"),
        (
            "pointer = \"/lock{n}\"",
            "expression = \"{% for x in value %}{% endfor %}\"",
            "kind.0.state.0.expression",
        ),
        ("choose = \"wired\"", "choose = \"wire\"", "kind.0.state.0.choose"),
        ("choose = \"wired\"\n", "", "kind.0.state.0"),
        ("choose = \"wired\"", "values = { a = \"locked\" }", "kind.0.state.0"),
        ("tables.crossed = { in = \"locked\", out = \"unlocked\" }\n", "", "kind.0.state.0.tables"),
        (
            "in = \"unlocked\", out = \"locked\"",
            "in = \"open\", out = \"locked\"",
            "kind.0.state.0.tables.straight.in",
        ),
        (
            "in = \"unlocked\", out",
            "same = \"unlocked\", out",
            "kind.0.state.0.tables.straight.same",
        ),
        (
            "in = \"unlocked\", out",
            "null = \"unlocked\", out",
            "kind.0.state.0.tables.straight.null",
        ),
        (
            "in = \"unlocked\", out",
            "\"0.5\" = \"unlocked\", out",
            "kind.0.state.0.tables.straight.0.5",
        ),
        (
            "in = \"unlocked\", out",
            "1 = \"unlocked\", \"1.0\" = \"jammed\", out",
            "kind.0.state.0.tables.straight.1.0",
        ),
        (
            "topics = [\"{root}/battery\"]\npayload = \"text\"",
            "topics = [\"{root}/battery\"]\npayload = \"text\"\nvalues = { a = \"b\" }",
            "kind.0.state.1",
        ),
        (
            "topics = [\"{root}/battery\"]\npayload = \"text\"",
            "topics = [\"{root}/battery\"]\npayload = \"text\"\npointer = \"/a\"",
            "kind.0.state.1.pointer",
        ),
        (
            "topics = [\"{root}/battery\"]\npayload",
            "topics = [\"{root}/battery\"]\npayloads",
            "kind.0.state.1.payloads",
        ),
        // Events.
        (
            "kind = \"unlock\", source = \"keypad\" }",
            "kind = \"unlock\", source = \"magic\" }",
            "kind.0.event.0.values.open.source",
        ),
        ("none = \"ignore\"", "none = \"nothing\"", "kind.0.event.0.values.none"),
        ("user = \"/user\"", "user = \"user\"", "kind.0.event.0.user"),
        // Availability.
        ("online = [\"yes\"]", "online = []", "kind.0.availability.0.online"),
        ("offline = [\"no\"]", "offline = [\"yes\"]", "kind.0.availability.0.online.yes"),
        ("offline = [\"no\"]", "offline = [\"no\"]\npart = \"\"", "kind.0.availability.0.part"),
        (
            "[kind.time]\npointer = \"/time\"",
            "[kind.time]\npointer = \"time\"",
            "kind.0.time.pointer",
        ),
        ("format = \"rfc3339\"", "format = \"local\"", "kind.0.time.format"),
        // Messages to devices.
        ("enabled_by = \"ask\"", "enabled_by = \"wired\"", "kind.0.read.enabled_by"),
        ("enabled_by = \"ask\"", "delay_s = 9999", "kind.0.read.delay_s"),
        ("payload = \"state\"", "payload = \"\"", "kind.0.read.payload"),
        ("{device}/set/ask", "{device}/ask", "kind.0.read.topic"),
        (
            "lock = { topic = \"{device}/set\", payload = '{\"bolt\":\"out\"}' }",
            "close = { topic = \"{device}/set\", payload = 'x' }",
            "kind.0.command.close",
        ),
        (
            "unlock = { topic = \"{device}/set\", payload = '{\"bolt\":\"in\"}'",
            "swing = { topic = \"{device}/set\", payload = 'x'",
            "kind.0.command.swing",
        ),
        ("'{\"bolt\":\"in\"}'", "''", "kind.0.command.unlock.payload"),
        ("'{\"bolt\":\"in\"}'", "'TOGGLE'", "kind.0.command.unlock.payload"),
        ("'{\"bolt\":\"in\"}'", "'{\"Click\":1}'", "kind.0.command.unlock.payload"),
        ("'{\"bolt\":\"in\"}'", "'Button'", "kind.0.command.unlock.payload"),
        ("'{\"bolt\":\"in\"}'", "'{\"relay\":\"PULSE\"}'", "kind.0.command.unlock.payload"),
        ("'{\"bolt\":\"in\"}'", "'{\"trigger\":true}'", "kind.0.command.unlock.payload"),
        ("'{\"bolt\":\"in\"}'", "'{\"bolt\":\"out\"}'", "kind.0.command.unlock"),
        (
            "unlock = { topic = \"{device}/set\"",
            "unlock = { topic = \"{device}/#\"",
            "kind.0.command.unlock.topic",
        ),
        (
            "unlock = { topic = \"{device}/set\"",
            "unlock = { topic = \"{device}/other\"",
            "kind.0.command.unlock.topic",
        ),
        // Samples.
        (
            "payload = '{\"lock\":\"out\"}', expect = { lock = \"locked\" }",
            "payload = '{\"lock\":\"out\"}', expect = { lock = \"unlocked\" }",
            "sample.0.messages.1.expect",
        ),
        (
            "expect = { online = true }",
            "expect = { here = true }",
            "sample.0.messages.6.expect.here",
        ),
        ("address = \"a/lock2\"", "address = \"a/door\"", "sample.1.address"),
        (
            "settings = { wired = \"crossed\" }",
            "settings = { wire = \"crossed\" }",
            "sample.1.settings.wire",
        ),
        (
            "kind = \"lock\"\naddress = \"a/lock2\"",
            "kind = \"bolt\"\naddress = \"a/lock2\"",
            "sample.1.settings.kind",
        ),
    ];
    let mut wrong = Vec::new();
    for (old, new, key) in table {
        let found = faults(&with(old, new));
        let named = found.iter().any(|f| f.key == *key && f.place == Place::Profile && !f.warning);
        if !named {
            wrong.push(format!("{old} -> {new}: expected {key}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every side of every fact has to be shown, and every option of every setting.
#[test]
fn what_no_sample_shows_is_not_loaded() {
    let lines: Vec<&str> =
        PROFILE.lines().filter(|line| line.trim_start().starts_with("{ topic")).collect();
    let needless = ["\"same\""];
    for line in lines {
        let found = faults(&with(line, ""));
        let harmless = needless.iter().any(|word| line.contains(word));
        assert_eq!(found.is_empty(), harmless, "{line}: {found:?}");
        let key = found.first().map_or("kind.0", |fault| fault.key.as_str());
        assert!(key.starts_with("kind.0"), "{found:?}");
    }
}

#[test]
fn several_faults_come_at_once() {
    let text = with("pointer = \"/lock{n}\"", "pointr = \"x\"")
        .replace("online = [\"yes\"]", "online = []")
        .replace("format = \"rfc3339\"", "format = \"local\"");
    let keys: BTreeSet<String> = faults(&text).into_iter().map(|fault| fault.key).collect();
    for key in ["kind.0.state.0.pointr", "kind.0.availability.0.online", "kind.0.time.format"] {
        assert!(keys.contains(key), "{keys:?}");
    }
}

#[test]
fn no_toml() {
    let found = faults("format = 1\nname = \n");
    assert_eq!(found.len(), 1);
    assert!(found[0].message.starts_with("line 2: "), "{found:?}");
    for text in ["", "[[kind]]", "kind = 5", "format = 1\nname = \"own\"", "\u{0}"] {
        assert!(!faults(text).is_empty(), "{text:?}");
    }
}

#[test]
fn bounds() {
    let long = format!("{PROFILE}\n# {}", "x".repeat(MAX_TEXT));
    assert!(faults(&long)[0].message.contains("64 KiB"));
    assert_eq!(faults(&format!("{PROFILE}\n# {}", "x".repeat(MAX_TEXT - PROFILE.len() - 3))), []);
    let kind = PROFILE.split("[[kind]]").nth(1).unwrap().split("[[sample]]").next().unwrap();
    let many = PROFILE.replace("[[sample]]", &format!("[[kind]]{kind}[[sample]]"));
    assert!(faults(&many).iter().any(|fault| fault.key == "kind.1.name"), "a name twice");
    let bare = "format = 1\nname = \"own\"\n";
    let kinds = format!("{bare}{}", "[[kind]]\nname = \"a\"\naddress = \"{d}\"\n".repeat(17));
    assert!(faults(&kinds).iter().any(|f| f.key == "kind" && f.message == "more than 16"));
    let rules = with(
        "[[kind.event]]",
        &format!("{}\n[[kind.event]]", "[[kind.state]]\nfact = \"lock\"\n".repeat(32)),
    );
    assert!(faults(&rules).iter().any(|f| f.key == "kind.0.state" && f.message == "more than 32"));
    let topics = format!("topics = [{}]", "\"x\",".repeat(17));
    let topics = with("topics = [\"{root}/battery\"]", &topics);
    assert!(faults(&topics).iter().any(|f| f.key == "kind.0.state.1.topics"));
    let values: String = (0..65).map(|n| format!("w{n} = \"locked\",")).collect();
    let values = with("in = \"unlocked\", out", &format!("{values} out"));
    assert!(faults(&values).iter().any(|f| f.key.starts_with("kind.0.state.0.tables.straight")));
    let expression = format!("expression = \"{}\"", "value ~ ".repeat(70));
    let expression = with("pointer = \"/lock{n}\"", &expression);
    assert!(faults(&expression).iter().any(|f| f.key == "kind.0.state.0.expression"));
    let samples = format!("{PROFILE}{}", "[[sample]]\n".repeat(70));
    assert!(faults(&samples).iter().any(|f| f.key == "sample" && f.message == "more than 64"));
    let wrong: String = (0..500).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(faults(&format!("{wrong}{PROFILE}")).len(), 50, "and no more");
}

#[test]
fn names_of_ours_are_taken() {
    for (name, text) in BUILT_IN {
        let setup = Setup {
            ecosystem: (*name).to_owned(),
            profile: Some((*text).to_owned()),
            ..Setup::default()
        };
        let found = profile::open(&setup).err().unwrap();
        assert_eq!((found[0].key.as_str(), found[0].place), ("ecosystem", Place::VendorFile));
    }
    let nobody = Setup { ecosystem: "nobody".to_owned(), ..Setup::default() };
    assert_eq!(profile::open(&nobody).err().unwrap()[0].key, "ecosystem");
}

/// Every pair of opposite words in every built-in profile, the wrong way round: it does not load.
#[test]
fn a_table_the_wrong_way_round_is_never_loaded() {
    let opposites = [
        ("\"locked\"", "\"unlocked\""),
        ("\"closed\"", "\"open\""),
        ("\"active\"", "\"inactive\""),
    ];
    let mut turned = 0;
    for (name, text) in BUILT_IN {
        for (index, line) in text.lines().enumerate() {
            let is_table = line.starts_with("values =") || line.starts_with("tables.");
            for (one, other) in opposites {
                if !is_table || !line.contains(one) || !line.contains(other) {
                    continue;
                }
                let swapped =
                    line.replace(one, "\"#\"").replace(other, one).replace("\"#\"", other);
                let own = format!("own-{name}");
                let lines = text.lines().enumerate();
                let lines = lines.map(|(n, line)| if n == index { &swapped } else { line });
                let text = lines.collect::<Vec<&str>>().join("\n").replacen(
                    &format!("name = \"{name}\""),
                    &format!("name = \"{own}\""),
                    1,
                );
                let setup = Setup { ecosystem: own, profile: Some(text), ..Setup::default() };
                let found = profile::open(&setup).err().unwrap_or_else(|| panic!("{name}: {line}"));
                assert!(found.iter().all(|f| f.place == Place::Profile), "{found:?}");
                turned += 1;
            }
        }
    }
    assert!(turned >= 25, "{turned}");
}

/// What the reference shows as an example is one.
#[test]
fn the_example_of_the_reference_loads() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/profiles.md");
    let reference = std::fs::read_to_string(path).unwrap();
    let example = reference.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let setup = Setup {
        ecosystem: "acme".to_owned(),
        profile: Some(example.to_owned()),
        endpoints: vec![EndpointSetup {
            identity: "front-door".to_owned(),
            address: "house/front".to_owned(),
            settings: serde_json::Map::new(),
        }],
        ..Setup::default()
    };
    let opened = profile::open(&setup).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!(opened.warnings, []);
}

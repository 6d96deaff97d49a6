use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::link::Connection;

mod credentials;
mod ecosystems;
mod silence;

const GATEWAY: &str = "[gateway]\ninstance = \"gw\"\ntenant = \"acme\"\n";
const VENDOR: &str = "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"localhost\"\n";

/// A folder with `doorward.toml` and files of `vendors.d/`.
fn folder(main: &str, vendors: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("doorward.toml"), main).unwrap();
    std::fs::create_dir(folder.path().join("vendors.d")).unwrap();
    for (name, text) in vendors {
        std::fs::write(folder.path().join("vendors.d").join(name), text).unwrap();
    }
    folder
}

/// What is found, every finding complete: file, remedy, and line wherever there is a key.
fn found(main: &str, vendors: &[(&str, &str)]) -> (Option<Configuration>, Vec<Finding>) {
    let folder = folder(main, vendors);
    let (configuration, findings) = match read(folder.path()) {
        Ok(mut configuration) => {
            let findings = std::mem::take(&mut configuration.findings);
            (Some(configuration), findings)
        }
        Err(findings) => (None, findings),
    };
    for finding in &findings {
        assert!(finding.file.starts_with(folder.path()), "{finding}");
        assert!(!finding.message.is_empty() && !finding.remedy.is_empty(), "{finding}");
        assert!(finding.key.is_none() || finding.line.is_some(), "{finding}");
    }
    (configuration, findings)
}

/// `(line, key, severity)` of the one finding in `doorward.toml`: `GATEWAY`, then `text`.
fn one(text: &str) -> (usize, String, Severity) {
    let (_, findings) = found(&format!("{GATEWAY}{text}"), &[("zigbee2mqtt.toml", VENDOR)]);
    place(&findings)
}

/// The same of the vendor's file: `VENDOR`, then `text`.
fn one_of_vendor(text: &str) -> (usize, String, Severity) {
    let (_, findings) = found(GATEWAY, &[("zigbee2mqtt.toml", &format!("{VENDOR}{text}"))]);
    assert!(findings.iter().all(|finding| finding.file.ends_with("vendors.d/zigbee2mqtt.toml")));
    place(&findings)
}

fn place(findings: &[Finding]) -> (usize, String, Severity) {
    let [finding] = findings else { panic!("not one finding: {findings:#?}") };
    let key = finding.key.clone().unwrap_or_default();
    (finding.line.unwrap_or_default(), key, finding.severity)
}

fn error(line: usize, key: &str) -> (usize, String, Severity) {
    (line, key.to_owned(), Severity::Error)
}

fn warning(line: usize, key: &str) -> (usize, String, Severity) {
    (line, key.to_owned(), Severity::Warning)
}

#[test]
fn the_least_that_is_needed_is_enough() {
    let (configuration, findings) = found(GATEWAY, &[]);
    assert_eq!(findings, []);
    let gateway = configuration.unwrap().gateway;
    assert_eq!(gateway.bus, BusConfig::Standalone);
    assert_eq!(gateway.socket, PathBuf::from("/run/doorward/doorward.sock"));
}

#[test]
fn the_shipped_examples_have_no_finding() {
    let configuration = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config")).unwrap();
    assert_eq!(configuration.findings, []);
    assert!(!configuration.entries.is_empty() && !configuration.vendors.is_empty());
}

#[test]
fn unknown_keys_are_found_with_their_lines_and_stop_nothing() {
    let main = "nonsense = 1\n[gateway]\ninstance = \"gw\"\ntenannt = \"x\"\ntenant = \"acme\"\n\
                [gateway.inner]\nkey = 1\n[[entry]]\nid = \"a\"\n[[entry]]\nid = \"b\"\n\
                colour = \"red\"\n[entry.roles]\nluck = \"zigbee2mqtt:0x00124b0024c9d2a1\"\n";
    let vendor = format!(
        "{VENDOR}tls = {{ ca = \"x\", cert = \"y\" }}\n[settings]\nbase_tpic = \"z\"\n\
         [[endpoint]]\nid = \"0x01\"\naddress = \"door\"\nname = \"d\"\n"
    );
    let (configuration, findings) = found(main, &[("zigbee2mqtt.toml", &vendor)]);
    let configuration = configuration.unwrap();
    assert_eq!((configuration.entries.len(), configuration.vendors.len()), (2, 1));
    assert!(findings.iter().all(|finding| finding.kind == Kind::UnknownKey), "{findings:#?}");
    let mut places: Vec<_> =
        findings.iter().map(|f| (f.line.unwrap(), f.key.as_deref().unwrap())).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            (1, "nonsense"),
            (4, "gateway.tenannt"),
            (4, "mqtt.tls.cert"),
            (6, "gateway.inner"),
            (6, "settings.base_tpic"),
            (10, "endpoint.0.name"),
            (12, "entry.1.colour"),
            (14, "entry.1.roles.luck"),
        ]
    );
}

#[test]
fn a_wrong_type_names_its_key() {
    assert_eq!(one("test = \"yes\"\n"), error(4, "gateway.test"));
    assert_eq!(one("socket = 3\n"), error(4, "gateway.socket"));
    assert_eq!(one("[journal]\nmax_mib = \"12\"\n"), error(5, "journal.max_mib"));
    assert_eq!(one("[journal]\nmax_mib = -1\n"), error(5, "journal.max_mib"));
    assert_eq!(one("[bus]\nkind = \"evenbridge\"\n"), error(5, "bus.kind"));
    assert_eq!(one("[[entry]]\nid = \"a\"\nkind = \"dor\"\n"), error(6, "entry.0.kind"));
    assert_eq!(
        one("[[entry]]\nid = \"a\"\nroles = { lock = 3 }\n"),
        error(6, "entry.0.roles.lock")
    );
    assert_eq!(one("[entry]\nid = \"a\"\n"), error(4, "entry"));
    assert_eq!(one_of_vendor("port = 65536\n"), error(4, "mqtt.port"));
    assert_eq!(one_of_vendor("tls = true\n"), error(4, "mqtt.tls"));
}

#[test]
fn what_is_missing_names_the_table_where_it_belongs() {
    let missing = |main: &str| {
        let (configuration, findings) = found(main, &[]);
        assert!(configuration.is_none());
        assert!(findings.iter().any(|finding| finding.remedy.starts_with("add ")), "{findings:?}");
        place(&findings)
    };
    assert_eq!(missing("\n[gateway]\ninstance = \"gw\"\n"), error(2, "gateway.tenant"));
    assert_eq!(missing(""), error(1, "gateway"));
    assert_eq!(missing("[bus]\nkind = \"standalone\"\n"), error(1, "gateway"));
    assert_eq!(missing(&format!("{GATEWAY}[[entry]]\n")), error(4, "entry.0.id"));
    let (configuration, findings) = found(GATEWAY, &[("a.toml", "ecosystem = \"zigbee2mqtt\"\n")]);
    assert!(configuration.is_some());
    assert_eq!(place(&findings), error(1, "mqtt"));
}

#[test]
fn what_is_no_toml_names_its_line() {
    for (text, line) in [
        ("[gateway\n", 1),
        ("[gateway]\ninstance = gw\n", 2),
        ("[gateway]\ninstance = \"gw\n", 2),
        ("[gateway]\ntenant = \"a\"\n\ntenant = \"b\"\n", 4),
        ("[gateway]\n\u{0}\n", 2),
    ] {
        let (configuration, findings) = found(text, &[]);
        assert!(configuration.is_none());
        assert_eq!(findings[0].kind, Kind::Syntax, "{text:?}");
        assert_eq!(findings[0].line, Some(line), "{text:?}");
    }
}

#[test]
fn what_would_not_fit_into_an_event_is_refused() {
    let main = |instance: &str| format!("[gateway]\ninstance = \"{instance}\"\ntenant = \"t\"\n");
    for bad in ["", "a b", "-a", "ä", "a/b", &"a".repeat(65)] {
        let (configuration, findings) = found(&main(bad), &[]);
        assert!(configuration.is_none(), "{bad}");
        assert_eq!(place(&findings), error(2, "gateway.instance"));
    }
    assert!(found(&main(&"a".repeat(64)), &[]).0.is_some());
    assert_eq!(one("site = \"a b\"\n"), error(4, "gateway.site"));
    assert_eq!(one("[[entry]]\nid = \"a b\"\n"), error(5, "entry.0.id"));
    assert_eq!(one("[[entry]]\nid = \"a\"\nsite = \"\"\n"), error(6, "entry.0.site"));
    assert_eq!(
        one("[[entry]]\nid = \"a\"\ninterlock_group = \"x y\"\n"),
        error(6, "entry.0.interlock_group")
    );
}

#[test]
fn time_zones_are_iana_names() {
    for bad in ["", "Europe/", "/etc/passwd", "../../etc/passwd", "Europe Berlin", "UTC;"] {
        assert_eq!(
            one(&format!("time_zone = \"{bad}\"\n")),
            error(4, "gateway.time_zone"),
            "{bad}"
        );
        let text = format!("[[entry]]\nid = \"a\"\ntime_zone = \"{bad}\"\n");
        assert_eq!(one(&text), error(6, "entry.0.time_zone"), "{bad}");
    }
    for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
        let (_, findings) = found(&format!("{GATEWAY}time_zone = \"{good}\"\n"), &[]);
        assert!(!findings.iter().any(Finding::is_error), "{good}");
    }
    let typo = one("time_zone = \"Europe/Berln\"\n");
    assert_eq!(typo, warning(4, "gateway.time_zone"));
}

#[test]
fn the_bus_is_complete_or_refused() {
    assert_eq!(one("[bus]\nkind = \"eventbridge\"\nname = \"b\"\n"), error(4, "bus.region"));
    assert_eq!(one("[bus]\nkind = \"eventbridge\"\nregion = \"r\"\n"), error(4, "bus.name"));
    assert_eq!(
        one("[bus]\nkind = \"eventbridge\"\nname = \"\"\nregion = \"r\"\n"),
        error(6, "bus.name")
    );
    assert_eq!(
        one(
            "[bus]\nkind = \"eventbridge\"\nname = \"b\"\nregion = \"r\"\nendpoint_url = \"x:1\"\n"
        ),
        error(8, "bus.endpoint_url")
    );
    assert_eq!(one("[bus]\nname = \"b\"\nregion = \"r\"\n"), warning(4, "bus"));
    let whole = "[bus]\nkind = \"eventbridge\"\nname = \"b\"\nregion = \"r\"\n";
    let (configuration, findings) = found(&format!("{GATEWAY}{whole}"), &[]);
    assert_eq!(findings, []);
    assert!(matches!(configuration.unwrap().gateway.bus, BusConfig::Eventbridge { .. }));
}

#[test]
fn the_journals_bounds_have_defaults_and_bounds_of_their_own() {
    let journal = |text: &str| {
        let (configuration, findings) = found(&format!("{GATEWAY}{text}"), &[]);
        assert_eq!(findings, [], "{text}");
        configuration.unwrap().gateway.journal
    };
    let default = JournalConfig {
        max_mib: 1024,
        min_free_percent: 5,
        vendor_percent: 50,
        history_days: 30,
        history_mib: 256,
        waiting_days: 30,
    };
    assert_eq!(journal(""), default);
    assert_eq!(
        journal("[journal]\nhistory_days = 7\n"),
        JournalConfig { history_days: 7, ..default }
    );
    for (key, lowest, highest) in [
        ("max_mib", 1, 1_048_576),
        ("min_free_percent", 0, 50),
        ("vendor_percent", 1, 100),
        ("history_days", 0, 3650),
        ("history_mib", 0, 1_048_576),
        ("waiting_days", 1, 3650),
    ] {
        let line = |value: i64| format!("[journal]\n{key} = {value}\n");
        assert_eq!(one(&line(lowest - 1)), error(5, &format!("journal.{key}")));
        assert_eq!(one(&line(highest + 1)), error(5, &format!("journal.{key}")));
        for value in [lowest, highest] {
            journal(&line(value));
        }
    }
    // A key of before that nothing reads any more is said, and stops nothing.
    assert_eq!(one("[journal]\nhistory_events = 5\n"), warning(5, "journal.history_events"));
}

#[test]
fn bounds_and_paths_are_checked() {
    assert_eq!(one("[journal]\nmax_mib = 0\n"), error(5, "journal.max_mib"));
    assert_eq!(one("[journal]\nmax_mib = 9223372036854775807\n"), error(5, "journal.max_mib"));
    assert_eq!(one("socket = \"doorward.sock\"\n"), warning(4, "gateway.socket"));
    assert_eq!(one("state_dir = \"\"\n"), error(4, "gateway.state_dir"));
    let long = format!("socket = \"/{}\"\n", "x".repeat(107));
    assert_eq!(one(&long), error(4, "gateway.socket"));
}

#[test]
fn of_two_entries_with_one_id_the_second_is_left_out_and_lines_stay_right() {
    let main = format!(
        "{GATEWAY}[[entry]]\nid = \"a\"\n[[entry]]\nid = \"a\"\n[[entry]]\nid = \"b\"\n\
         roles = {{ lock = \"nuki:1\" }}\n"
    );
    let (configuration, findings) = found(&main, &[]);
    let entries = configuration.unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let keys: Vec<_> =
        findings.iter().map(|f| (f.line.unwrap(), f.key.as_deref().unwrap())).collect();
    assert_eq!(keys, [(7, "entry.1.id"), (10, "entry.2.roles.lock")]);
}

#[test]
fn roles_need_devices_that_can_be() {
    let role = |endpoint: &str| one(&format!("[[entry]]\nid = \"a\"\nroles.lock = {endpoint:?}\n"));
    for bad in ["", ":", "zigbee2mqtt", "zigbee2mqtt:", ":0x1", "Zig:0x1", "zigbee2mqtt:a b"] {
        assert_eq!(role(bad), error(6, "entry.0.roles.lock"), "{bad}");
    }
    assert_eq!(role("nuki:0x00124b0024c9d2a1"), error(6, "entry.0.roles.lock"));
    assert_eq!(role("zigbee2mqtt:front_door"), error(6, "entry.0.roles.lock"));
    assert_eq!(role("zigbee2mqtt:0x00124B0024C9D2A1"), error(6, "entry.0.roles.lock"));
    let good = "[[entry]]\nid = \"a\"\nroles.lock = \"zigbee2mqtt:0x00124b0024c9d2a1\"\n";
    let vendors = [("zigbee2mqtt.toml", VENDOR)];
    assert_eq!(found(&format!("{GATEWAY}{good}"), &vendors).1, []);
    let twice = format!("{good}{}", good.replace("\"a\"", "\"b\""));
    assert_eq!(one(&twice), warning(9, "entry.1.roles.lock"));
    let pinned = format!("{VENDOR}[[endpoint]]\nid = \"front\"\naddress = \"front_door\"\n");
    let by_name = "[[entry]]\nid = \"a\"\nroles.lock = \"zigbee2mqtt:front\"\n";
    let (_, findings) = found(&format!("{GATEWAY}{by_name}"), &[("zigbee2mqtt.toml", &pinned)]);
    assert_eq!(findings, []);
}

#[test]
fn a_bad_vendor_file_disables_that_vendor_alone() {
    let main = format!(
        "{GATEWAY}[[entry]]\nid = \"a\"\nroles.lock = \"bad:0x00124b0024c9d2a1\"\n\
         roles.position = \"good:0x00124b0024c9d2a1\"\n"
    );
    let (configuration, findings) = found(&main, &[("bad.toml", "x"), ("good.toml", VENDOR)]);
    let configuration = configuration.unwrap();
    assert_eq!(configuration.disabled, [VendorId::new("bad")]);
    assert_eq!(configuration.vendors.len(), 1);
    assert_eq!(configuration.entries[0].roles.len(), 2);
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0].key.as_deref(), Some("entry.0.roles.lock"));
    assert!(!findings[0].is_error());
    assert!(findings[1].file.ends_with("vendors.d/bad.toml") && findings[1].is_error());
}

#[test]
fn a_bad_gateway_file_does_not_hide_what_is_wrong_with_vendors() {
    let (configuration, findings) = found("[gateway", &[("bad.toml", "x")]);
    assert!(configuration.is_none());
    assert_eq!(findings.len(), 2, "{findings:?}");
}

#[test]
fn vendor_files_are_named_like_vendors() {
    for name in ["Zigbee.toml", "_z.toml", "a b.toml", &format!("{}.toml", "a".repeat(33))] {
        let (configuration, findings) = found(GATEWAY, &[(name, VENDOR)]);
        assert_eq!(configuration.unwrap().disabled.len(), 1, "{name}");
        assert!(findings[0].message.contains("file's name"), "{name}");
    }
    assert_eq!(found(GATEWAY, &[("z.toml.bak", "x"), ("README", "x")]).1, []);
}

#[test]
fn the_broker_is_named_as_a_host() {
    let host = |host: &str| {
        let text = VENDOR.replace("localhost", host);
        found(GATEWAY, &[("z.toml", &text)]).1
    };
    for bad in ["", "mqtt://localhost", "localhost:1883", "a b"] {
        assert_eq!(place(&host(bad)), error(3, "mqtt.host"), "{bad}");
    }
    for good in ["broker.example", "10.0.0.1", "::1", "fe80::1"] {
        assert_eq!(host(good), [], "{good}");
    }
    assert_eq!(one_of_vendor("port = 0\n"), error(4, "mqtt.port"));
    assert_eq!(one_of_vendor("client_id = \"\"\n"), error(4, "mqtt.client_id"));
    assert_eq!(one_of_vendor("session_expiry_s = 0\n"), warning(4, "mqtt.session_expiry_s"));
}

#[test]
fn certificate_and_key_go_together() {
    let line = "tls = { ca = \"ca\", certificate = \"c\" }\n";
    assert_eq!(one_of_vendor(line), error(4, "mqtt.tls.key"));
    assert_eq!(
        one_of_vendor("[mqtt.tls]\nca = \"c\"\nkey = \"k\"\n"),
        error(4, "mqtt.tls.certificate")
    );
    let whole = format!("{VENDOR}tls = {{ ca = \"ca\", certificate = \"c\", key = \"k\" }}\n");
    let (configuration, findings) = found(GATEWAY, &[("z.toml", &whole)]);
    assert_eq!(findings, []);
    let Connection::Mqtt(broker) = &configuration.unwrap().vendors[0].connection else { panic!() };
    assert_eq!(broker.port, 8883);
}

#[test]
fn base_topics_are_topics() {
    for bad in ["", "a/#", "+/a", "/a", "a/", "$SYS", "a\u{1}"] {
        let text = format!("[settings]\nbase_topic = {bad:?}\n").replace("\\u{1}", "\\u0001");
        assert_eq!(one_of_vendor(&text), error(5, "settings.base_topic"), "{bad:?}");
    }
}

#[test]
fn each_device_has_one_topic_and_each_topic_one_device() {
    let both = |a: (&str, &str), b: (&str, &str)| {
        let table =
            |(id, address)| format!("[[endpoint]]\nid = \"{id}\"\naddress = \"{address}\"\n");
        one_of_vendor(&format!("{}{}", table(a), table(b)))
    };
    assert_eq!(both(("0x1", "door"), ("0x2", "door")), error(9, "endpoint.1.address"));
    assert_eq!(both(("0x1", "door"), ("0x1", "gate")), error(8, "endpoint.1.id"));
    assert_eq!(both(("0x1", "door"), ("", "gate")), error(8, "endpoint.1.id"));
    assert_eq!(both(("0x1", "door"), ("0x2", "a/#")), error(9, "endpoint.1.address"));
    assert_eq!(both(("0x1", "door"), ("0x2", "")), error(9, "endpoint.1.address"));
    assert_eq!(both(("0x1", "door"), ("zigbee2mqtt:0x2", "gate")), error(8, "endpoint.1.id"));
}

#[test]
fn two_vendors_do_not_share_a_session() {
    let a = format!("{VENDOR}client_id = \"x\"\n");
    let b = format!("{a}[settings]\nbase_topic = \"other\"\n");
    let (configuration, findings) = found(GATEWAY, &[("a.toml", &a), ("b.toml", &b)]);
    assert_eq!(place(&findings), error(4, "mqtt.client_id"));
    assert_eq!(configuration.unwrap().disabled, [VendorId::new("b")]);
    let (_, findings) = found(GATEWAY, &[("a.toml", VENDOR), ("b.toml", VENDOR)]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].severity, Severity::Warning);
}

#[test]
fn files_that_cannot_be_read_are_told_and_never_waited_for() {
    let empty = tempfile::tempdir().unwrap();
    let findings = read(empty.path()).unwrap_err();
    assert!(findings[0].file.ends_with("doorward.toml") && findings[0].kind == Kind::Unreadable);

    let folder = folder(GATEWAY, &[("latin.toml", "")]);
    let vendors = folder.path().join("vendors.d");
    std::fs::write(vendors.join("latin.toml"), b"# one\n# T\xfcr\n").unwrap();
    std::fs::write(vendors.join("huge.toml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    std::fs::create_dir(vendors.join("folder.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", vendors.join("gone.toml")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(vendors.join("socket.toml")).unwrap();
    let configuration = read(folder.path()).unwrap();
    drop(socket);
    let told: Vec<_> = configuration
        .findings
        .iter()
        .map(|f| (f.file.file_name().unwrap().to_str().unwrap(), f.line, f.kind))
        .collect();
    let unreadable = Kind::Unreadable;
    assert_eq!(
        told,
        [
            ("folder.toml", None, unreadable),
            ("gone.toml", None, unreadable),
            ("huge.toml", None, unreadable),
            ("latin.toml", Some(2), unreadable),
            ("socket.toml", None, unreadable),
        ]
    );
    assert_eq!(configuration.disabled.len(), 5);
}

#[test]
fn a_file_that_is_wrong_all_over_is_told_in_bounds() {
    use std::fmt::Write as _;
    let mut text = VENDOR.to_owned();
    for n in 0..20_000 {
        writeln!(text, "k{n} = 1").unwrap();
    }
    let (_, findings) = found(GATEWAY, &[("z.toml", &text)]);
    assert_eq!(findings.len(), MAX_FINDINGS + 1);
    assert!(findings.last().unwrap().message.starts_with("19950 more"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z\\[\\]=\"{}.# \n0-9]{0,120}") {
        let _ = found(&text, &[("z.toml", &text)]);
    }
}

#[test]
fn limits_are_the_defaults_unless_they_are_given_and_within_bounds() {
    use crate::domain::rate::{Limits, Rate};
    let limits = |text: &str| {
        let file = format!("{VENDOR}{text}");
        let (configuration, findings) = found(GATEWAY, &[("zigbee2mqtt.toml", &file)]);
        assert!(findings.is_empty(), "{findings:#?}");
        configuration.unwrap().vendors[0].limits
    };
    assert_eq!(limits(""), Limits::default());
    let given = "[limits]\ndevice_per_s = 2\ndevice_burst = 20\nper_s = 300\nburst = 400\n";
    let expected =
        Limits { device: Rate::new(2, 20), frames: Rate::new(300, 400), ..Limits::default() };
    assert_eq!(limits(given), expected);
    for (text, key) in [
        ("device_per_s = 0", "limits.device_per_s"),
        ("device_burst = 1000001", "limits.device_burst"),
        ("per_s = 100001", "limits.per_s"),
        ("burst = 0", "limits.burst"),
    ] {
        let place = one_of_vendor(&format!("[limits]\n{text}\n"));
        assert_eq!(place, (5, key.to_owned(), Severity::Error), "{text}");
    }
    let place = one_of_vendor("[limits]\nper_s = 100\ndevice_per_s = 101\n");
    assert_eq!(place, (6, "limits.device_per_s".to_owned(), Severity::Warning));
    assert_eq!(one_of_vendor("[limits]\nper_s = \"many\"\n").2, Severity::Error);
    assert_eq!(one_of_vendor("[limits]\nper_m = 4\n").2, Severity::Warning);
}

//! `doorward setup`, with a real Mosquitto that runs on what it wrote.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::PubAckReason;

use crate::support::client::{Client, Fate};
use crate::support::controller::Controller;
use crate::support::gateway::eventbridge;
use crate::support::sink::Sink;
use crate::support::{free_port, wait_for};

#[test]
fn a_dry_run_writes_nothing_and_a_second_run_changes_nothing() {
    let controller = Controller::new();
    let first = controller.first();
    let dry = controller.run(&[first.clone(), vec!["--dry-run".to_owned()]].concat());
    assert!(dry.contains("would be created") && dry.contains("doorward.toml"), "{dry}");
    assert!(controller.files().is_empty(), "{dry}");
    assert_eq!(fs::read_dir(controller.folder.path()).unwrap().count(), 1, "the root alone");

    let said = controller.run(&first);
    assert!(said.contains("created") && said.contains("left to do:\n 1. "), "{said}");
    let made = controller.files();
    let secret =
        |path: &str| fs::metadata(controller.at(path)).unwrap().permissions().mode() & 0o077;
    for key in ["etc/tls/ca.key", "etc/tls/doorward-house.key", "etc/tls/devices/house.key"] {
        assert_eq!(secret(key), 0, "{key}");
    }
    let again = controller.run(&[]);
    assert!(again.contains("nothing changed"), "{again}");
    assert_eq!(controller.files(), made, "{again}");
    let same = controller.run(&first);
    assert!(same.contains("nothing changed"), "{same}");
    assert_eq!(controller.files(), made);

    // Setup closes a key that others could read, and gives it to the gateway's user where it may.
    let key = controller.at("etc/tls/doorward-house.key");
    let account = "doorward:x:4242:4243::/nonexistent:/usr/sbin/nologin\n";
    fs::write(controller.at("root/etc/passwd"), account).unwrap();
    fs::write(controller.at("root/etc/group"), "doorward:x:4243:\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let dry = controller.run(&["--dry-run".to_owned()]);
    assert!(
        dry.contains("doorward-house.key") && secret("etc/tls/doorward-house.key") != 0,
        "{dry}"
    );
    controller.run(&[]);
    let found = fs::metadata(&key).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    if rustix::process::geteuid().is_root() {
        assert_eq!((found.uid(), found.gid()), (4242, 4243));
    }
    assert!(controller.run(&[]).contains("nothing changed"));

    // What is not said and cannot be asked is an error, and nothing is written.
    let bare = Controller::new();
    let output = bare.setup(&["--instance", "gw"]);
    assert_eq!(output.status.code(), Some(2));
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(wrong.contains("--tenant NAME"), "{wrong}");
    assert!(bare.files().is_empty());
}

#[test]
fn the_way_to_the_cloud_is_tried_and_what_is_not_there_yet_is_left_to_do() {
    let controller = Controller::new();
    let said = controller.run(&controller.first());
    assert!(!said.contains("cloud") && !said.contains("put_events"), "a bus of its own: {said}");

    let file = controller.at("etc/doorward.toml");
    let standalone = fs::read_to_string(&file).unwrap();
    let with = |bus: &str| {
        let keys = bus.strip_prefix("[bus]\n").unwrap();
        assert_eq!(standalone.matches("\nkind = \"standalone\"\n").count(), 1, "{standalone}");
        fs::write(&file, standalone.replace("kind = \"standalone\"\n", keys)).unwrap();
        controller.run(&[])
    };
    let said = with(&eventbridge("doors", free_port()));
    assert!(said.contains("give the gateway keys for the bus") && !said.contains("tcp"), "{said}");

    let keys = "[bus.credentials]\nkind = \"environment\"\n";
    let said = with(&(eventbridge("doors", free_port()) + keys));
    assert!(said.contains("BAD  bus: tcp: "), "{said}");
    assert!(said.contains("mend what is told above of the way to the cloud"), "{said}");
    let sink = Sink::start();
    let said = with(&(eventbridge("doors", sink.port) + keys));
    assert!(said.contains("ok   bus: put_events: a handshake event on doors"), "{said}");
    assert!(!said.contains("way to the cloud"), "{said}");
}

#[test]
fn what_a_person_changed_stays_and_the_list_follows_it() {
    let controller = Controller::new();
    let first = controller.first();
    controller.run(&first);
    let list = || fs::read_to_string(controller.at("mosquitto/doorward/doorward.acl")).unwrap();
    assert!(!list().contains("garage/left"));
    controller.name_the_device();
    let settings = controller.at("mosquitto/conf.d/doorward.conf");
    let theirs = fs::read_to_string(&settings)
        .unwrap()
        .replace("autosave_interval 10", "autosave_interval 1");
    fs::write(&settings, &theirs).unwrap();
    let said = controller.run(&[]);
    assert_eq!(fs::read_to_string(&settings).unwrap(), theirs, "{said}");
    assert!(
        said.lines().any(|line| line.starts_with("kept") && line.ends_with("garage.toml")),
        "{said}"
    );
    assert!(
        list().contains("user garage\n") && list().contains("topic write garage/left/status/door")
    );
    // Another port is something else than before: the difference is shown, and nothing more.
    let other = free_port();
    let said = controller.run(&["--broker".to_owned(), format!("localhost:{other}")]);
    assert_eq!(fs::read_to_string(&settings).unwrap(), theirs);
    let lines = [format!("- listener {}", controller.port), format!("+ listener {other}")];
    assert!(lines.iter().all(|line| said.contains(line)), "{said}");
    assert!(said.contains("was changed by hand and is left alone"), "{said}");
}

#[test]
fn mosquitto_on_what_was_written_keeps_vendors_and_commands_apart() {
    let controller = Controller::new();
    controller.run(&controller.first());
    controller.name_the_device();
    controller.run(&[]);
    let broker = controller.broker();
    let refused = Fate::Answered(PubAckReason::NotAuthorized);
    let house = controller.client("house", &["zigbee2mqtt/+/set"]);
    let garage = controller.client("garage", &["garage/left/command/#"]);
    let ours = controller.client("doorward-house", &["#"]);
    let ours_garage = controller.client("doorward-garage", &["#"]);

    // The gateway's clients can do all that they must.
    for (client, topic) in [
        (&ours, "zigbee2mqtt/front/get"),
        (&ours, "zigbee2mqtt/front/set"),
        (&ours_garage, "garage/left/command/door"),
    ] {
        assert!(client.tell(topic, b"{}").is_taken(), "{topic}\n{}", broker.log());
    }
    house.hears("zigbee2mqtt/front/set", 0);
    garage.hears("garage/left/command/door", 0);
    for (client, topic) in [
        (&house, "zigbee2mqtt/front"),
        (&house, "zigbee2mqtt/front/availability"),
        (&house, "zigbee2mqtt/bridge/devices"),
        (&garage, "garage/left/status/door"),
        (&garage, "garage/left/status/availability"),
    ] {
        assert!(client.tell(topic, b"{}").is_taken(), "{topic}");
    }
    ours.hears("zigbee2mqtt/bridge/devices", 0);
    ours_garage.hears("garage/left/status/availability", 0);

    // Devices touch no other vendor's topics, and command nobody, themselves included.
    for (client, topics) in [
        (
            &house,
            &[
                "zigbee2mqtt/front/set",
                "zigbee2mqtt/front/get",
                "zigbee2mqtt/bridge/request/permit_join",
                "garage/left/status/door",
                "garage/left/command/door",
            ][..],
        ),
        (
            &garage,
            &[
                "garage/left/command/door",
                "garage/right/status/door",
                "zigbee2mqtt/front",
                "zigbee2mqtt/front/set",
            ],
        ),
        (
            &ours,
            &[
                "garage/left/command/door",
                "zigbee2mqtt/front",
                "zigbee2mqtt/bridge/request/permit_join",
            ],
        ),
        (
            &ours_garage,
            &["zigbee2mqtt/front/set", "garage/left/status/door", "garage/left/command/light"],
        ),
    ] {
        for topic in topics {
            assert_eq!(client.tell(topic, b"{}"), refused, "{topic}");
        }
    }
    // What was refused reached nobody, and nobody hears another vendor.
    let strange: Vec<_> = [&ours, &ours_garage, &house, &garage]
        .iter()
        .map(|client| client.heard().into_iter().map(|heard| heard.topic).collect::<Vec<_>>())
        .collect();
    assert!(strange[0].iter().all(|topic| topic.starts_with("zigbee2mqtt/")), "{strange:?}");
    assert!(strange[1].iter().all(|topic| topic.starts_with("garage/")), "{strange:?}");
    assert_eq!(strange[2], ["zigbee2mqtt/front/set"], "{strange:?}");
    assert_eq!(strange[3], ["garage/left/command/door"], "{strange:?}");

    // Setup tries the same, and says so.
    let said = controller.run(&[]);
    for line in [
        "ok   what house may publish at localhost",
        "ok   what garage may publish at localhost",
        "ok   what devices of house may publish: no command, of any vendor",
        "ok   what devices of garage may publish: no command, of any vendor",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(said.contains("0 errors, 0 warnings"), "{said}");
}

#[test]
fn devices_without_tls_come_in_by_password_to_their_own_topics_alone() {
    let controller = Controller::new();
    let plain = free_port();
    let listener = ["--plain-listener".to_owned(), format!("127.0.0.1:{plain}")];
    let said = controller.run(&[controller.first(), listener.to_vec()].concat());
    let file = controller.at("etc/tls/devices/garage.password");
    let password = fs::read_to_string(&file).unwrap();
    let password = password.trim();
    assert!(said.contains(&file.display().to_string()) && !said.contains(password), "{said}");
    controller.name_the_device();
    // It stays open without being asked for again, and the passwords stay.
    controller.run(&[]);
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), password);
    let made = controller.files();
    assert!(controller.run(&[]).contains("nothing changed"));
    assert_eq!(controller.files(), made);

    let broker = controller.broker();
    let ours = controller.client("doorward-garage", &["garage/left/status/door"]);
    let device = Client::connect_as(plain, "garage", password, &["garage/left/command/#"]);
    assert!(device.tell("garage/left/status/door", b"open").is_taken(), "{}", broker.log());
    ours.hears("garage/left/status/door", 0);
    assert!(ours.tell("garage/left/command/door", b"open").is_taken());
    device.hears("garage/left/command/door", 0);
    let refused = Fate::Answered(PubAckReason::NotAuthorized);
    for topic in ["garage/left/command/door", "zigbee2mqtt/front", "zigbee2mqtt/front/set"] {
        assert_eq!(device.tell(topic, b"{}"), refused, "{topic}");
    }
    for (user, password) in [("garage", "guessed"), ("doorward-garage", password), ("", "")] {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &plain.to_string(), "-q", "1"]);
        command.args(["-t", "garage/left/status/door", "-m", "closed"]);
        if !user.is_empty() {
            command.args(["-u", user, "-P", password]);
        }
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{user}: {output:?}");
    }
    assert_eq!(ours.heard().len(), 1, "what was refused reached nobody");
}

#[test]
fn a_list_that_lets_too_much_through_is_found_and_setup_mends_it() {
    let controller = Controller::new();
    controller.run(&controller.first());
    controller.name_the_device();
    controller.run(&[]);
    let list = controller.at("mosquitto/doorward/doorward.acl");
    let good = fs::read_to_string(&list).unwrap();
    fs::write(
        &list,
        good.replace("user doorward-house\n", "user doorward-house\ntopic readwrite #\n"),
    )
    .unwrap();
    let mut broker = controller.broker();
    let checked = |only: &str| -> serde_json::Value {
        let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .arg("--config")
            .arg(controller.at("etc"))
            .args(["check", "--only", only, "--json"])
            .output()
            .unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["checks"][0].clone()
    };
    assert_eq!(checked("broker")["state"], "ok");
    let found = checked("acl");
    assert_eq!(found["state"], "error", "{found}");
    let detail = found["detail"].as_str().unwrap();
    assert!(detail.contains("command another vendor's devices"), "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("doorward setup"), "{found}");
    // The remedy: the file is a person's now, so it is moved away first, as setup says.
    fs::remove_file(&list).unwrap();
    controller.run(&[]);
    assert_eq!(fs::read_to_string(&list).unwrap(), good);
    broker.kill();
    broker.up();
    assert_eq!(checked("acl")["state"], "ok");
    // A certificate that is another's is an error, and a broker that is gone is one.
    let tls = controller.at("etc/tls");
    let key = fs::read(tls.join("doorward-house.key")).unwrap();
    fs::copy(tls.join("doorward-garage.key"), tls.join("doorward-house.key")).unwrap();
    assert_eq!(checked("certificates")["state"], "error");
    fs::write(tls.join("doorward-house.key"), key).unwrap();
    assert_eq!(checked("certificates")["state"], "ok");
    broker.kill();
    wait_for("the broker is gone", Duration::from_secs(10), || {
        (checked("broker")["state"] == "error").then_some(())
    });
}

/// No file of a running gateway's is needed for it.
#[test]
fn what_setup_wrote_is_a_configuration_that_runs() {
    let controller = Controller::new();
    controller.run(&controller.first());
    let said = |path: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(["--config", path.to_str().unwrap(), "check", "--offline", "--strict"])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, words) = said(&controller.at("etc"));
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("ok   configuration: 2 vendors, 0 entries"), "{words}");
}

//! What the building's own authority signed: told before it ends, and signed anew while the broker,
//! its clients and the gateway go on.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use doorward::identity::Certificate;
use doorward_emulator::Authority;
use serde_json::Value;

use crate::support::controller::Controller;
use crate::support::gateway::Gateway;
use crate::support::wait_for;

const AUTHORITY: &str = "doorward authority of this building";
const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

/// Signs a certificate anew with the authority's own key: it began and ends so many seconds from now.
fn lasts(controller: &Controller, place: &str, (from, to): (i64, i64)) {
    let now = jiff::Timestamp::now();
    let at = |second: i64| now + jiff::SignedDuration::from_secs(second);
    let authority = Authority::of(&controller.at("etc/tls"), AUTHORITY);
    let name = place.rsplit('/').next().unwrap();
    match name {
        "ca" => authority.own_again(AUTHORITY, (at(from), at(to))),
        "server" => authority.again(&controller.at(place), None, (at(from), at(to))),
        _ => authority.again(&controller.at(place), Some(name), (at(from), at(to))),
    }
}

fn fingerprint(file: &Path) -> String {
    Certificate::read(file).unwrap().fingerprint
}

/// What Mosquitto shows to a new connection.
fn shown(controller: &Controller) -> String {
    let name = "localhost".try_into().unwrap();
    let tls = rustls::ClientConnection::new(controller.tls("house"), name).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", controller.port)).unwrap();
    let mut stream = rustls::StreamOwned::new(tls, socket);
    stream.flush().unwrap();
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    let certificate = stream.conn.peer_certificates().unwrap().first().unwrap();
    Certificate::from_der(certificate).unwrap().fingerprint
}

fn with_devices(controller: &Controller) {
    controller.run(&controller.first());
    controller.name_the_device();
    controller.run(&[]);
}

#[test]
fn what_is_due_is_signed_anew_and_mosquitto_shows_it_with_every_connection_kept() {
    let controller = Controller::new();
    with_devices(&controller);
    let keys = ["mosquitto/doorward/server.key", "etc/tls/doorward-house.key", "etc/tls/ca.key"];
    let secrets = || keys.map(|key| fs::read(controller.at(key)).unwrap());
    let made = secrets();
    // Its last three years of twenty, and the last half minute of two minutes.
    let server = controller.at("mosquitto/doorward/server.pem");
    lasts(&controller, "etc/tls/ca", (-17 * YEAR, 3 * YEAR));
    for place in ["etc/tls/doorward-house", "etc/tls/devices/house"] {
        lasts(&controller, place, (-90, 30));
    }
    lasts(&controller, "mosquitto/doorward/server", (-90, 30));
    let ours = controller.at("etc/tls/doorward-house.pem");
    let devices = controller.at("etc/tls/devices/house.pem");
    let (old, old_devices) = (fingerprint(&server), fingerprint(&devices));

    let broker = controller.broker();
    let house = controller.client("house", &["zigbee2mqtt/+/set"]);
    let gateways = controller.client("doorward-house", &["zigbee2mqtt/+"]);
    assert_eq!(shown(&controller), old);

    let before = controller.files();
    let dry = controller.run(&["--renew".to_owned(), "--dry-run".to_owned()]);
    assert!(dry.contains("would be updated") && dry.contains("server.pem"), "{dry}");
    assert_eq!(controller.files(), before);

    let said = controller.run(&["--renew".to_owned()]);
    let updated = |file: &Path| {
        let file = file.display().to_string();
        said.lines().any(|line| line.starts_with("updated") && line.ends_with(&file))
    };
    let authority = ["etc/tls/ca.pem", "mosquitto/doorward/ca.pem"].map(|file| controller.at(file));
    assert!([&server, &ours].into_iter().chain(&authority).all(|file| updated(file)), "{said}");
    assert!(said.contains("let Mosquitto read it: sudo systemctl reload mosquitto"), "{said}");
    let left = format!("left       {}: due, and carried by hand", devices.display());
    assert!(said.contains(&left), "{said}");
    assert_eq!(fingerprint(&devices), old_devices, "nobody would carry it");
    assert_eq!(secrets(), made, "a key is never exchanged unasked");
    for file in [&server, &ours] {
        let days = Certificate::read(file).unwrap().days_left(jiff::Timestamp::now());
        assert!(days > 9 * 365, "{}: {days}", file.display());
    }

    // Until it is told to, Mosquitto shows the old one; check says so, and what to do.
    let gateway = Gateway::of_folder(controller.at("etc"));
    let check = || gateway.check_only("broker");
    let told = check();
    assert!(told.contains("is not the one that lies here"), "{told}");
    assert!(told.contains("sudo systemctl reload mosquitto"), "{told}");
    broker.reload();
    let new = fingerprint(&server);
    wait_for("Mosquitto shows the new one", Duration::from_secs(10), || {
        (shown(&controller) == new).then_some(())
    });
    let told = check();
    assert!(told.contains("ok   certificate that localhost:"), "{told}");
    for client in [&house, &gateways] {
        assert_eq!(client.connections(), 1);
    }
    assert!(house.tell("zigbee2mqtt/front", b"{}").is_taken());
    gateways.hears("zigbee2mqtt/front", 0);
    // Mosquitto still has the authority's old certificate, and believes who is signed anew.
    drop(controller.client("doorward-house", &[]));

    let made = controller.files();
    let again = controller.run(&["--renew".to_owned()]);
    assert!(again.contains("nothing changed"), "{again}");
    assert_eq!(controller.files(), made);
    // Setup, which a person runs, signs what that person carries.
    let said = controller.run(&[]);
    assert_ne!(fingerprint(&devices), old_devices, "{said}");

    // Whom it believes Mosquitto reads at its start alone: told to look again, it shows what is new,
    // and lets in whom an authority signed that lies there no more.
    let strange = tempfile::tempdir().unwrap();
    fs::copy(Authority::new(strange.path()).ca(), &authority[1]).unwrap();
    lasts(&controller, "mosquitto/doorward/server", (0, YEAR));
    let new = fingerprint(&server);
    broker.reload();
    wait_for("Mosquitto shows the newest", Duration::from_secs(10), || {
        (shown(&controller) == new).then_some(())
    });
    drop(controller.client("doorward-house", &[]));
}

#[test]
fn without_the_authoritys_key_and_of_another_authority_nothing_is_touched() {
    let controller = Controller::new();
    with_devices(&controller);
    let ca = fs::read(controller.at("etc/tls/ca.key")).unwrap();
    // Another building's, whose key is not here: its certificate is due.
    let other = Controller::new();
    other.run(&other.first());
    lasts(&other, "mosquitto/doorward/server", (-90, 30));
    for name in ["server.pem", "server.key"] {
        let place = format!("mosquitto/doorward/{name}");
        fs::copy(other.at(&place), controller.at(&place)).unwrap();
    }
    let made = controller.files();
    let said = controller.run(&["--renew".to_owned()]);
    assert!(said.contains("nothing changed"), "{said}");
    assert_eq!(controller.files(), made);

    fs::remove_file(controller.at("etc/tls/ca.key")).unwrap();
    let said = controller.run(&["--renew".to_owned()]);
    assert!(said.contains("no key of an authority here"), "{said}");

    // What cannot be renewed is said, and the rest is renewed all the same.
    fs::write(controller.at("etc/tls/ca.key"), ca).unwrap();
    lasts(&controller, "etc/tls/doorward-house", (-90, 30));
    fs::write(controller.at("etc/tls/doorward-garage.pem"), "none").unwrap();
    let output = controller.setup(&["--renew"]);
    assert_eq!(output.status.code(), Some(2));
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(wrong.contains("doorward-garage.pem"), "{wrong}");
    let renewed = Certificate::read(&controller.at("etc/tls/doorward-house.pem")).unwrap();
    assert!(renewed.days_left(jiff::Timestamp::now()) > 9 * 365);
}

/// What was told of credentials: which, whose, days left.
fn told(gateway: &Gateway) -> Vec<(String, String, i64)> {
    let listing = ["events", "--type", "gateway.credential_expiring", "--json"];
    let output = gateway.command().args(listing).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut all: Vec<_> = text
        .lines()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            let data = event.pointer("/event/data").unwrap_or_else(|| panic!("{event}"));
            let word = |key: &str| data[key].as_str().unwrap().to_owned();
            (word("credential"), word("name"), data["days_left"].as_i64().unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn the_gateway_tells_of_the_brokers_and_the_devices_certificates_and_goes_on_through_a_renewal() {
    let controller = Controller::new();
    with_devices(&controller);
    let said = |which: &str, name: &str, days: i64| (which.to_owned(), name.to_owned(), days);
    // Not due yet, of hundred days; and due.
    lasts(&controller, "mosquitto/doorward/server", (-50 * DAY, 50 * DAY + 60));
    lasts(&controller, "etc/tls/devices/house", (-94 * DAY, 6 * DAY + 60));
    let broker = controller.broker();
    let mut gateway = Gateway::of_folder(controller.at("etc"));
    gateway.up();
    wait_for("both are told", Duration::from_secs(30), || {
        let expected =
            [said("broker_certificate", "gw-7", 50), said("devices_certificate", "house", 6)];
        (told(&gateway) == expected).then_some(())
    });
    let session = || broker.log().matches("as doorward-house (").count();
    wait_for("its vendor is at the broker", Duration::from_secs(30), || {
        (session() == 1).then_some(())
    });

    // It comes to its last month, is told of, and is renewed by what the timer runs.
    lasts(&controller, "mosquitto/doorward/server", (-80 * DAY, 20 * DAY + 60));
    let due = [
        said("broker_certificate", "gw-7", 20),
        said("broker_certificate", "gw-7", 50),
        said("devices_certificate", "house", 6),
    ];
    wait_for("it is told of a last month", Duration::from_secs(30), || {
        (told(&gateway) == due).then_some(())
    });
    let check = || gateway.check_only("certificates");
    let found = check();
    assert!(found.contains("the broker certificate of gw-7 ends in 20 days"), "{found}");
    assert!(found.contains("the devices certificate of house ends in 6 days"), "{found}");
    for remedy in ["sudo doorward setup --renew signs anew", "then bring it, with tls/ca.pem"] {
        assert!(found.contains(remedy), "{found}");
    }
    let core = gateway.pid();
    controller.run(&["--renew".to_owned()]);
    broker.reload();
    let new = fingerprint(&controller.at("mosquitto/doorward/server.pem"));
    wait_for("Mosquitto shows the new one", Duration::from_secs(10), || {
        (shown(&controller) == new).then_some(())
    });
    let found = check();
    assert!(found.contains("ok   broker certificate of gw-7"), "{found}");
    // The gateway's own session stood all the while, and nothing more is told.
    assert!(gateway.ended().is_none());
    assert_eq!(gateway.pid(), core);
    assert_eq!(session(), 1, "{}", broker.log());
    assert_eq!(told(&gateway), due);
}

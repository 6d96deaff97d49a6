//! Who the gateway is to the outside: keys of AWS for its certificate, and certificates that are
//! exchanged under load.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use doorward_emulator::{Authority, Iot, Mood, Moto, ROLE_ALIAS};
use serde_json::Value;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::certificates::Certificates;
use crate::support::client::Client;
use crate::support::device::{Act, act, act_of};
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::Sink;
use crate::support::wait_for;

const DOORS: usize = 2;
const OURS: &str = "doorward-zigbee2mqtt";
const BRIDGE: &str = "zigbee2mqtt";

/// `[bus.credentials]` for this endpoint, with the gateway's own certificate.
fn credentials(iot: &Iot, authority: &Authority) -> String {
    format!(
        "[bus.credentials]\nkind = \"iot\"\nendpoint = \"{}\"\nrole_alias = \"{ROLE_ALIAS}\"\n\
         ca = \"{}\"\n",
        iot.endpoint(),
        authority.ca().display()
    )
}

/// The gateway's key and first certificate, made as an installer does.
fn enrol(gateway: &Gateway, authority: &Authority, life: Duration) {
    let told = gateway.json(&["identity", "request"]).unwrap();
    let signed = gateway.folder.join("signed.pem");
    let key = Path::new(told["key"].as_str().unwrap());
    authority.sign(key, "gw-test", life, &signed);
    let install = ["identity", "install", signed.to_str().unwrap()];
    assert!(gateway.json(&install).is_some());
}

/// What `connect --test` says of this step, its exit status, and everything.
fn tried(gateway: &Gateway, way: &str, step: &str) -> (String, Option<i32>, Value) {
    let output = gateway.command().args(["connect", "--test", "--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = told["steps"].as_array().unwrap();
    let found = steps.iter().find(|told| told["way"] == way && told["step"] == step);
    let state = found.map_or("absent", |step| step["state"].as_str().unwrap());
    (state.to_owned(), output.status.code(), told.clone())
}

#[test]
fn the_bus_takes_events_signed_with_keys_for_the_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(&folder.path().join("authority"));
    let iot = Iot::start(&authority);
    let moto = Moto::start(folder.path());
    moto.create_bus("doors");
    let queue = moto.create_queue(
        "doors",
        "all",
        &serde_json::json!({
            "source": [{"prefix": "doorward.gateway/"}],
            "detail-type": ["entry.position_changed"],
        }),
    );
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let setup = Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: DOORS,
        bus: eventbridge("doors", moto.port) + &credentials(&iot, &authority),
        mqtt: String::new(),
    };
    let mut gateway = Gateway::configured_only(&setup);
    enrol(&gateway, &authority, Duration::from_hours(1));
    // Access keys are in its environment, and are not used: without an exchange nothing leaves.
    iot.be(Mood::Answer(403, "{\"message\":\"Access Denied\"}".to_owned()));
    gateway.up();
    gateway.connected();
    let device = Client::connect(broker.port, "device", &[]);
    let acts = act(&device, 0..DOORS, 1..=5);
    let trouble = wait_for("it is said why nothing leaves", Duration::from_secs(60), || {
        let status = gateway.json(&["queue"])?["status"].clone();
        (status["credentials"]["failure"] == "refused" && !status["uplink"]["trouble"].is_null())
            .then_some(status)
    });
    assert_eq!(trouble["uplink"]["accepted"], 0, "{trouble}");
    let words = trouble["credentials"]["words"].as_str().unwrap();
    assert!(words.contains("Access Denied") && words.contains("AssumeRoleWithCertificate"));
    let (state, code, told) = tried(&gateway, "keys", "keys");
    assert_eq!((state.as_str(), code), ("failed", Some(2)), "{told:#}");
    let (bus, ..) = tried(&gateway, "bus", "put_events");
    assert_eq!(bus, "failed");

    iot.be(Mood::Keys(Duration::from_mins(15)));
    let mut missing: BTreeSet<Act> = acts;
    wait_for("every act arrives in the queue", Duration::from_secs(120), || {
        for message in moto.take(&queue) {
            let detail = &message["detail"];
            let door = detail["entry_id"].as_str().unwrap().strip_prefix("door-").unwrap();
            let number = act_of(detail["time"].as_str().unwrap());
            missing.remove(&(door.parse().unwrap(), number));
        }
        missing.is_empty().then_some(())
    });
    let asked = iot.asked();
    assert!(asked.iter().all(|asked| asked.sni.as_deref() == Some("localhost")));
    assert!(asked.iter().any(|asked| asked.key.is_some()));
    assert!(!gateway.log().contains("a-secret") && !gateway.log().contains("a-token"));
    for (way, step) in [("keys", "keys"), ("bus", "put_events"), ("vendor zigbee2mqtt", "mqtt")] {
        let (state, code, told) = tried(&gateway, way, step);
        assert_eq!((state.as_str(), code), ("ok", Some(0)), "{told:#}");
    }
}

/// A script that signs as an authority does, for certificates that live this many seconds.
fn signer(folder: &Path, authority: &Path, life: u64) -> PathBuf {
    let settings = "[ca]\ndefault_ca = all\n[all]\ndatabase = index\nserial = serial\n\
                    new_certs_dir = .\ndefault_md = sha256\npolicy = any\nunique_subject = no\n\
                    x509_extensions = own\n[any]\ncommonName = supplied\n\
                    [own]\nbasicConstraints = CA:FALSE\nextendedKeyUsage = clientAuth\n";
    for (name, text) in [("ca.conf", settings), ("index", ""), ("serial", "1000\n")] {
        std::fs::write(authority.join(name), text).unwrap();
    }
    let script = folder.join("sign.sh");
    let text = format!(
        "#!/bin/sh\nset -e\ncd {}\nopenssl ca -batch -notext -config ca.conf -cert ca.pem \
         -keyfile ca.key -in \"$1\" -out \"$2\" -startdate \"$(date -u +%Y%m%d%H%M%SZ)\" \
         -enddate \"$(date -u -d '+{life} seconds' +%Y%m%d%H%M%SZ)\"\n",
        authority.display()
    );
    std::fs::write(&script, text).unwrap();
    script
}

/// For how many seconds a certificate lives in the test below.
fn life() -> u64 {
    std::env::var("DOORWARD_CERT_LIFE_S").map_or(24, |text| text.parse().unwrap())
}

/// The gateway's own certificate and its vendor's are renewed three times at two thirds of their
/// lives, under load: the core goes on, each new one is used, every act arrives once.
#[test]
fn three_renewals_under_load_lose_nothing() {
    let life = life();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("authority");
    let authority = Authority::new(&place);
    authority.server(Duration::from_hours(1));
    authority.client(BRIDGE, Duration::from_hours(1));
    let script = signer(folder.path(), &place, life);
    let renew_vendor = || {
        // The vendor's key stays: its certificate alone is another one, put in place at once.
        let request = place.join("vendor.csr");
        let (key, own) = (place.join(format!("{OURS}.key")), place.join(format!("{OURS}.pem")));
        let openssl = |arguments: &[&str]| {
            let output = Command::new("openssl").args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        let (key, csr) = (key.to_str().unwrap(), request.to_str().unwrap());
        openssl(&["req", "-new", "-key", key, "-subj", &format!("/CN={OURS}"), "-out", csr]);
        let next = place.join("vendor.next");
        let status = Command::new("sh").arg(&script).arg(&request).arg(&next).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
        std::fs::rename(&next, own).unwrap();
    };
    authority.client(OURS, Duration::from_secs(life));
    renew_vendor();
    let iot = Iot::start(&authority);
    iot.be(Mood::Keys(Duration::from_secs(life / 3)));
    let certificates = Certificates { folder: place.clone() };
    let broker = Broker::shipped(&folder.path().join("broker"), &certificates, "");
    let sink = Sink::start();
    let setup = Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: DOORS,
        bus: eventbridge("test", sink.port)
            + &credentials(&iot, &authority)
            + &format!("[identity]\nrenew_command = [\"/bin/sh\", \"{}\"]\n", script.display()),
        mqtt: certificates.table(&certificates, OURS),
    };
    let mut gateway = Gateway::configured_only(&setup);
    let renew = |gateway: &Gateway, arguments: &[&str]| {
        let told = gateway.json(&[&["identity", "renew"][..], arguments].concat());
        told.expect("it is renewed")["state"].as_str().unwrap().to_owned()
    };
    // The first one comes by the same command.
    assert_eq!(renew(&gateway, &[]), "renewed");
    gateway.up();
    gateway.connected();
    let core = gateway.pid();
    let bridge = Client::connect_tls(
        broker.port,
        "bridge",
        certificates.client(BRIDGE),
        &["zigbee2mqtt/+/get"],
    );

    let mut acts: BTreeSet<Act> = BTreeSet::new();
    let mut number = 0;
    let mut renewals = 0;
    let begun = Instant::now();
    let mut since = Instant::now();
    while renewals < 3 || since.elapsed() < Duration::from_secs(life) {
        assert!(begun.elapsed() < Duration::from_secs(life * 8 + 60), "{renewals} renewals");
        number += 1;
        acts.extend(act(&bridge, 0..DOORS, number..=number));
        std::thread::sleep(Duration::from_millis(20));
        if renewals < 3
            && since.elapsed() >= Duration::from_secs(life * 2 / 3)
            && renew(&gateway, &["--if-due"]) == "renewed"
        {
            renew_vendor();
            renewals += 1;
            since = Instant::now();
        }
    }
    // Each certificate but the last is over now, and the connections go on with the last one.
    assert_eq!(gateway.pid(), core);
    assert!(gateway.ended().is_none(), "the core went on");
    wait_for("every act arrives", Duration::from_secs(120), || {
        (sink.of_type("entry.position_changed").len() >= acts.len()).then_some(())
    });
    let arrived: Vec<Act> = sink
        .of_type("entry.position_changed")
        .iter()
        .map(|entry| {
            let door = entry.detail["entry_id"].as_str().unwrap().strip_prefix("door-").unwrap();
            (door.parse().unwrap(), act_of(entry.detail["time"].as_str().unwrap()))
        })
        .collect();
    assert_eq!(arrived.len(), acts.len(), "none twice");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), acts, "none lost");
    let shown: BTreeSet<Vec<u8>> = iot.asked().into_iter().map(|asked| asked.certificate).collect();
    assert!(shown.len() >= 4, "{} certificates were shown", shown.len());
    let anew = || gateway.log().matches("its certificate, key or authority is another one").count();
    wait_for("the vendor began anew", Duration::from_secs(30), || (anew() >= 3).then_some(()));
    assert_eq!(anew(), 3, "the vendor began anew with each certificate, and no oftener");
    let exchanges = iot.asked().len();
    println!(
        "certificates of {life} s: {renewals} renewals, {} acts, {exchanges} exchanges, {} s",
        acts.len(),
        begun.elapsed().as_secs()
    );
}

//! The broker with the settings, the ACL and the mutual TLS that we ship.

use std::path::Path;
use std::time::{Duration, Instant};

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::PubAckReason;

use crate::support::broker::Broker;
use crate::support::certificates::Certificates;
use crate::support::client::{Client, Fate};
use crate::support::device::act;
use crate::support::gateway::{Gateway, Setup, eventbridge, lock};
use crate::support::sink::Sink;
use crate::support::wait_for;

/// Our certificate's name, and so our user.
const OURS: &str = "doorward-zigbee2mqtt";
const BRIDGE: &str = "zigbee2mqtt";
const DOORS: usize = 2;

struct Stand {
    certificates: Certificates,
    broker: Broker,
    sink: Sink,
}

fn stand(folder: &Path, acl: &str) -> Stand {
    let names = [OURS, BRIDGE, "doorward-zwave", "zwave"];
    start(folder, acl, Certificates::make(&folder.join("tls"), &names))
}

fn start(folder: &Path, acl: &str, certificates: Certificates) -> Stand {
    let broker = Broker::shipped(&folder.join("broker"), &certificates, acl);
    Stand { certificates, broker, sink: Sink::start() }
}

impl Stand {
    fn client(&self, name: &str, filters: &[&str]) -> Client {
        let id = format!("test-{name}");
        Client::connect_tls(self.broker.port, &id, self.certificates.client(name), filters)
    }

    fn gateway(&self, folder: &Path, tls: &str) -> Gateway {
        let (entry, endpoint) = lock("front", "0x000000000000f00d", "front_lock");
        Gateway::start(&Setup {
            folder: &folder.join("gateway"),
            broker_port: self.broker.port,
            doors: DOORS,
            bus: eventbridge("test", self.sink.port) + &entry,
            mqtt: tls.to_owned() + &endpoint,
        })
    }
}

#[test]
fn events_flow_over_mutual_tls_and_a_bound_lock_is_read_after_the_connect() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path(), "");
    let bridge = stand.client(BRIDGE, &["zigbee2mqtt/+/get"]);
    let table = stand.certificates.table(&stand.certificates, OURS);
    let gateway = stand.gateway(folder.path(), &table);
    let asked = bridge.hears("zigbee2mqtt/front_lock/get", 0);
    assert_eq!(asked.payload, b"{\"state\":\"\"}");
    let heard = bridge.heard();
    assert_eq!(heard.len(), 1, "sensors cannot be asked: {heard:?}");
    let now = jiff::Timestamp::now();
    let answer =
        format!("{{\"lock_state\":\"locked\",\"last_seen\":\"{now:.3}\",\"state\":\"LOCK\"}}");
    assert!(bridge.tell("zigbee2mqtt/front_lock", answer.as_bytes()).is_taken());
    gateway.fact("front", "lock", "locked", "observed");
    let acts = act(&bridge, 0..DOORS, 1..=20);
    wait_for("every act arrives", Duration::from_secs(60), || {
        (stand.sink.of_type("entry.position_changed").len() == acts.len()).then_some(())
    });
    let (report, status) = gateway.check();
    assert_eq!((Gateway::found(&report), status), (Vec::new(), Some(0)), "{report}");
    for name in ["broker", "acl", "gateway", "journal"] {
        let all = report["checks"].as_array().unwrap();
        let outcome = all.iter().find(|outcome| outcome["name"] == name).unwrap();
        assert_eq!(outcome["state"], "ok", "{outcome}");
    }
}

#[test]
fn the_acl_keeps_vendors_apart_and_pairing_to_people() {
    let folder = tempfile::tempdir().unwrap();
    // A second vendor, as the ACL's head says: both blocks once more.
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/mosquitto/doorward.acl");
    let second = std::fs::read_to_string(shipped).unwrap().replace("zigbee2mqtt", "zwave");
    let stand = stand(folder.path(), &second);
    let [ours, others] = [OURS, "doorward-zwave"].map(|name| stand.client(name, &["#"]));
    let [bridge, other_bridge] = [(BRIDGE, "zigbee2mqtt/bridge/request/#"), ("zwave", "zwave/#")]
        .map(|(name, filter)| stand.client(name, &[filter]));

    // Each gateway user hears its own vendor's devices only; the second message closes the list.
    for topic in ["zwave/lock", "zwave/last"] {
        assert!(other_bridge.tell(topic, b"1").is_taken());
    }
    for topic in ["zigbee2mqtt/lock", "zigbee2mqtt/last"] {
        assert!(bridge.tell(topic, b"1").is_taken());
    }
    ours.hears("zigbee2mqtt/last", 0);
    others.hears("zwave/last", 0);
    let topics = |client: &Client| -> Vec<String> {
        client.heard().into_iter().map(|heard| heard.topic).collect()
    };
    assert_eq!(topics(&ours), ["zigbee2mqtt/lock", "zigbee2mqtt/last"]);
    assert_eq!(topics(&others), ["zwave/lock", "zwave/last"]);

    // Ours asks and commands its devices. It pairs none, speaks for none, and is nobody at
    // another vendor.
    let refused = Fate::Answered(PubAckReason::NotAuthorized);
    for topic in [
        "zigbee2mqtt/bridge/request/permit_join",
        "zigbee2mqtt/bridge/request/device/remove",
        "zigbee2mqtt/lock",
        "zigbee2mqtt/lock/set/state",
        "zwave/lock/set",
        "homeassistant/lock/front/config",
    ] {
        assert_eq!(ours.tell(topic, b"{}"), refused, "{topic}");
    }
    for topic in ["zigbee2mqtt/lock/get", "zigbee2mqtt/lock/set"] {
        assert!(ours.tell(topic, b"{}").is_taken(), "{topic}");
    }
    // At QoS 0 nobody is told; nothing comes through all the same.
    ours.fate(ours.publish("zigbee2mqtt/bridge/request/restart", b"{}", QoS::AtMostOnce, false));
    assert!(ours.tell("zigbee2mqtt/lock/set", b"{}").is_taken());
    assert!(bridge.tell("zigbee2mqtt/bridge/request/by-hand", b"{}").is_taken());
    bridge.hears("zigbee2mqtt/bridge/request/by-hand", 0);
    assert_eq!(topics(&bridge), ["zigbee2mqtt/bridge/request/by-hand"]);
}

/// Attempts that a test waits for. Their backoffs have ceilings of 0.25, 0.5, 1, 2 and 4 s.
const ATTEMPTS: usize = 6;
/// Without backoff they take some 50 ms. With it, full jitter brings them below this once in
/// some 400,000 runs: 0.2⁵ / (5! · 0.25 · 0.5 · 1 · 2 · 4).
const AT_LEAST: Duration = Duration::from_millis(200);

/// A gateway with the files that `tls` names finds no broker, tries seldom, and says why:
/// `cause` is in the log and in a finding.
fn is_refused(tls: impl FnOnce(&Certificates, &Path) -> String, cause: &str) {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(&folder.path().join("tls"), &[OURS]);
    let table = tls(&certificates, folder.path());
    let stand = start(folder.path(), "", certificates);
    let begun = Instant::now();
    let gateway = stand.gateway(folder.path(), &table);
    let attempts = || gateway.log().matches("no connection to the broker").count();
    wait_for("several attempts", Duration::from_secs(60), || {
        (attempts() >= ATTEMPTS).then_some(())
    });
    assert!(begun.elapsed() > AT_LEAST, "{ATTEMPTS} attempts in {:?}", begun.elapsed());
    // The broker's count is another's word for ours; it words one in two ways, and later than we
    // do. One of its connections is the test's own, which saw that it listens.
    let connections = || {
        let log = stand.broker.log();
        let count = |words| log.matches(words).count();
        (count("New connection from") + count("Client connection from")).saturating_sub(1)
    };
    wait_for("the broker tells of them too", Duration::from_secs(30), || {
        (connections() >= ATTEMPTS).then_some(())
    });
    // One more may have come just now.
    let (connections, attempts) = (connections(), attempts());
    assert!(connections <= attempts + 1, "{connections}:\n{}", stand.broker.log());
    assert_eq!(gateway.sessions(), Vec::<bool>::new());
    assert!(!stand.broker.log().contains(OURS), "the broker knows no client of ours");
    gateway.says(&[cause]);
    let (report, status) = gateway.check();
    assert_eq!(status, Some(2));
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| {
        let message = finding["message"].as_str().unwrap();
        message.contains("broker of zigbee2mqtt") && message.contains(cause)
    });
    let finding = finding.unwrap_or_else(|| panic!("{cause:?} is not in {report:#}"));
    assert!(finding["file"].as_str().unwrap().ends_with("zigbee2mqtt.toml"));
    assert!(!finding["remedy"].as_str().unwrap().is_empty());
}

#[test]
fn a_broker_of_another_authority_is_not_trusted() {
    let tls = |broker: &Certificates, folder: &Path| {
        let other = Certificates::make(&folder.join("other"), &[OURS]);
        other.table(broker, OURS)
    };
    is_refused(tls, "invalid peer certificate");
}

#[test]
fn a_broker_with_an_expired_certificate_is_not_trusted() {
    let tls = |broker: &Certificates, _: &Path| {
        broker.expire("server");
        broker.table(broker, OURS)
    };
    is_refused(tls, "invalid peer certificate: certificate expired");
}

#[test]
fn without_a_certificate_of_our_own_the_broker_refuses_us() {
    let tls = |broker: &Certificates, _: &Path| {
        format!("[mqtt.tls]\nca = \"{}/ca.pem\"\n", broker.folder.display())
    };
    is_refused(tls, "TLS: the broker refused us: CertificateRequired");
}

#[test]
fn with_a_certificate_of_another_authority_the_broker_refuses_us() {
    let tls = |broker: &Certificates, folder: &Path| {
        let foreign = Certificates::make(&folder.join("foreign"), &[OURS]);
        broker.table(&foreign, OURS)
    };
    is_refused(tls, "TLS: the broker refused us: UnknownCA");
}

#[test]
fn with_an_expired_certificate_the_broker_refuses_us() {
    let tls = |broker: &Certificates, _: &Path| {
        broker.expire(OURS);
        broker.table(broker, OURS)
    };
    is_refused(tls, "TLS: the broker refused us: CertificateExpired");
}

use doorward_translators::{Capability, MAX_LABEL, Message, Quality, Translator, zigbee2mqtt};
use doorward_translators::{LockState, RefusalReason};

use super::*;
use crate::link::{CommandProgress, Digest, Layer};

fn signal(n: u64, observations: Vec<Observation>) -> Signal {
    Signal {
        n,
        identified: false,
        digest: Digest([0; 16]),
        epoch: 1,
        lossy: false,
        retained: false,
        received_at: jiff::Timestamp::UNIX_EPOCH,
        observations,
        stands_for: 0,
        evidence: None,
    }
}

fn observed(address: &str, what: What) -> Observation {
    Observation { address: address.to_owned(), device_time: None, what }
}

fn lock() -> What {
    What::Lock { state: LockState::Locked, quality: Quality::Reported }
}

fn device(identity: &str, address: &str) -> Device {
    Device {
        identity: identity.to_owned(),
        address: address.to_owned(),
        manufacturer: Some("m".repeat(MAX_LABEL)),
        model: None,
        capabilities: vec![Capability::Lock],
    }
}

fn check(what: What) -> Result<(), Violation> {
    signal(1, vec![observed("door", what)]).check()
}

#[test]
fn a_length_that_no_payload_has_is_a_violation() {
    let evidence = Evidence {
        source: "t".to_owned(),
        refusal: None,
        detail: String::new(),
        bytes: u64::MAX,
        raw: None,
        keyed_digest: Digest([0; 16]),
    };
    let signal = Signal { evidence: Some(evidence), ..signal(1, Vec::new()) };
    assert!(matches!(signal.check(), Err(Violation::TooMuch { what: "bytes", .. })));
}

#[test]
fn what_is_within_the_bounds_passes() {
    let mut full = signal(1, vec![observed(&"a".repeat(MAX_ADDRESS), lock()); MAX_OBSERVATIONS]);
    full.evidence = Some(Evidence {
        source: "ä".repeat(256),
        refusal: Some(RefusalReason::TooLarge),
        detail: "ü".repeat(256),
        bytes: MAX_PAYLOAD as u64,
        raw: Some("x".repeat(MAX_RAW)),
        keyed_digest: Digest([0; 16]),
    });
    assert_eq!(full.check(), Ok(()));
    let devices = vec![device("0x1", "door"); MAX_DEVICES];
    assert_eq!(check(What::Inventory { devices, complete: true }), Ok(()));
    assert_eq!(check(What::Battery { percent: Some(100.0), low: None }), Ok(()));
    assert_eq!(check(What::Battery { percent: None, low: Some(true) }), Ok(()));
}

#[test]
fn what_our_own_translator_makes_of_the_worst_passes() {
    let translator = zigbee2mqtt::Zigbee2Mqtt::new(zigbee2mqtt::Settings::default()).unwrap();
    let long = "n".repeat(zigbee2mqtt::MAX_TOPIC - "zigbee2mqtt//availability".len());
    let many: String = (0..900).map(|n| format!("\"lock_state_{n}\":\"\\u0007{n}\",")).collect();
    for (topic, payload) in [
        (format!("zigbee2mqtt/{long}"), format!("{{{many}\"state\":\"LOCK\"}}")),
        (format!("zigbee2mqtt/{long}/availability"), "perhaps\u{7}".to_owned()),
        ("zigbee2mqtt/bridge/devices".to_owned(), "[1,2,{}]".to_owned()),
    ] {
        let message = Message { topic: &topic, payload: payload.as_bytes(), retained: false };
        let observations = translator.translate(&message).unwrap();
        assert!(!observations.is_empty());
        assert_eq!(signal(1, observations).check(), Ok(()));
    }
    const { assert!(doorward_translators::MAX_OBSERVATIONS <= MAX_OBSERVATIONS) };
    const { assert!(zigbee2mqtt::MAX_TOPIC <= MAX_ADDRESS) };
    const { assert!(doorward_translators::MAX_DETAIL <= MAX_DETAIL) };
}

#[test]
fn what_is_beyond_them_does_not() {
    let too_many = signal(1, vec![observed("door", lock()); MAX_OBSERVATIONS + 1]);
    assert!(matches!(too_many.check(), Err(Violation::TooMuch { what: "observations", .. })));
    let too_many =
        Signal { stands_for: u32::try_from(CREDIT).unwrap() + 1, ..signal(1, Vec::new()) };
    assert!(matches!(too_many.check(), Err(Violation::TooMuch { what: "stands_for", .. })));
    let long = |bound: usize| "x".repeat(bound + 1);
    let too_much = |what: What, name: &str| {
        let result = check(what);
        let is = matches!(&result, Err(Violation::TooMuch { what, .. }) if *what == name);
        assert!(is, "{name}: {result:?}");
    };
    let result = signal(1, vec![observed(&long(MAX_ADDRESS), lock())]).check();
    assert!(matches!(result, Err(Violation::TooMuch { what: "address", .. })));
    too_much(What::Availability { part: long(MAX_PART), online: true }, "part");
    too_much(What::CommandFailed { detail: long(MAX_DETAIL) }, "detail");
    too_much(What::Anomaly { field: long(MAX_PART), detail: String::new() }, "field");
    too_much(What::Anomaly { field: String::new(), detail: long(MAX_DETAIL) }, "detail");
    let listed = |devices| What::Inventory { devices, complete: true };
    too_much(listed(vec![device(&long(MAX_IDENTITY), "a")]), "identity");
    too_much(listed(vec![device("0x1", &long(MAX_ADDRESS))]), "address");
    too_much(listed(vec![device("0x1", "a"); MAX_DEVICES + 1]), "devices");
    let label = Device { model: Some(long(MAX_LABEL)), ..device("0x1", "a") };
    too_much(listed(vec![label]), "label");
    let capable = Device { capabilities: vec![Capability::Lock; 17], ..device("0x1", "a") };
    too_much(listed(vec![capable]), "capabilities");
    assert_eq!(check(listed(vec![device("", "a")])), Err(Violation::Empty("identity")));
    assert_eq!(check(listed(vec![device("0x1", "")])), Err(Violation::Empty("address")));
    let part = What::Availability { part: String::new(), online: true };
    assert_eq!(check(part), Err(Violation::Empty("part")));
    for percent in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
        let battery = What::Battery { percent: Some(percent), low: None };
        assert!(matches!(check(battery), Err(Violation::NoPercentage(_))));
    }
    let escape = What::CommandFailed { detail: "\u{1b}[2J".to_owned() };
    assert_eq!(check(escape), Err(Violation::ControlCharacter("detail")));
}

#[test]
fn devices_are_counted_over_all_inventories_of_a_signal() {
    let inventory = || {
        let devices = vec![device("0x1", "a"); MAX_DEVICES / 2 + 1];
        observed("", What::Inventory { devices, complete: true })
    };
    assert_eq!(signal(1, vec![inventory()]).check(), Ok(()));
    let result = signal(1, vec![inventory(), inventory()]).check();
    assert!(matches!(result, Err(Violation::TooMuch { what: "devices", .. })));
}

#[test]
fn signals_count_up_by_one_and_stay_within_their_credit() {
    let mut order = Order::default();
    let frame = |n| VendorFrame::Signal(signal(n, Vec::new()));
    assert_eq!(order.admit(&frame(1), 0), Err(Violation::NoSandbox));
    assert_eq!(order.admit(&layers(1, ""), 0), Ok(()));
    assert_eq!(order.admit(&layers(1, ""), 0), Err(Violation::SecondSandbox));
    assert_eq!(order.admit(&frame(2), 0), Err(Violation::OutOfOrder { got: 2, expected: 1 }));
    let credit = CREDIT as u64;
    for n in 1..=credit {
        assert_eq!(order.admit(&frame(n), 0), Ok(()));
    }
    assert_eq!(order.admit(&frame(credit + 1), 0), Err(Violation::Credit));
    assert_eq!(order.admit(&frame(credit + 1), 1), Ok(()));
    assert_eq!(
        order.admit(&frame(credit + 1), 9),
        Err(Violation::OutOfOrder { got: credit + 1, expected: credit + 2 })
    );
}

fn layers(count: usize, detail: &str) -> VendorFrame {
    let (name, detail) = ("limits".to_owned(), detail.to_owned());
    VendorFrame::Sandbox { layers: vec![Layer { name, in_force: true, detail }; count] }
}

#[test]
fn layers_of_a_sandbox_are_bounded() {
    assert_eq!(layers(MAX_LAYERS, &"x".repeat(MAX_DETAIL)).check(), Ok(()));
    assert!(matches!(layers(MAX_LAYERS + 1, "").check(), Err(Violation::TooMuch { .. })));
    let long = layers(1, &"x".repeat(MAX_DETAIL + 1));
    assert!(matches!(long.check(), Err(Violation::TooMuch { what: "detail", .. })));
    assert_eq!(layers(1, "a\nb").check(), Err(Violation::ControlCharacter("detail")));
    let nameless = Layer { name: String::new(), in_force: true, detail: String::new() };
    let nameless = VendorFrame::Sandbox { layers: vec![nameless] };
    assert_eq!(nameless.check(), Err(Violation::Empty("layer")));
}

#[test]
fn a_hello_comes_once_and_in_this_protocol() {
    let hello = |protocol| VendorFrame::Hello { protocol, build: "0.1.0".to_owned() };
    assert_eq!(hello(PROTOCOL).check(), Ok(()));
    assert_eq!(hello(PROTOCOL + 1).check(), Err(Violation::Protocol(PROTOCOL + 1)));
    assert_eq!(Order::default().admit(&hello(PROTOCOL), 0), Err(Violation::SecondHello));
    let mut order = Order::default();
    let connection = |up, epoch| VendorFrame::Connection { up, epoch, detail: String::new() };
    // Tried in vain, stood and went, stood.
    for (up, epoch) in [(false, 1), (true, 2), (false, 2), (true, 7)] {
        assert_eq!(order.admit(&connection(up, epoch), 0), Ok(()), "{up} {epoch}");
    }
    for (up, epoch) in [(true, 7), (true, 3), (false, 6)] {
        let refused = Err(Violation::Epoch { epoch, last: 7 });
        assert_eq!(order.admit(&connection(up, epoch), 0), refused, "{up} {epoch}");
    }
    assert_eq!(order.admit(&connection(false, 7), 0), Ok(()));
    assert!(order.admit(&connection(false, 7), 0).is_err(), "it went already");
    let beat = VendorFrame::Heartbeat { handled: 1, waiting: 0, unacknowledged: u32::MAX };
    assert!(matches!(beat.check(), Err(Violation::TooMuch { .. })));
}

#[test]
fn words_about_a_command_are_bounded() {
    let told = |detail: &str| {
        let (id, state) = (Uuid::nil(), CommandProgress::Dispatched);
        VendorFrame::Command(CommandTold { id, state, detail: detail.to_owned() }).check()
    };
    assert_eq!(told(&"x".repeat(MAX_DETAIL)), Ok(()));
    assert!(matches!(told(&"x".repeat(MAX_DETAIL + 1)), Err(Violation::TooMuch { .. })));
    assert_eq!(told("a\nb"), Err(Violation::ControlCharacter("detail")));
}

#[test]
fn a_command_is_for_a_device_of_the_vendors_own() {
    let vendor = VendorId::new("z");
    let check = |endpoint: &str, address: &str| {
        let (endpoint, address) = (EndpointId::new(endpoint), address.to_owned());
        let left = std::time::Duration::from_secs(1);
        CommandOrder::now(Uuid::nil(), endpoint, address, doorward_translators::Act::Open, left)
            .check(&vendor)
    };
    assert_eq!(check("z:0x1", "front"), Ok(()));
    for foreign in ["y:0x1", "zz:0x1", "0x1", "", ":z"] {
        assert_eq!(
            check(foreign, "front"),
            Err(Violation::ForeignEndpoint(EndpointId::new(foreign)))
        );
    }
    assert_eq!(check("z:0x1", ""), Err(Violation::Empty("address")));
    assert_eq!(check("z:0x1", "a\nb"), Err(Violation::ControlCharacter("address")));
    let long = "a".repeat(MAX_ADDRESS + 1);
    assert!(matches!(check("z:0x1", &long), Err(Violation::TooMuch { what: "address", .. })));
}

/// Whatever a process calls its devices, what comes of it is its own vendor's endpoint.
#[test]
fn no_identity_leads_to_another_vendors_endpoint() {
    let vendor = VendorId::new("rogue");
    for identity in ["zigbee2mqtt:0x1", ":", "::", "../zigbee2mqtt:0x1", "rogue:zigbee2mqtt:0x1"] {
        let what = What::Inventory { devices: vec![device(identity, "a")], complete: true };
        assert_eq!(check(what), Ok(()), "{identity}");
        assert_eq!(EndpointId::of(&vendor, identity).vendor(), "rogue", "{identity}");
    }
    for identity in ["", "a\nb", "\u{0}"] {
        let what = What::Inventory { devices: vec![device(identity, "a")], complete: true };
        assert!(check(what).is_err(), "{identity:?}");
    }
}

//! `doorward check`: its exit status and its JSON.

use serde_json::Value;

use crate::gateway::{Place, Said};

fn report(said: &Said) -> Value {
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let findings = report["findings"].as_array().unwrap();
    for finding in findings {
        assert!(finding["file"].is_string() && finding["message"].is_string(), "{finding}");
        assert!(finding["remedy"].is_string() && finding["kind"].is_string(), "{finding}");
    }
    let errors = findings.iter().filter(|finding| finding["severity"] == "error").count();
    assert_eq!(report["errors"], errors);
    assert_eq!(report["warnings"], findings.len() - errors);
    report
}

#[test]
fn the_exit_status_says_how_bad_it_is() {
    let place = Place::new();
    let offline = |more: &[&str]| place.run(&[&["check", "--offline"], more].concat()).code;
    assert_eq!(offline(&[]), Some(2), "a vendor's file is bad");
    std::fs::remove_file(place.path().join("vendors.d/bad.toml")).unwrap();
    assert_eq!((offline(&[]), offline(&["--strict"])), (Some(0), Some(0)));
    place.write(
        "vendors.d/zigbee2mqtt.toml",
        "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = 9\nsession_expiry_s = 0\n",
    );
    assert_eq!((offline(&[]), offline(&["--strict"])), (Some(0), Some(1)));
}

#[test]
fn a_key_that_nothing_reads_is_an_error_here_and_a_warning_to_the_gateway() {
    let place = Place::new();
    std::fs::remove_file(place.path().join("vendors.d/bad.toml")).unwrap();
    let main = std::fs::read_to_string(place.path().join("doorward.toml")).unwrap();
    place.write("doorward.toml", &format!("colour = \"red\"\n{main}"));
    let said = place.run(&["check", "--offline", "--json"]);
    assert_eq!(said.code, Some(2));
    let report = report(&said);
    assert_eq!(report["findings"][0]["kind"], "unknown_key");
    assert_eq!(report["findings"][0]["severity"], "error");
    assert_eq!(
        (&report["findings"][0]["line"], &report["findings"][0]["key"]),
        (&1.into(), &"colour".into())
    );
    let _gateway = place.start();
    place.says(&["WARN", "colour"]);
}

#[test]
fn brokers_are_reached_unless_told_not_to() {
    let place = Place::new();
    let said = place.run(&["check", "--json"]);
    assert_eq!(said.code, Some(2));
    let with = report(&said);
    let of = |check: &str| {
        let all = with["looked"].as_array().unwrap();
        all.iter().find(|looked| looked["check"] == check).unwrap()
    };
    let (broker, gateway) = (of("broker"), of("gateway"));
    assert_eq!(
        (&broker["what"], &broker["ok"]),
        (&"broker of zigbee2mqtt at 127.0.0.1:9".into(), &false.into())
    );
    assert_eq!(
        (&gateway["what"], &gateway["skipped"]),
        (&"the running gateway".into(), &true.into())
    );
    let without = report(&place.run(&["check", "--offline", "--json"]));
    assert_eq!(without["looked"], Value::Array(Vec::new()));
    assert_eq!(with["errors"].as_u64(), without["errors"].as_u64().map(|errors| errors + 1));
    let words = place.run(&["check"]);
    assert!(words.out.contains("BAD  broker of zigbee2mqtt"), "{words:?}");
    assert!(words.out.contains("-    the running gateway: it does not run"), "{words:?}");
    // Whether a time service keeps this machine's clock is not the test's.
    assert!(words.out.contains("\n2 errors, "), "{words:?}");
}

#[test]
fn a_folder_without_a_configuration_is_an_error_with_a_remedy() {
    let place = Place::new();
    std::fs::remove_file(place.path().join("doorward.toml")).unwrap();
    let said = place.run(&["check", "--json"]);
    assert_eq!(said.code, Some(2));
    let report = report(&said);
    assert_eq!(report["findings"][0]["kind"], "unreadable");
}

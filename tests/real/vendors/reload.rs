//! Files that change while the gateway runs.

use super::{SOON, running, stand, vendor, write_shed};
use crate::access::detail;
use crate::support::gateway::signal;
use crate::support::wait_for;

#[test]
fn one_vendors_file_touches_that_vendors_process_alone() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let (front, shed) = (running(&stand.gateway, "zigbee2mqtt"), running(&stand.gateway, "shed"));

    // Nothing changed: nothing happens.
    let (lines, code) = stand.lines(&["reload"]);
    assert_eq!((code, &lines[0]["applied"]), (Some(0), &true.into()), "{lines:?}");
    for what in ["added", "changed", "removed", "entries", "at_next_start"] {
        assert_eq!(lines[0][what], serde_json::json!([]), "{what}: {lines:?}");
    }
    assert_eq!(stand.gateway.vendor_named("shed"), Some(shed));

    write_shed(&stand, "garden");
    let (lines, code) = stand.lines(&["reload"]);
    assert_eq!((code, &lines[0]["changed"]), (Some(0), &serde_json::json!(["shed"])), "{lines:?}");
    let again = wait_for("another process", SOON, || {
        stand.gateway.vendor_named("shed").filter(|pid| *pid != shed)
    });
    assert_eq!(running(&stand.gateway, "shed"), again);

    std::fs::remove_file(stand.gateway.folder.join("vendors.d/shed.toml")).unwrap();
    let (lines, code) = stand.lines(&["reload"]);
    assert_eq!((code, &lines[0]["removed"]), (Some(0), &serde_json::json!(["shed"])), "{lines:?}");
    wait_for("its process is gone", SOON, || {
        stand.gateway.vendor_named("shed").is_none().then_some(())
    });
    assert_eq!(vendor(&stand.gateway, "shed"), None);

    // The door's own process served it all along.
    assert_eq!(stand.gateway.vendor_named("zigbee2mqtt"), Some(front));
    assert_eq!(vendor(&stand.gateway, "zigbee2mqtt").unwrap()["starts"], 1);
    assert_eq!(stand.lines(&["unlock", "front"]).1, Some(0));
}

#[test]
fn a_bad_file_changes_nothing_and_says_where_it_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let (front, shed) = (running(&stand.gateway, "zigbee2mqtt"), running(&stand.gateway, "shed"));
    let file = stand.gateway.folder.join("vendors.d/shed.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let main = stand.gateway.folder.join("doorward.toml");
    let door = std::fs::read_to_string(&main).unwrap();

    // A good change of the one file, and a bad one of the other: neither counts.
    std::fs::write(&main, format!("{door}[[entry]]\nid = \"side\"\nroles = {{}}\n")).unwrap();
    std::fs::write(&file, good.replace("port = ", "port = -")).unwrap();
    let (lines, code) = stand.lines(&["reload"]);
    assert_eq!((code, &lines[0]["applied"]), (Some(3), &false.into()), "{lines:?}");
    let finding = lines[0]["findings"][0].as_str().unwrap();
    assert!(finding.contains("shed.toml:4") && finding.contains("remedy"), "{finding}");
    assert_eq!(stand.gateway.door("side"), None);
    let pids = ["zigbee2mqtt", "shed"].map(|name| stand.gateway.vendor_named(name));
    assert_eq!(pids, [Some(front), Some(shed)]);

    // By the signal too.
    assert!(signal(stand.gateway.pid(), "HUP"));
    wait_for("the log says so", SOON, || {
        (stand.gateway.log().matches("the new configuration is bad").count() == 2).then_some(())
    });
    std::fs::write(&file, good).unwrap();
    std::fs::write(&main, door.replace("zigbee2mqtt:0x00158d0001a2b3c4", "shed:0x1")).unwrap();
    assert!(signal(stand.gateway.pid(), "HUP"));
    let registered =
        stand.sink.gets("entry.registered", |entry| detail(entry).to_string().contains("shed:0x1"));
    assert_eq!(detail(&registered)["entry_id"], "front");
    let pids = ["zigbee2mqtt", "shed"].map(|name| stand.gateway.vendor_named(name));
    assert_eq!(pids, [Some(front), Some(shed)]);
    // The door has another sensor, whose word counts; the one before says nothing of it.
    assert!(stand.contact.tell("shed/window", b"{\"contact\":false}").is_taken());
    stand.gateway.fact("front", "position", "open", "observed");
    stand.leaf(true);
    assert!(stand.contact.tell("shed/window", b"{\"contact\":false,\"x\":1}").is_taken());
    stand.gateway.fact("front", "position", "open", "observed");
}

#[test]
fn what_only_a_start_can_change_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let main = stand.gateway.folder.join("doorward.toml");
    let text = std::fs::read_to_string(&main).unwrap();
    std::fs::write(&main, text.replace("tenant = \"acme\"", "tenant = \"other\"")).unwrap();
    let (lines, code) = stand.lines(&["reload"]);
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(lines[0]["at_next_start"], serde_json::json!(["gateway"]));
    assert!(stand.contact.tell("zigbee2mqtt/front_contact", b"{\"contact\":false}").is_taken());
    let told = detail(
        &stand
            .sink
            .gets("entry.position_changed", |entry| detail(entry)["data"]["position"] == "open"),
    );
    assert_eq!(told["tenant_id"], "acme");
}

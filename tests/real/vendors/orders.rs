//! Restart, isolate, release; and a process that hangs.

use super::{SOON, running, stand, vendor};
use crate::access::{Stand, detail};
use crate::support::gateway::signal;
use crate::support::wait_for;

#[test]
fn an_isolated_vendor_stays_away_until_it_is_released_and_its_doors_refuse_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = stand(folder.path());
    let shed = running(&stand.gateway, "shed");
    let (lines, code) = stand.lines(&["vendors", "isolate", "zigbee2mqtt"]);
    assert_eq!((code, &lines[0]["state"]), (Some(0), &"isolated".into()), "{lines:?}");
    wait_for("its process is gone", SOON, || {
        stand.gateway.vendor_named("zigbee2mqtt").is_none().then_some(())
    });
    stand.gateway.fact("front", "lock", "unknown", "unknown");
    stand.gateway.fact("front", "position", "unknown", "unknown");
    let told = detail(&stand.sink.gets("vendor.isolated", |_| true));
    assert_eq!(told["data"]["cause"], "operator");
    assert!(told["data"]["detail"].as_str().unwrap().contains("user 0"), "{told}");

    let (lines, code) = stand.lines(&["unlock", "front"]);
    assert_eq!((code, &lines[0]["reason"]), (Some(3), &"vendor_unavailable".into()), "{lines:?}");
    let (lines, code) = stand.lines(&["vendors", "restart", "zigbee2mqtt"]);
    assert_eq!(code, Some(3), "{lines:?}");

    // It outlives the gateway's process; the other vendor never noticed.
    assert_eq!(stand.gateway.vendor_named("shed"), Some(shed));
    stand.gateway.kill();
    stand.gateway.up();
    running(&stand.gateway, "shed");
    let off = vendor(&stand.gateway, "zigbee2mqtt").unwrap();
    assert_eq!((&off["state"], &off["starts"]), (&"isolated".into(), &0.into()), "{off}");
    assert_eq!(stand.gateway.vendor_named("zigbee2mqtt"), None);

    let (lines, code) = stand.lines(&["vendors", "release", "zigbee2mqtt"]);
    assert_eq!(code, Some(0), "{lines:?}");
    running(&stand.gateway, "zigbee2mqtt");
    stand.sink.gets("vendor.recovered", |_| true);
    stand.known();
    let (lines, code) = stand.lines(&["unlock", "front"]);
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
}

/// Ends its process until the vendor is isolated for that.
fn isolated_by_failures(stand: &Stand, name: &str) {
    wait_for("its isolation", 2 * SOON, || {
        if let Some(pid) = stand.gateway.vendor_named(name) {
            signal(pid, "KILL");
        }
        (vendor(&stand.gateway, name)?["state"] == "isolated").then_some(())
    });
}

#[test]
fn a_vendor_isolated_for_its_failures_is_served_again_once_its_file_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    running(&stand.gateway, "zigbee2mqtt");
    isolated_by_failures(&stand, "zigbee2mqtt");
    let told = detail(&stand.sink.gets("vendor.isolated", |_| true));
    assert_eq!(told["data"]["restarts"], 5, "{told}");
    let (lines, code) = stand.lines(&["unlock", "front"]);
    assert_eq!((code, &lines[0]["reason"]), (Some(3), &"vendor_unavailable".into()), "{lines:?}");

    let file = stand.gateway.folder.join("vendors.d/zigbee2mqtt.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[mqtt]", "[mqtt]\nclient_id = \"anew\"")).unwrap();
    let (lines, code) = stand.lines(&["reload"]);
    assert_eq!((code, &lines[0]["changed"][0]), (Some(0), &"zigbee2mqtt".into()), "{lines:?}");
    running(&stand.gateway, "zigbee2mqtt");
    stand.sink.gets("vendor.recovered", |_| true);
    stand.known();
    let (lines, code) = stand.lines(&["unlock", "front"]);
    assert_eq!(code, Some(0), "{lines:?}");
}

#[test]
fn a_restart_makes_another_process_and_orders_of_strangers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let (front, shed) = (running(&stand.gateway, "zigbee2mqtt"), running(&stand.gateway, "shed"));
    let (lines, code) = stand.lines(&["vendors", "restart", "zigbee2mqtt"]);
    assert_eq!(code, Some(0), "{lines:?}");
    wait_for("another process", SOON, || {
        stand.gateway.vendor_named("zigbee2mqtt").filter(|pid| *pid != front)
    });
    running(&stand.gateway, "zigbee2mqtt");
    let end = vendor(&stand.gateway, "zigbee2mqtt").unwrap()["last_end"].clone();
    assert_eq!(end["cause"], "operator", "{end}");
    assert_eq!(stand.gateway.vendor_named("shed"), Some(shed));
    for order in ["restart", "isolate", "release"] {
        let (lines, code) = stand.lines(&["vendors", order, "nobody"]);
        assert_eq!(code, Some(3), "{lines:?}");
    }
}

#[test]
fn a_process_that_hangs_is_ended_for_its_missed_heartbeat_and_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let (front, shed) = (running(&stand.gateway, "zigbee2mqtt"), running(&stand.gateway, "shed"));
    assert!(signal(front, "STOP"));
    wait_for("another process", SOON, || {
        stand.gateway.vendor_named("zigbee2mqtt").filter(|pid| *pid != front)
    });
    running(&stand.gateway, "zigbee2mqtt");
    let end = vendor(&stand.gateway, "zigbee2mqtt").unwrap()["last_end"].clone();
    assert_eq!(end["cause"], "missed_heartbeat", "{end}");
    assert_eq!(stand.gateway.vendor_named("shed"), Some(shed));
    assert_eq!(vendor(&stand.gateway, "shed").unwrap()["starts"], 1);
}

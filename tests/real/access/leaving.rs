//! Between a decision and its command lies the disk: what happens meanwhile to whoever would carry
//! the command out.

use std::time::Duration;

use super::courier::{Service, deliver, trust};
use super::{Around, Stand};
use crate::support::disk::{Disk, STALLED};
use crate::support::wait_for;

/// The vendor's process goes while the disk takes its time with the intent. The one that follows it
/// is not given the command: it has its end, and since it surely never left, its use comes back.
#[test]
fn a_vendor_that_goes_while_the_intent_becomes_durable_is_sent_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let disk = Disk::new(&folder.join("gateway"));
    let (signer, table) = trust(&folder);
    let environment = disk.environment();
    let stand = Stand::amid(&folder, Around { more: &table, environment, ..Around::default() });
    assert!(Disk::is_below(stand.gateway.pid()), "the stall would not be seen");
    let service = Service::new(signer, &stand);
    let grant = service.grant();
    let request = service.request(grant.to_use().unwrap());
    let id = request.data.request_id.clone();
    let text = request.draft.finish();

    disk.order(STALLED);
    let readies = stand.gateway.readies();
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| deliver(&stand, &text));
        wait_for("it is decided", Duration::from_secs(10), || {
            (stand.gateway.json(&["visits"])?.as_array()?.len() == 1).then_some(())
        });
        assert!(stand.gateway.kill_vendor());
        // The next one runs, and could carry it out.
        stand.gateway.ready_again(readies);
        assert!(!asking.is_finished(), "nobody is told before it is durable");
        assert!(stand.lock.acts().is_empty(), "nothing is sent before it is durable");
        disk.heal();
        asking.join().unwrap()
    });
    assert_eq!(answer["outcome"], "granted", "{answer}");
    let restored = stand.sink.gets("grant.use_restored", |e| e.detail["data"]["request_id"] == id);
    assert_eq!(restored.detail["data"]["reason"], "ended_before_dispatch");
    let ended = stand.sink.gets("command.state_changed", |entry| {
        let data = &entry.detail["data"];
        data["request_id"] == id && data["state"] == "rejected"
    });
    assert_eq!(ended.detail["data"]["reason"], "vendor_unavailable");
    stand.known();
    assert_eq!(deliver(&stand, &text)["outcome"], "repeated");
    assert!(stand.lock.acts().is_empty());
    // The use that came back is good for one more.
    let again = service.request(grant.to_use().unwrap());
    assert_eq!(deliver(&stand, &again.draft.finish())["outcome"], "granted");
    stand.ends("confirmed");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
}

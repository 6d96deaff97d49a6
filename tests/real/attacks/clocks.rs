//! Clocks that were set, below the real binary: its process alone sees another time.

use std::path::Path;
use std::time::Duration;

use doorward_events::statement::{Grant, Request};
use doorward_events::types::AccessAction;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::access::courier::{Service, deliver, trust};
use crate::access::{Around, Stand, detail};
use crate::support::disk::Disk;
use crate::support::wait_for;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A door whose gateway's clock is set by orders.
fn stand(folder: &Path) -> (Stand, Disk, Service) {
    let folder = folder.canonicalize().unwrap();
    let disk = Disk::new(&folder.join("gateway"));
    let (signer, table) = trust(&folder);
    let environment = disk.environment();
    let stand = Stand::amid(&folder, Around { more: &table, environment, ..Around::default() });
    assert!(Disk::is_below(stand.gateway.pid()), "the clock would not be seen");
    let service = Service::new(signer, &stand);
    (stand, disk, service)
}

/// For somebody, from this hour on, counted from now, for two hours.
fn grant(in_hours: i64) -> Grant {
    let start = Timestamp::now() + SignedDuration::from_hours(in_hours);
    let end = start + SignedDuration::from_hours(2);
    let subject = format!("courier-{:08x}", fastrand::u32(..));
    let grant = Grant::once(Service::address(), subject, AccessAction::Unlock, start, end);
    Grant { max_uses: 5, ..grant }
}

/// Asks with a fresh request; what is answered: its reason, or its outcome.
fn ask(stand: &Stand, service: &Service, grant: &Grant, challenge: Option<String>) -> String {
    let own = service.grants(grant.clone()).to_use().unwrap();
    let request = Request::now(Service::address(), grant.subject_ref.as_str()).using(own);
    let request = service.asks(Request { challenge, ..request });
    let answer = deliver(stand, &request.draft.finish());
    let word = answer["reason"].as_str().or(answer["outcome"].as_str());
    word.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn started_again(stand: &mut Stand) {
    stand.gateway.kill();
    stand.gateway.up();
    stand.known();
}

/// The last challenge that a denial carried.
fn challenge(stand: &Stand) -> String {
    stand.gateway.drained();
    let denied = stand.sink.of_type("access.denied");
    let nonce = |event: Value| Some(event["data"]["challenge"]["nonce"].as_str()?.to_owned());
    denied.iter().rev().find_map(|entry| nonce(detail(entry))).unwrap()
}

#[test]
fn a_clock_set_back_grants_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stand, disk, service) = stand(folder.path());
    // They are good for a moment: whoever sets the clock back later would have them again. Each
    // person asks a few times only, so that it is the clock that refuses.
    let end = Timestamp::now() + SignedDuration::from_secs(3);
    let back = [10, HOUR, 400 * DAY];
    let over = back.map(|_| Grant { expires_at: end, ..grant(-1) });
    for over in &over {
        let installed = deliver(&stand, &service.grants(over.clone()).draft.finish());
        assert_eq!(installed["outcome"], "installed", "{installed}");
    }
    wait_for("their time is over", Duration::from_secs(60), || {
        (Timestamp::now() > end).then_some(())
    });
    // The gateway's own clock says so, and its floor.
    for over in &over {
        assert_eq!(ask(&stand, &service, over, None), "expired");
    }
    let good = grant(-1);
    assert_eq!(ask(&stand, &service, &good, None), "granted");
    stand.ends("confirmed");
    stand.relock();
    for (back, over) in back.iter().zip(&over) {
        disk.order(&format!("clock {}", -back));
        // While it runs, and from the start on.
        for again in [false, true] {
            if again {
                started_again(&mut stand);
            }
            let word = ask(&stand, &service, &grant(-1), None);
            assert_eq!(word, "clock_untrusted", "{back} {again}");
            let word = ask(&stand, &service, over, None);
            let refused = ["clock_untrusted", "expired", "credential_not_found"];
            assert!(refused.contains(&&*word), "{word} {back} {again}");
        }
        disk.heal();
        started_again(&mut stand);
    }
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    assert_eq!(ask(&stand, &service, &good, None), "granted");
}

#[test]
fn a_clock_set_forward_grants_nothing_before_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stand, disk, service) = stand(folder.path());
    let now = grant(-1);
    assert_eq!(ask(&stand, &service, &grant(1), None), "not_yet_active");
    assert_eq!(ask(&stand, &service, &now, None), "granted");
    stand.ends("confirmed");
    stand.relock();
    // A step is believed by nobody while it runs, however short.
    disk.order(&format!("clock {}", HOUR + 60));
    assert_eq!(ask(&stand, &service, &grant(1), None), "clock_untrusted");
    assert_eq!(ask(&stand, &service, &now, None), "clock_untrusted");
    // Beyond the one day that a single source may go, no start makes it believed.
    for forward in [2 * DAY, 100 * DAY] {
        disk.order(&format!("clock {forward}"));
        started_again(&mut stand);
        let then = grant(forward / HOUR - 1);
        assert_eq!(ask(&stand, &service, &then, None), "clock_untrusted");
        assert_eq!(ask(&stand, &service, &now, None), "clock_untrusted");
    }
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    disk.heal();
    started_again(&mut stand);
    assert_eq!(ask(&stand, &service, &grant(1), None), "not_yet_active");
    assert_eq!(ask(&stand, &service, &now, None), "granted");
}

/// A time server that lies opens nothing, and it does not keep those out whom an issuer vouches for:
/// what he signs in answer to a challenge is judged by his time.
#[test]
fn one_lying_time_source_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stand, disk, service) = stand(folder.path());
    let now = grant(-1);
    for lie in [100 * DAY, -100 * DAY] {
        disk.order(&format!("clock {lie}"));
        started_again(&mut stand);
        // By the liar's time this one is good; it begins much later, or was over long ago.
        let then = grant(lie / HOUR - 1);
        assert_eq!(ask(&stand, &service, &then, None), "clock_untrusted");
        assert_eq!(ask(&stand, &service, &now, None), "clock_untrusted");
        let nonce = challenge(&stand);
        let refused = if lie > 0 { "not_yet_active" } else { "expired" };
        assert_eq!(ask(&stand, &service, &then, Some(nonce)), refused);
        assert_eq!(ask(&stand, &service, &now, None), "clock_untrusted");
    }
    assert!(stand.lock.acts().is_empty());
    let nonce = challenge(&stand);
    assert_eq!(ask(&stand, &service, &now, Some(nonce)), "granted");
    stand.ends("confirmed");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
}

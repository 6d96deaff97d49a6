//! What was said once, said again: by who recorded it, by a bus that delivers it late, by a broker
//! that kept it.

use std::time::Duration;

use doorward_events::statement::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::opens_for_the_right_one;
use crate::access::cloud::Cloud;
use crate::access::courier::{Service, deliver, stand, trust};
use crate::access::{Around, Stand, detail};
use crate::support::client::Client;
use crate::support::wait_for;

/// Whoever recorded a request on its way says it again: at once, in another event, and to a gateway
/// that was killed or stopped since.
#[test]
fn a_recorded_request_replayed_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stand, service) = stand(folder.path());
    let grant = service.grant();
    let recorded = service.request(grant.to_use().unwrap()).draft.finish();
    assert_eq!(deliver(&stand, &recorded)["outcome"], "granted");
    stand.ends("confirmed");
    let mut as_another: Value = serde_json::from_str(&recorded).unwrap();
    as_another["id"] = Uuid::now_v7().to_string().into();
    let replayed = |stand: &Stand| {
        for event in [&recorded, &as_another.to_string(), &recorded] {
            let answer = deliver(stand, event);
            assert_eq!(answer["outcome"], "repeated", "{answer}");
        }
        assert_eq!(deliver(stand, &grant.draft.finish())["reason"], "uses_exhausted");
    };
    replayed(&stand);
    stand.gateway.kill();
    stand.gateway.up();
    stand.known();
    replayed(&stand);
    assert!(stand.gateway.stop().success());
    stand.gateway.up();
    stand.known();
    replayed(&stand);
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    opens_for_the_right_one(&stand, &service, 1);
    stand.gateway.drained();
    let mut decided: Vec<String> =
        stand.sink.of_type("access.granted").iter().map(|e| e.detail["id"].to_string()).collect();
    decided.dedup();
    assert_eq!(decided.len(), 2);
}

/// Where nobody knows the time, a challenge stands in for it, for one request.
#[test]
fn a_recorded_challenge_opens_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (signer, table) = trust(folder.path());
    // This gateway does not believe its machine's clock.
    let mut stand = Stand::start(folder.path(), &format!("{table}clock_error_ms = 0\n"));
    let service = Service::new(signer, &stand);
    let asks = |challenge: Option<&str>| {
        let own = service.grant().to_use().unwrap();
        let request = Request::now(Service::address(), "courier-7f3a").using(own);
        let challenge = challenge.map(str::to_owned);
        service.asks(Request { challenge, ..request })
    };
    let challenged = |stand: &Stand| {
        let request = asks(None);
        let answer = deliver(stand, &request.draft.finish());
        assert_eq!(answer["reason"], "clock_untrusted", "{answer}");
        let id = request.data.request_id;
        let denied = stand.sink.gets("access.denied", |e| e.detail["data"]["request_id"] == id);
        detail(&denied)["data"]["challenge"]["nonce"].as_str().unwrap().to_owned()
    };
    let nonce = challenged(&stand);
    // One that this gateway did not give is none.
    let made_up = asks(Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(deliver(&stand, &made_up.draft.finish())["reason"], "clock_untrusted");
    let first = asks(Some(&nonce)).draft.finish();
    assert_eq!(deliver(&stand, &first)["outcome"], "granted");
    stand.ends("confirmed");
    assert_eq!(deliver(&stand, &first)["outcome"], "repeated");
    let second = asks(Some(&nonce)).draft.finish();
    assert_eq!(deliver(&stand, &second)["reason"], "clock_untrusted", "it is taken once");
    // One that was given before the process was killed is gone with it.
    let nonce = challenged(&stand);
    stand.gateway.kill();
    stand.gateway.up();
    stand.known();
    let late = asks(Some(&nonce)).draft.finish();
    assert_eq!(deliver(&stand, &late)["reason"], "clock_untrusted");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    stand.relock();
    let nonce = challenged(&stand);
    assert_eq!(deliver(&stand, &asks(Some(&nonce)).draft.finish())["outcome"], "granted");
    wait_for("the door opens for the right one", Duration::from_secs(30), || {
        (stand.lock.acts().len() == 2).then_some(())
    });
}

/// The bus hands over late what waited while the gateway was away, and again what was settled.
#[test]
fn a_request_redelivered_after_its_deadline_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut cloud, _) = Cloud::start(folder.path(), &[]);
    // Two seconds of its time are left.
    let soon_over = |cloud: &Cloud| {
        let grant = cloud.service.grant();
        let request = cloud.service.late(grant.to_use().unwrap(), SignedDuration::from_secs(13));
        (request.data.not_after.parse::<Timestamp>().unwrap(), request)
    };
    cloud.gateway.kill();
    let (deadline, waited) = soon_over(&cloud);
    cloud.publish(&waited.draft);
    over(deadline);
    cloud.gateway.up();
    let id = waited.data.request_id.clone();
    let denied = cloud.says("access.denied", |event| event["data"]["request_id"] == id);
    assert_eq!(denied["data"]["reason"], "request_expired");
    cloud.known();
    assert!(cloud.lock.acts().is_empty());

    // One that was carried out in time, and comes again when its time is over.
    cloud.opens_for_the_right_one();
    cloud.relock();
    let (deadline, served) = soon_over(&cloud);
    cloud.publish(&served.draft);
    let id = served.data.request_id.clone();
    cloud.says("command.state_changed", |event| {
        event["data"]["request_id"] == id && event["data"]["state"] == "confirmed"
    });
    assert_eq!(cloud.lock.acts().len(), 2);
    over(deadline);
    for _ in 0..3 {
        cloud.publish(&served.draft);
    }
    cloud.settled();
    assert_eq!(cloud.lock.acts().len(), 2);
    let of_it = |event: &&Value| event["data"]["request_id"] == id;
    assert_eq!(cloud.told("access.granted").iter().filter(of_it).count(), 1);
    assert_eq!(cloud.told("access.denied").iter().filter(of_it).count(), 0);
    cloud.opens_for_the_right_one();
}

/// Waits until this time is over.
fn over(deadline: Timestamp) {
    wait_for("the deadline is over", Duration::from_secs(60), || {
        (Timestamp::now() > deadline).then_some(())
    });
}

/// The broker keeps what it holds over its restart: no command of ours is among it, and one that
/// somebody else left there is told of, and not carried out by us.
#[test]
fn a_retained_unlock_is_not_carried_out_after_a_broker_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (signer, table) = trust(folder.path());
    let around = Around { more: &table, persistent: true, ..Around::default() };
    let mut stand = Stand::amid(folder.path(), around);
    let service = Service::new(signer, &stand);
    opens_for_the_right_one(&stand, &service, 0);
    // At a lock that is not there, so that only we could act on it.
    let planted = "zigbee2mqtt/side_lock/set";
    let rogue = Client::connect(stand.broker.port, "rogue", &[]);
    rogue.leave(planted, b"{\"state\":\"UNLOCK\"}");
    stand.sink.gets("security.retained_command_found", |_| true);
    let saved = folder.path().join("broker/mosquitto.db");
    wait_for("the broker has saved it", Duration::from_secs(30), || {
        let bytes = std::fs::read(&saved).ok()?;
        bytes.windows(planted.len()).any(|part| part == planted.as_bytes()).then_some(())
    });
    let so_far = stand.broker_away();
    stand.broker_back(&so_far);
    // Who subscribes anew is handed everything that is kept; whatever is sent comes behind it.
    let witness = Client::connect(stand.broker.port, "witness", &["zigbee2mqtt/+/set"]);
    stand.known();
    opens_for_the_right_one(&stand, &service, 1);
    let heard: Vec<String> = witness.heard().into_iter().map(|heard| heard.topic).collect();
    let of = |topic: &str| heard.iter().filter(|heard| *heard == topic).count();
    assert_eq!((of(planted), of("zigbee2mqtt/front_lock/set")), (1, 1), "{heard:?}");
    assert_eq!(stand.lock.acts(), ["UNLOCK"; 2]);
}

/// What is asked for while the broker is away is refused now, and does not wait for it.
#[test]
fn an_unlock_asked_for_while_the_broker_is_away_never_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stand, service) = stand(folder.path());
    let so_far = stand.broker_away();
    let grant = service.grant();
    let answers: Vec<Value> = (0..3)
        .map(|_| deliver(&stand, &service.request(grant.to_use().unwrap()).draft.finish()))
        .collect();
    let granted = answers.iter().filter(|answer| answer["outcome"] == "granted").count();
    stand.broker_back(&so_far);
    stand.known();
    // Until the gateway has noticed, it may try; then the command has an end, and is not tried again.
    wait_for("each command has its end", Duration::from_secs(60), || {
        let ends = ["rejected", "expired", "indeterminate"];
        let changed = stand.sink.of_type("command.state_changed");
        let ended = |e: &&crate::support::sink::Entry| {
            ends.contains(&e.detail["data"]["state"].as_str().unwrap())
        };
        (changed.iter().filter(ended).count() == granted).then_some(())
    });
    assert!(stand.lock.acts().is_empty(), "{answers:?}");
    opens_for_the_right_one(&stand, &service, 0);
}

//! Whom and what the gateway believes: lists of issuers that come over the bus, and what time it is.

use std::path::Path;
use std::time::Duration;

use doorward_events::statement::{Accepts, Address, Grant, Issuer, Request};
use doorward_events::types::{
    AccessAction, GatewayStarted, IssuerKeysPublished, Weekday, WeeklySchedule, WeeklyWindow,
};
use doorward_events::{Envelope, PublisherId, read};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::courier::{Authority, Service, deliver, now};
use super::{Stand, detail};
use crate::support::wait_for;

/// The event with which a list comes.
fn published(authority: &Authority, version: u64) -> String {
    let data = IssuerKeysPublished {
        version: version.try_into().unwrap(),
        signed: authority.list(version),
    };
    let envelope = Envelope::now(PublisherId::new("acme.platform", "eu-1"), "acme");
    envelope.seal(&data).unwrap().finish()
}

fn stand(folder: &Path, authority: &Authority, more: &str) -> Stand {
    Stand::start(folder, &format!("[trust]\nroot_key = \"{}\"\n{more}", authority.root_key()))
}

fn request(service: &Service) -> String {
    service.request(service.grant().to_use().unwrap()).draft.finish()
}

#[test]
fn a_list_of_issuers_over_the_bus_is_believed_from_then_on_and_an_older_one_never_again() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let mut stand = stand(folder.path(), &authority, "");
    let service = Service::new(authority.delivery(), &stand);
    // Nobody is believed yet, for no fault of who asks: it is left to come again.
    let answer = deliver(&stand, &request(&service));
    assert_eq!(answer["outcome"], "undecided", "{answer}");

    let answer = deliver(&stand, &published(&authority, 2));
    assert_eq!(answer, json!({"outcome": "issuers", "version": 2}));
    let first = deliver(&stand, &request(&service));
    assert_eq!(first["outcome"], "granted", "{first}");
    stand.ends("confirmed");

    let older = deliver(&stand, &published(&authority, 1));
    assert_eq!(older["reason"], "superseded", "{older}");
    let stranger = deliver(&stand, &published(&Authority::new(), 9));
    assert_eq!(stranger["reason"], "invalid_signature", "{stranger}");

    stand.gateway.kill();
    stand.gateway.up();
    wait_for("the lock is known again", Duration::from_secs(60), || {
        stand.leaf(true);
        let door = stand.gateway.door("front")?;
        (door["lock"]["quality"] == "observed").then_some(())
    });
    assert_eq!(deliver(&stand, &published(&authority, 1))["reason"], "superseded");
    let again = deliver(&stand, &request(&service));
    assert_eq!(again["outcome"], "granted", "{again}");
    let told =
        stand.sink.gets("gateway.started", |entry| entry.detail["data"]["issuers_version"] == 2);
    assert!(detail(&told)["data"]["challenge"].is_null());
}

#[test]
fn where_nobody_knows_the_time_a_challenge_does() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let stand = stand(folder.path(), &authority, "clock_error_ms = 0\n");
    let started = detail(&stand.sink.gets("gateway.started", |_| true));
    assert_eq!(started["gateway"]["clock"]["trust"], "untrusted", "{started}");
    let challenge = started["data"]["challenge"]["nonce"].as_str().unwrap().to_owned();
    let service = Service::new(authority.delivery(), &stand);
    assert_eq!(deliver(&stand, &published(&authority, 1))["outcome"], "issuers");
    assert_eq!(deliver(&stand, &request(&service))["reason"], "clock_untrusted");

    // Somebody who may says what time it is; the same again is past.
    let started = read::<GatewayStarted>(started.to_string().as_bytes()).unwrap();
    let accepts = Accepts::from_started(&started).unwrap();
    let clock = Issuer::new(authority.clock(), PublisherId::new("acme.platform", "eu-1")).unwrap();
    let attested = |challenge: &str| {
        let address = Address::of_gateway("acme", "gw-test");
        let issued = now(clock.attest(&accepts, address, challenge, Timestamp::now())).unwrap();
        deliver(&stand, &issued.draft.finish())
    };
    let made_up = attested("0123456789abcdef0123456789abcdef");
    assert_eq!(made_up["reason"], "request_expired", "{made_up}");
    let answer = attested(&challenge);
    assert_eq!((&answer["outcome"], &answer["trust"]), (&"clock".into(), &"bounded".into()));
    assert_eq!(attested(&challenge)["reason"], "request_expired");
    let changed = detail(&stand.sink.gets("gateway.clock_changed", |_| true));
    assert_eq!(changed["data"]["trust"], "bounded", "{changed}");

    let granted = deliver(&stand, &request(&service));
    assert_eq!(granted["outcome"], "granted", "{granted}");
    stand.ends("confirmed");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
}

#[test]
fn a_request_that_answers_the_denials_challenge_is_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let stand = stand(folder.path(), &authority, "clock_error_ms = 0\n");
    assert_eq!(deliver(&stand, &published(&authority, 1))["outcome"], "issuers");
    let service = Service::new(authority.delivery(), &stand);
    assert_eq!(deliver(&stand, &request(&service))["reason"], "clock_untrusted");
    let denied = detail(&stand.sink.gets("access.denied", |_| true));
    let challenge = denied["data"]["challenge"]["nonce"].as_str().unwrap();
    let grant = service.grant().to_use().unwrap();
    let request = Request::now(Service::address(), "courier-7f3a").using(grant);
    let request = Request { challenge: Some(challenge.to_owned()), ..request };
    let answer = service.asks(request).draft.finish();
    assert_eq!(deliver(&stand, &answer)["outcome"], "granted");
    stand.ends("confirmed");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
}

#[test]
fn a_weekly_schedule_is_kept_in_the_doors_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let stand = stand(folder.path(), &authority, "");
    assert_eq!(deliver(&stand, &published(&authority, 1))["outcome"], "issuers");
    let service = Service::new(authority.delivery(), &stand);
    let days = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    let always = |holidays: Vec<String>| WeeklySchedule {
        windows: days
            .iter()
            .map(|day| WeeklyWindow { day: *day, from: "00:00".to_owned(), to: "24:00".to_owned() })
            .collect(),
        holidays,
    };
    let ask = |schedule: WeeklySchedule| -> Value {
        let start = Timestamp::now() - SignedDuration::from_secs(60);
        let end = start + SignedDuration::from_hours(2);
        let unlock = AccessAction::Unlock;
        let once = Grant::once(Service::address(), "courier-7f3a", unlock, start, end);
        let grant = service.grants(Grant { schedule: Some(schedule), ..once }).to_use().unwrap();
        deliver(&stand, &service.request(grant).draft.finish())
    };
    // Today, and tomorrow in case it becomes that meanwhile.
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let closed = ask(always(vec![today.to_string(), today.tomorrow().unwrap().to_string()]));
    assert_eq!(closed["reason"], "not_permitted_at_this_time", "{closed}");
    let open = ask(always(Vec::new()));
    assert_eq!(open["outcome"], "granted", "{open}");
    stand.ends("confirmed");

    let issued = stand.gateway.json(&[
        "grants",
        "issue",
        "--entry",
        "front",
        "--subject",
        "cleaner-1",
        "--for",
        "30d",
        "--uses",
        "20",
        "--on",
        "mon-fri 08:00-10:00",
        "--not-on",
        "2026-12-25",
    ]);
    assert_eq!(issued.unwrap()["outcome"], "installed");
    let held = stand.gateway.json(&["grants", "list"]).unwrap();
    let held = held.as_array().unwrap().iter().find(|grant| grant["subject"] == "cleaner-1");
    let week = &held.unwrap()["schedule"];
    assert_eq!(week["windows"].as_array().unwrap().len(), 5, "{week}");
    assert_eq!(week["holidays"], json!(["2026-12-25"]));
}

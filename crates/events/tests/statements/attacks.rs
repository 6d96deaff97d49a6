//! Whatever is not exactly what a trusted issuer said to this gateway is denied, for its reason.

use doorward_events::statement::jws::Kind;
use doorward_events::statement::{Audience, Interval, Signable, Signer};
use doorward_events::types::{
    AccessReason, Authority, EntryLockRequested, EntryOpenRequested, EntryUnlockRequested,
};
use doorward_events::{EventData, EventType, PublisherId, Received, Rejected, read};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{
    audience, carrying, clock, delivery, denied, granted, judge, key, payload, property, requested,
    restated, revoked, signed_as, time, verifier,
};
use AccessReason as R;

#[test]
fn what_is_issued_is_believed() {
    let granted = judge(&granted()).unwrap();
    assert_eq!(granted.statement().max_uses, 2);
    assert_eq!(granted.kid().as_str(), "acme-delivery-2026");
    // The list ends before the key.
    assert_eq!(granted.believed_until(), time("2027-06-30T00:00:00Z"));
    let requested = judge(&requested()).unwrap();
    assert_eq!(requested.grant().unwrap().statement(), granted.statement());
    assert_eq!(requested.grant().unwrap().signed(), granted.signed());
    let revoked = judge(&revoked()).unwrap();
    assert_eq!(revoked.statement().grant_id, granted.statement().grant_id);
}

/// Every member of `data` but `signed`, and every member of the envelope that is a copy.
fn every_copy_counts<D>(good: &Received<D>)
where
    D: Authority<Statement: Signable>,
{
    assert!(judge(good).is_ok());
    let data = serde_json::to_value(&good.data).unwrap();
    let schema: Value = serde_json::from_str(D::TYPE.writer_schema()).unwrap();
    let data_schema = &schema["properties"]["data"];
    let mut changed = 0;
    for name in data_schema["properties"].as_object().unwrap().keys().filter(|n| *n != "signed") {
        let other = match name.as_str() {
            "gateway" => json!("gw-2"),
            "expires_at" | "not_after" => json!("2026-11-21T12:00:01Z"),
            id if id.ends_with("_id") => json!(Uuid::from_u128(9)),
            other => panic!("a copy that this test does not know: {other}"),
        };
        let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut data = data.clone();
            change(data.as_object_mut().unwrap());
            let data = D::deserialize(data).unwrap();
            let event = Received { envelope: good.envelope.clone(), data, ..copy(good) };
            assert_eq!(denied(&event), R::MalformedRequest, "{} {name}", D::TYPE);
        };
        with(&|data| drop(data.insert(name.clone(), other.clone())));
        let required = data_schema["required"].as_array().unwrap();
        if !required.contains(&json!(name)) {
            with(&|data| assert!(data.remove(name).is_some(), "{name} is there"));
        }
        changed += 1;
    }
    assert!(changed >= 3, "{}", D::TYPE);

    let envelope = |change: &dyn Fn(&mut doorward_events::Envelope)| {
        let mut event = copy(good);
        change(&mut event.envelope);
        assert_eq!(denied(&event), R::MalformedRequest, "{} {:?}", D::TYPE, event.envelope);
    };
    envelope(&|e| e.tenant_id = "other".into());
    envelope(&|e| e.site_id = Some("annex".into()));
    envelope(&|e| e.site_id = None);
    envelope(&|e| e.entry_id = Some("back-door".into()));
    envelope(&|e| e.entry_id = None);
    envelope(&|e| e.publisher = PublisherId::new("acme.property", "eu-1"));
    envelope(&|e| e.test = true);
    let version = Received { schema_version: "1.7".to_owned(), ..copy(good) };
    assert_eq!(denied(&version), R::MalformedRequest);
    // What routes and is not said by the statement decides nothing.
    let mut routed = copy(good);
    routed.envelope.publisher = PublisherId::new("acme.delivery", "eu-2");
    (routed.envelope.id, routed.envelope.correlation_id) = (Uuid::now_v7(), None);
    assert!(judge(&routed).is_ok());
}

fn copy<D: EventData>(event: &Received<D>) -> Received<D> {
    Received {
        envelope: event.envelope.clone(),
        schema_version: event.schema_version.clone(),
        origin: event.origin,
        data: D::deserialize(serde_json::to_value(&event.data).unwrap()).unwrap(),
    }
}

#[test]
fn a_copy_that_differs_denies() {
    every_copy_counts(&granted());
    every_copy_counts(&revoked());
    every_copy_counts(&requested());
}

/// A copy that the event should not have at all.
#[test]
fn a_copy_of_what_was_not_said_denies() {
    let right = restated(&requested(), &delivery(), |s| {
        s.as_object_mut()
            .unwrap()
            .retain(|name, _| !["grant", "grant_id"].contains(&name.as_str()));
    });
    assert_eq!(denied(&right), R::MalformedRequest, "data still names a grant");
    let mut without = copy(&right);
    without.data.grant_id = None;
    assert!(judge(&without).is_ok());
}

#[test]
fn a_request_of_one_type_is_not_one_of_another() {
    fn under<D>(event: &Received<EntryUnlockRequested>) -> AccessReason
    where
        D: Authority<Statement: Signable>,
    {
        let data = D::deserialize(serde_json::to_value(&event.data).unwrap()).unwrap();
        denied(&Received {
            envelope: event.envelope.clone(),
            schema_version: event.schema_version.clone(),
            origin: None,
            data,
        })
    }
    assert_eq!(under::<EntryOpenRequested>(&requested()), R::MalformedRequest);
    assert_eq!(under::<EntryLockRequested>(&requested()), R::MalformedRequest);
    // A grant that says it is a revocation, under the right header for either.
    for kind in [Kind::Grant, Kind::Revocation] {
        let mut statement = payload(&granted().data.signed);
        for says in ["grant.issued", "grant.revoked"] {
            statement["type"] = json!(says);
            let signed = signed_as(kind, &statement, &delivery());
            assert!(judge(&carrying(&revoked(), &signed)).is_err(), "{kind:?} {says}");
        }
    }
    let swapped = carrying(&revoked(), &granted().data.signed);
    assert_eq!(denied(&swapped), R::MalformedRequest);
}

/// The row of the access decision that a changed statement fails, signed well as it is.
#[test]
fn a_statement_is_denied_for_what_is_wrong_in_it() {
    let with = |member: &'static str, value: Value| {
        denied(&restated(&granted(), &delivery(), |s| s[member] = value))
    };
    // Words and members of a later build.
    assert_eq!(with("weekdays", json!(["mon"])), R::UnsupportedRestriction);
    assert_eq!(with("actions", json!(["unlock", "dance"])), R::UnsupportedRestriction);
    assert_eq!(with("schema_version", json!("0.1")), R::UnsupportedRestriction);
    assert_eq!(with("schema_version", json!("2.0")), R::UnsupportedRestriction);
    // Neither says what the schema says.
    assert_eq!(with("actions", json!([])), R::MalformedRequest);
    assert_eq!(with("actions", json!([7])), R::MalformedRequest);
    assert_eq!(with("actions", json!(["unlock", "unlock"])), R::MalformedRequest);
    assert_eq!(with("actions", json!("unlock")), R::MalformedRequest);
    assert_eq!(with("max_uses", json!(0)), R::MalformedRequest);
    assert_eq!(with("max_uses", json!(1.5)), R::MalformedRequest);
    assert_eq!(with("max_uses", json!("2")), R::MalformedRequest);
    assert_eq!(with("subject_ref", json!("Jane Doe")), R::MalformedRequest);
    assert_eq!(with("not_before", json!("2026-02-30T00:00:00Z")), R::MalformedRequest);
    assert_eq!(with("not_before", json!("9999-12-31T23:59:59Z")), R::MalformedRequest);
    assert_eq!(with("not_before", json!("2026-11-21T12:00:00Z")), R::MalformedRequest);
    assert_eq!(with("site_id", json!(null)), R::MalformedRequest);
    // Both at once: the earlier row's word.
    let both = restated(&granted(), &delivery(), |s| {
        s["weekdays"] = json!(1);
        s["max_uses"] = json!(0);
    });
    assert_eq!(denied(&both), R::MalformedRequest);
    // Too long for anybody, and the longest that may be.
    assert_eq!(with("not_before", json!("2025-11-20T11:59:59Z")), R::IssuerNotAuthorized);
    let longest = restated(&granted(), &delivery(), |s| {
        s["not_before"] = json!("2025-11-20T12:00:00Z");
    });
    assert!(judge(&longest).is_ok());
    let statement = payload(&granted().data.signed);
    for name in statement.as_object().unwrap().keys() {
        let optional = ["site_id", "min_interval_s"].contains(&name.as_str());
        let mut less = statement.clone();
        less.as_object_mut().unwrap().remove(name);
        let mut event = carrying(&granted(), &signed_as(Kind::Grant, &less, &delivery()));
        if name == "site_id" {
            event.envelope.site_id = None;
        }
        match judge(&event) {
            Ok(_) => assert!(optional, "{name} is not missed"),
            Err(denial) => assert!(!optional && denial.reason == R::MalformedRequest, "{name}"),
        }
    }
}

#[test]
fn a_request_is_good_for_a_minute_at_most() {
    let lasting = |until: &str| {
        judge(&restated(&requested(), &delivery(), |s| s["not_after"] = json!(until)))
            .map(drop)
            .map_err(|denial| denial.reason)
    };
    assert_eq!(lasting("2026-11-21T10:01:00Z"), Ok(()));
    assert_eq!(lasting("2026-11-21T10:01:00.000000001Z"), Err(R::IssuerNotAuthorized));
    assert_eq!(lasting("2027-11-21T10:00:00Z"), Err(R::IssuerNotAuthorized));
    assert_eq!(lasting("2026-11-21T10:00:00Z"), Err(R::MalformedRequest));
    // Deadlines are the gateway's to judge: an hour later the answer here is the same.
    let late = Interval::exactly(time("2026-11-21T11:00:00Z"));
    assert!(verifier().verify(&requested(), &audience(), late).is_ok());
}

#[test]
fn a_grant_inside_is_believed_as_one_alone() {
    let grant = || payload(&granted().data.signed);
    let with = |grant: Value| {
        judge(&restated(&requested(), &delivery(), |s| s["grant"] = grant))
            .map(drop)
            .map_err(|denial| denial.reason)
    };
    let changed = |member: &str, value: Value| {
        let mut grant = grant();
        grant[member] = value;
        with(json!(signed_as(Kind::Grant, &grant, &delivery())))
    };
    assert_eq!(changed("max_uses", json!(3)), Ok(()));
    for (member, value) in [
        ("grant_id", json!(Uuid::from_u128(9))),
        ("tenant_id", json!("other")),
        ("gateway", json!("gw-2")),
        ("entry_id", json!("back-door")),
        ("subject_ref", json!("somebody-else")),
        ("max_uses", json!(0)),
        ("type", json!("grant.revoked")),
    ] {
        assert_eq!(changed(member, value), Err(R::MalformedRequest), "{member}");
    }
    assert_eq!(changed("weekdays", json!(1)), Err(R::UnsupportedRestriction));
    assert_eq!(changed("issuer", json!("acme.property")), Err(R::IssuerNotAuthorized));
    assert_eq!(changed("journal_id", json!(Uuid::from_u128(9))), Err(R::LedgerLost));
    assert_eq!(changed("not_before", json!("2025-01-01T00:00:00Z")), Err(R::IssuerNotAuthorized));
    let by = |signer: &dyn Signer| with(json!(signed_as(Kind::Grant, &grant(), signer)));
    assert_eq!(by(&key("stranger", 7)), Err(R::UnauthenticatedSource));
    assert_eq!(by(&key("acme-delivery-2026", 7)), Err(R::InvalidSignature));
    assert_eq!(by(&key("requests-only", 3)), Err(R::IssuerNotAuthorized));
    assert_eq!(with(json!("e30.e30.AA")), Err(R::MalformedRequest));
    assert_eq!(
        with(json!(signed_as(Kind::Request, &grant(), &delivery()))),
        Err(R::MalformedRequest)
    );
    // Another issuer's grant does not serve, good as it is alone.
    let mut others = grant();
    others["issuer"] = json!("acme.property");
    let others = json!(signed_as(Kind::Grant, &others, &property()));
    assert_eq!(with(others.clone()), Err(R::IssuerNotAuthorized));
    let alone = restated(&granted(), &property(), |s| s["issuer"] = json!("acme.property"));
    assert!(judge(&alone).is_ok());
    let only_asks = restated(&requested(), &key("requests-only", 3), |s| s["grant"] = others);
    assert_eq!(denied(&only_asks), R::IssuerNotAuthorized);
    // A grant that is not named.
    let mut unnamed = restated(&requested(), &delivery(), |s| {
        s.as_object_mut().unwrap().remove("grant_id");
    });
    unnamed.data.grant_id = None;
    assert_eq!(denied(&unnamed), R::MalformedRequest);
    let audience = Audience { journal_id: Some(Uuid::from_u128(8)), ..audience() };
    let denial = verifier().verify(&requested(), &audience, clock()).unwrap_err();
    assert_eq!(denial.reason, R::LedgerLost);
}

/// Of many things wrong, the first row's is told: each step mends what the last one found.
#[test]
fn the_first_failure_is_the_reason() {
    let wrong = |mended: usize| {
        let step = move |n: usize| mended < n;
        let signer = if step(5) {
            key("stranger", 7)
        } else if step(6) {
            key("property", 7)
        } else {
            property()
        };
        let mut event = restated(&granted(), &signer, |s| {
            s["issuer"] = json!("acme.property");
            if step(8) {
                s["gateway"] = json!("gw-2");
            }
            if step(9) {
                s["journal_id"] = json!(Uuid::from_u128(9));
            }
            if step(7) {
                s["site_id"] = json!("annex");
            }
            if step(4) {
                s["weekdays"] = json!(1);
            }
            if step(3) {
                s["max_uses"] = json!(0);
            }
        });
        if step(1) {
            event.data.signed.push('.');
        }
        event
    };
    let reasons = (0..9).map(|mended| denied(&wrong(mended))).collect::<Vec<_>>();
    assert_eq!(
        reasons,
        [
            R::MalformedRequest,
            R::MalformedRequest,
            R::MalformedRequest,
            R::UnsupportedRestriction,
            R::UnauthenticatedSource,
            R::InvalidSignature,
            R::IssuerNotAuthorized,
            R::WrongAudience,
            R::LedgerLost,
        ]
    );
    assert!(judge(&wrong(9)).is_ok());
}

#[test]
fn a_denial_tells_no_value() {
    let secret = "hush-7f3a";
    for member in ["subject_ref", "grant_id", "not_before", "schema_version", "max_uses", "actions"]
    {
        for value in [json!(secret), json!([secret]), json!({ secret: secret })] {
            let mut statement = payload(&granted().data.signed);
            statement[member] = value.clone();
            statement["tenant_id"] = json!(format!("{secret} {secret}"));
            let signed = signed_as(Kind::Grant, &statement, &delivery());
            let denial = judge(&carrying(&granted(), &signed)).unwrap_err();
            assert!(!denial.to_string().contains(secret), "{denial}");
            assert!(denial.text.chars().count() <= 256 && !denial.text.is_empty());
        }
    }
    let many = restated(&granted(), &delivery(), |s| {
        for n in 0..40 {
            s[format!("{n}{}", "x".repeat(50))] = json!(1);
        }
    });
    assert_eq!(judge(&many).unwrap_err().text.chars().count(), 256);
}

#[test]
fn what_cannot_be_read_is_malformed() {
    let mut event: Value = json!({ "type": EventType::GrantIssued.as_str() });
    event["data"] = json!({ "signed": "x" });
    let rejected = read::<doorward_events::types::GrantIssued>(event.to_string().as_bytes());
    let rejected: Rejected = rejected.unwrap_err();
    let denial = doorward_events::statement::Denial::from(&rejected);
    assert_eq!(denial.reason, R::MalformedRequest);
}

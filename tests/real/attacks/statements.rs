//! Statements that nobody made, or that were made for somebody else.

use doorward_events::statement::jws::Kind;
use doorward_events::statement::{Grant, Signer};
use doorward_events::types::AccessAction;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::forge::{carrying, key, restated, signed_of, stranger, under};
use super::opens_for_the_right_one;
use crate::access::cloud::{Cloud, SERVICE};
use crate::access::courier::{KID, Service, deliver, stand};

/// Whoever holds the bus can put what he likes on it, under any name.
#[test]
fn a_forged_grant_through_a_compromised_bus_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut cloud, _) = Cloud::start(folder.path(), &[]);
    let grant = cloud.service.grant();
    let wanted = grant.draft.finish();
    let unlock = cloud.service.request(cloud.service.grant().to_use().unwrap()).draft.finish();
    // Signed by a key of his own: under the service's id, and under one that nobody knows.
    for kid in [KID, "acme-delivery-2"] {
        let forger = stranger(kid);
        let forged = restated(&wanted, Kind::Grant, &forger, |_| {});
        cloud.put(SERVICE, "grant.issued", &forged);
        let asked = restated(&unlock, Kind::Request, &forger, |statement| {
            statement["grant"] = signed_of(&forged).into();
        });
        cloud.put(SERVICE, "entry.unlock_requested", &asked);
    }
    // The service's own, with the copies changed beside it, or in another's name.
    let mut copies: Value = serde_json::from_str(&wanted).unwrap();
    copies["data"]["grant_id"] = Uuid::now_v7().to_string().into();
    cloud.put(SERVICE, "grant.issued", &copies.to_string());
    cloud.put("acme.property/eu-1", "entry.unlock_requested", &unlock);
    // What is no event at all, under a type that is taken.
    cloud.put(SERVICE, "entry.unlock_requested", "{\"data\":{\"signed\":\"e30.e30.AA\"}}");

    cloud.opens_for_the_right_one();
    assert_eq!(cloud.lock.acts(), ["UNLOCK"]);
    assert_eq!(cloud.told("access.granted").len(), 1);
    // One grant was ever taken: the one that came with the right request.
    assert_eq!(cloud.told("grant.installed").len(), 1);
    // Nothing is said of what strangers ask: their requests have no ids here.
    assert_eq!(cloud.told("access.requested").len(), 1);
    assert_eq!(cloud.told("access.denied").len(), 0);
    assert_eq!(cloud.told("grant.rejected").len(), 0);
}

#[test]
fn jws_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let unlock = service.request(service.grant().to_use().unwrap()).draft.finish();
    let signed = signed_of(&unlock);
    for word in ["none", "None", "NONE", ""] {
        // Without a signature, with one of the right length, and with the one of the right text.
        let theirs = signed.rsplit_once('.').unwrap();
        let kept =
            format!("{}.{}", under(&signed, word, |_| vec![]).trim_end_matches('.'), theirs.1);
        for forged in
            [under(&signed, word, |_| vec![]), under(&signed, word, |_| vec![0; 64]), kept]
        {
            let answer = deliver(&stand, &carrying(&unlock, &forged));
            refused(&answer);
        }
    }
    // The grant that a request brings is looked at as closely.
    let grant = service.grant().draft.finish();
    let none = under(&signed_of(&grant), "none", |_| vec![0; 64]);
    refused(&deliver(&stand, &carrying(&grant, &none)));
    let bringing = restated(&unlock, Kind::Request, &key(folder.path()), |statement| {
        statement["grant"] = none.into();
    });
    refused(&deliver(&stand, &bringing));
    opens_for_the_right_one(&stand, &service, 0);
}

#[test]
fn hs256_with_the_public_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let unlock = service.request(service.grant().to_use().unwrap()).draft.finish();
    let signed = signed_of(&unlock);
    // Everybody has the public key; as whose secret could it be taken?
    let public = key(folder.path()).public_key();
    for secret in [public.as_bytes().to_vec(), public.to_base64url().into_bytes()] {
        for (word, algorithm) in
            [("HS256", ring::hmac::HMAC_SHA256), ("HS512", ring::hmac::HMAC_SHA512)]
        {
            let secret = ring::hmac::Key::new(algorithm, &secret);
            let mac = |text: &[u8]| ring::hmac::sign(&secret, text).as_ref().to_vec();
            let forged = under(&signed, word, mac);
            refused(&deliver(&stand, &carrying(&unlock, &forged)));
            // The same under the header that is expected.
            let pinned = under(&signed, "EdDSA", |text| {
                let mut mac = mac(text);
                mac.resize(64, 0);
                mac
            });
            let answer = deliver(&stand, &carrying(&unlock, &pinned));
            assert_eq!(answer["reason"], "invalid_signature", "{answer}");
        }
    }
    opens_for_the_right_one(&stand, &service, 0);
}

/// Denied as no statement of anybody, whichever of the two checks saw it first.
fn refused(answer: &Value) {
    let reason = answer["reason"].as_str().unwrap_or_default();
    assert!(["invalid_signature", "malformed_request"].contains(&reason), "{answer}");
}

/// Signed well by the right service: for another gateway, another house, another door, another
/// journal, another person.
#[test]
fn a_wrong_audience_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let signer = key(folder.path());
    let grant = service.grant();
    let unlock = service.request(grant.to_use().unwrap()).draft.finish();
    let grant = grant.draft.finish();
    let with = |member: &'static str, value: Value| {
        let there = value.clone();
        let forged = restated(&grant, Kind::Grant, &signer, |s| s[member] = there);
        let asked = restated(&unlock, Kind::Request, &signer, |s| {
            if s.get(member).is_some() {
                s[member] = value;
            }
            s["request_id"] = Uuid::now_v7().to_string().into();
            s["grant"] = signed_of(&forged).into();
        });
        let answers = [deliver(&stand, &forged), deliver(&stand, &asked)];
        answers.map(|answer| answer["reason"].as_str().unwrap_or("granted").to_owned())
    };
    assert_eq!(with("gateway", json!("gw-other")), ["wrong_audience"; 2]);
    // Its key counts in one house.
    assert_eq!(with("tenant_id", json!("other")), ["issuer_not_authorized"; 2]);
    assert_eq!(with("entry_id", json!("cellar")), ["unknown_entry"; 2]);
    assert_eq!(with("journal_id", json!(Uuid::now_v7())), ["ledger_lost"; 2]);
    // The door and the person are inside the signed part of both: neither is lent.
    let granted = deliver(&stand, &grant);
    assert_eq!(granted["outcome"], "installed", "{granted}");
    let lent = restated(&unlock, Kind::Request, &signer, |s| {
        s["request_id"] = Uuid::now_v7().to_string().into();
        s["subject_ref"] = "courier-other".into();
        s.as_object_mut().unwrap().remove("grant");
    });
    assert_eq!(deliver(&stand, &lent)["reason"], "not_authorized");
    // A grant for locking does not unlock.
    let start = Timestamp::now() - SignedDuration::from_secs(60);
    let end = start + SignedDuration::from_hours(2);
    let subject = "courier-7f3a";
    let locking = Grant::once(Service::address(), subject, AccessAction::Lock, start, end);
    let other = service.request(service.grants(locking).to_use().unwrap());
    assert_eq!(deliver(&stand, &other.draft.finish())["reason"], "not_authorized");
    assert!(stand.lock.acts().is_empty());
    opens_for_the_right_one(&stand, &service, 0);
}

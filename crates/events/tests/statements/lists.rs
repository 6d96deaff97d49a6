//! Whom a gateway believes: what the root key says, the latest of it, and nothing else.

use doorward_events::statement::jws::{Fault, Kind};
use doorward_events::statement::{
    Interval, IssuerList, IssuerListError, IssuerScope, KeyId, ListFault, MAX_ISSUER_KEYS,
    SignError, Signer, TrustedIssuers, Verifier,
};
use doorward_events::types::{AccessReason, IssuerListStatement};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::world::{
    DELIVERY, audience, clock, delivery, granted, key, list, now, public, root, signed_as,
    signed_list, time,
};

fn open(signed: &str) -> Result<IssuerList, IssuerListError> {
    IssuerList::open(signed, &root().public_key(), 3, clock())
}

/// What becomes of a list that the root key really signed, whatever it says.
fn opened(list: &Value) -> Result<IssuerList, IssuerListError> {
    open(&signed_as(Kind::IssuerList, list, &root()))
}

#[test]
fn a_list_says_whom_to_believe_and_how_far() {
    let list = open(&signed_list(&list())).unwrap();
    assert_eq!((list.version(), list.expires()), (3, time("2027-06-30T00:00:00Z")));
    assert_eq!(list.statement().keys.len(), 3);
    let key = |kid: &str| list.trusted().key(&KeyId::new(kid).unwrap());
    let property = key("property").unwrap();
    assert_eq!(*property.public_key(), public(4));
    assert_eq!(property.issuer(), "acme.property");
    assert!(property.may(IssuerScope::Grant) && !property.may(IssuerScope::Request));
    assert!(property.speaks_of("acme", Some("hq")) && !property.speaks_of("acme", None));
    assert_eq!(property.not_after(), time("2027-01-01T00:00:00Z"));
    assert_eq!(property.longest_validity().as_hours(), 7 * 24);
    // A word of a later build allows nothing, and takes nothing away from the others.
    let mut grown = crate::world::list();
    grown["keys"][2]["may"] = json!(["grant", "everything"]);
    let grown = open(&signed_list(&grown)).unwrap();
    let property = grown.trusted().key(&KeyId::new("property").unwrap()).unwrap();
    assert_eq!(IssuerScope::ALL.map(|scope| property.may(scope)), [true, false, false, false]);
    // No key is believed for longer than its list.
    assert_eq!(key(DELIVERY).unwrap().not_after(), list.expires());
    assert_eq!(key("root-2026"), None);
    assert_eq!(list.trusted().keys().count(), 3);
}

#[test]
fn whoever_is_on_no_list_is_not_believed() {
    let nobody = Verifier::new(TrustedIssuers::default());
    let denial = nobody.verify(&granted(), &audience(), clock()).unwrap_err();
    assert_eq!(denial.reason, AccessReason::UnauthenticatedSource);
    let empty = json!({ "version": 4, "expires": "2027-06-30T00:00:00Z", "keys": [] });
    assert_eq!(*open(&signed_list(&empty)).unwrap().trusted(), TrustedIssuers::default());
}

#[test]
fn an_older_list_and_an_expired_one_are_refused() {
    let signed = signed_list(&list());
    let root = root().public_key();
    let at = |at_least, latest: &str| {
        let now = Interval { earliest: Timestamp::UNIX_EPOCH, latest: time(latest) };
        IssuerList::open(&signed, &root, at_least, now).map(|list| list.version())
    };
    let (end, after) = ("2027-06-30T00:00:00Z", "2027-06-30T00:00:00.000000001Z");
    assert_eq!(at(0, end), Ok(3));
    assert_eq!(at(3, end), Ok(3), "the same again, after a restart");
    assert_eq!(at(4, end), Err(IssuerListError::Superseded { at_least: 4 }));
    assert_eq!(at(u64::MAX, end), Err(IssuerListError::Superseded { at_least: u64::MAX }));
    assert_eq!(at(3, after), Err(IssuerListError::Expired));
}

#[test]
fn only_the_root_key_lists_and_it_signs_nothing_else() {
    let refused = |signer: &dyn Signer| open(&signed_as(Kind::IssuerList, &list(), signer));
    // A trusted key, also under the root's name.
    assert_eq!(refused(&delivery()), Err(IssuerListError::Signature));
    assert_eq!(refused(&key("root-2026", 2)), Err(IssuerListError::Signature));
    assert!(refused(&key("any-name", 1)).is_ok(), "there is one root key, whatever its name");
    for kind in [Kind::Grant, Kind::Request, Kind::Revocation] {
        let short = json!({ "version": 9, "expires": "2027-06-30T00:00:00Z", "keys": [] });
        let purpose = open(&signed_as(kind, &short, &root()));
        assert_eq!(purpose, Err(IssuerListError::Form(Fault::Purpose)), "{kind:?}");
    }
    // The root's own signature over a statement: its key is no issuer's.
    let statement = crate::world::payload(&granted().data.signed);
    for signer in [root(), key(DELIVERY, 1)] {
        let signed = signed_as(Kind::Grant, &statement, &signer);
        assert!(crate::world::judge(&crate::world::carrying(&granted(), &signed)).is_err());
    }
    // And it cannot be made one.
    let mut own = list();
    own["keys"][0]["public_key"] = json!(public(1).to_base64url());
    assert_eq!(opened(&own), Err(IssuerListError::Keys(ListFault::Twice)));
}

#[test]
fn a_list_is_closed_and_bounded() {
    let with = |pointer: &str, value: Value| {
        let mut list = list();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        list.pointer_mut(parent).unwrap()[member] = value;
        let error = opened(&list).unwrap_err();
        if let Ok(statement) = IssuerListStatement::deserialize(&list)
            && !pointer.ends_with("surprise")
        {
            assert_eq!(now(IssuerList::sign(&root(), &statement)), Err(error.clone()), "{pointer}");
        }
        error
    };
    for (pointer, value) in [
        ("/surprise", json!(1)),
        ("/version", json!(0)),
        ("/version", json!(-1)),
        ("/version", json!("3")),
        ("/expires", json!("tomorrow")),
        ("/keys", json!({})),
        ("/keys/0/surprise", json!(1)),
        ("/keys/0/alg", json!("ES256")),
        ("/keys/0/alg", json!("none")),
        ("/keys/0/may", json!([])),
        ("/keys/0/may", json!(["Everything"])),
        ("/keys/0/tenants", json!([])),
        ("/keys/0/tenants", json!(["*"])),
        ("/keys/0/longest_validity_s", json!(0)),
        ("/keys/0/longest_validity_s", json!(31_622_401)),
        ("/keys/0/kid", json!("k".repeat(65))),
        ("/keys/0/public_key", json!("A".repeat(42))),
        ("/keys/0/issuer", json!("aws.events")),
        ("/keys/0/not_after", json!(null)),
    ] {
        assert_eq!(with(pointer, value), IssuerListError::Schema, "{pointer}");
    }
    // Of all sites, or of some: an empty list of sites is neither.
    let mut sites = list();
    sites["keys"][2]["sites"] = json!([]);
    assert_eq!(opened(&sites), Err(IssuerListError::Schema));
    let fault = |pointer, value| match with(pointer, value) {
        IssuerListError::Keys(fault) => fault.to_string(),
        other => panic!("{other}"),
    };
    assert!(fault("/keys/1/kid", json!(DELIVERY)).contains("twice"));
    assert!(fault("/keys/1/public_key", json!(public(2).to_base64url())).contains("twice"));
    assert!(fault("/keys/1/public_key", json!("A".repeat(43))).contains("small order"));
    assert!(fault("/keys/1/public_key", json!("_".repeat(43))).contains("has 32 bytes"));
    assert!(
        fault("/keys/1/public_key", json!(format!("{}8", "_".repeat(42)))).contains("canonical")
    );
    for pointer in ["/keys/1/not_after", "/expires"] {
        assert!(fault(pointer, json!("9999-12-31T23:59:59Z")).contains("instant"), "{pointer}");
    }
}

#[test]
fn a_list_has_256_keys_at_most() {
    let keys = |count: usize, tenants: usize| {
        let tenants: Vec<_> = (0..tenants).map(|n| format!("{n:064}")).collect();
        let key = |n: usize| {
            let seed =
                [(n as u64).to_le_bytes(), [1; 8], [2; 8], [3; 8]].concat().try_into().unwrap();
            let kid = KeyId::new(&format!("k{n}")).unwrap();
            let signer = doorward_events::statement::LocalSigner::from_seed(kid, &seed).unwrap();
            json!({
                "kid": signer.kid().as_str(), "alg": "EdDSA", "issuer": "a",
                "public_key": signer.public_key().to_base64url(), "may": ["grant"],
                "tenants": tenants, "longest_validity_s": 1, "not_after": "2027-12-31T00:00:00Z",
            })
        };
        let keys: Vec<_> = (0..count).map(key).collect();
        let list = json!({ "version": 3, "expires": "2027-06-30T00:00:00Z", "keys": keys });
        now(IssuerList::sign(&root(), &IssuerListStatement::deserialize(list).unwrap()))
    };
    let full = open(&keys(MAX_ISSUER_KEYS, 1).unwrap()).unwrap();
    assert_eq!(full.trusted().keys().count(), 256);
    assert_eq!(keys(MAX_ISSUER_KEYS + 1, 1), Err(IssuerListError::Schema));
    // Each within its own bound, and too long together.
    let long = keys(40, 64).unwrap_err();
    assert!(matches!(long, IssuerListError::Sign(SignError::TooLong { .. })), "{long}");
}

#[test]
fn a_signed_list_cannot_be_changed() {
    let signed = signed_list(&list());
    let short = json!({ "version": 3, "expires": "2027-06-30T00:00:00Z", "keys": [] });
    let short = signed_list(&short);
    let other: Vec<&str> = signed.split('.').collect();
    let ours: Vec<&str> = short.split('.').collect();
    let swapped = [ours[0], other[1], ours[2]].join(".");
    assert_eq!(open(&swapped), Err(IssuerListError::Signature));
    for at in 0..short.len() * 8 {
        let mut flipped = short.clone().into_bytes();
        flipped[at / 8] ^= 1 << (at % 8);
        if let Ok(flipped) = String::from_utf8(flipped) {
            assert!(open(&flipped).is_err(), "bit {at}");
        }
    }
    for length in 0..signed.len() {
        assert!(open(&signed[..length]).is_err(), "{length}");
    }
}

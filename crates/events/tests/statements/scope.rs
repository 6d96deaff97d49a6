//! A key is believed for what it may say, of the places it may speak of, to the gateway there.

use doorward_events::statement::{Audience, Interval, Signer};
use doorward_events::types::AccessReason as R;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{
    JOURNAL, audience, clock, delivery, denied, granted, judge, key, property, requested, restated,
    revoked, time, verifier,
};

#[test]
fn a_statement_is_for_one_gateway_one_journal_one_tenant() {
    let ask = |gateway: &str, journal_id| {
        let audience = Audience { gateway: gateway.to_owned(), journal_id, ..audience() };
        verifier().verify(&granted(), &audience, clock()).map(drop).map_err(|d| d.reason)
    };
    assert_eq!(ask("gw-1", Some(JOURNAL)), Ok(()));
    assert_eq!(ask("gw-1", None), Ok(()), "left to who judges deadlines first");
    assert_eq!(ask("gw-2", Some(JOURNAL)), Err(R::WrongAudience));
    assert_eq!(ask("gw-1", Some(Uuid::from_u128(8))), Err(R::LedgerLost));
    assert_eq!(ask("gw-2", Some(Uuid::from_u128(8))), Err(R::WrongAudience));
    for event in ["request", "revocation"] {
        let audience = Audience { gateway: "gw-2".to_owned(), ..audience() };
        let judged = match event {
            "request" => verifier().verify(&requested(), &audience, clock()).map(drop),
            _ => verifier().verify(&revoked(), &audience, clock()).map(drop),
        };
        assert_eq!(judged.unwrap_err().reason, R::WrongAudience, "{event}");
    }
    let other = restated(&granted(), &delivery(), |s| s["tenant_id"] = json!("other"));
    assert_eq!(denied(&other), R::IssuerNotAuthorized);
}

/// Keys for two tenants, and for two sites, know many gateways; each believes what is said to it.
#[test]
fn a_key_opens_no_door_of_another_tenant_or_site() {
    let place = |tenant: &str, site: Option<&str>| Audience {
        tenant_id: tenant.to_owned(),
        site_id: site.map(str::to_owned),
        ..audience()
    };
    let says = |signer: &dyn Signer, tenant: &str, site: Option<&str>| {
        restated(&granted(), signer, |s| {
            if signer.kid().as_str() == "property" {
                s["issuer"] = json!("acme.property");
            }
            s["tenant_id"] = json!(tenant);
            s.as_object_mut().unwrap().remove("site_id");
            if let Some(site) = site {
                s["site_id"] = json!(site);
            }
        })
    };
    let (delivery, property) = (delivery(), property());
    let (hq, annex) = (Some("hq"), Some("annex"));
    let (good, foreign, beyond) = ("", "wrong_audience", "issuer_not_authorized");
    for (signer, said, gateway, judged) in [
        (&property, ("acme", hq), ("acme", hq), good),
        (&property, ("other", hq), ("other", hq), good),
        // Its own tenant written into what another's gateway receives.
        (&property, ("other", hq), ("acme", hq), foreign),
        (&property, ("acme", hq), ("other", hq), foreign),
        (&delivery, ("acme", hq), ("other", hq), foreign),
        (&delivery, ("acme", None), ("other", None), foreign),
        (&delivery, ("other", hq), ("other", hq), beyond),
        // Its own site written into what a gateway elsewhere receives.
        (&property, ("acme", hq), ("acme", annex), beyond),
        (&property, ("acme", hq), ("acme", None), beyond),
        (&property, ("acme", annex), ("acme", annex), beyond),
        (&property, ("acme", annex), ("acme", hq), beyond),
        (&property, ("acme", None), ("acme", hq), beyond),
        (&property, ("acme", None), ("acme", None), beyond),
        // A key for all sites still speaks to one.
        (&delivery, ("acme", hq), ("acme", annex), foreign),
        (&delivery, ("acme", hq), ("acme", None), foreign),
        (&delivery, ("acme", annex), ("acme", annex), good),
        (&delivery, ("acme", None), ("acme", annex), good),
        (&delivery, ("acme", None), ("acme", None), good),
    ] {
        let event = says(signer, said.0, said.1);
        let at = place(gateway.0, gateway.1);
        let denial = verifier().verify(&event, &at, clock()).err();
        let answer = denial.map(|denial| denial.reason.to_string()).unwrap_or_default();
        assert_eq!(answer, judged, "{} says {said:?} to {gateway:?}", signer.kid());
    }
    // Requests and revocations alike.
    let at = place("other", hq);
    let asked = verifier().verify(&requested(), &at, clock()).map(drop);
    assert_eq!(asked.unwrap_err().reason, R::WrongAudience);
    let ended = verifier().verify(&revoked(), &at, clock()).map(drop);
    assert_eq!(ended.unwrap_err().reason, R::WrongAudience);
}

#[test]
fn a_key_is_believed_within_its_scope() {
    let grant = |signer: &dyn Signer, change: fn(&mut Value)| {
        judge(&restated(&granted(), signer, change)).map(drop).map_err(|denial| denial.reason)
    };
    let own = |s: &mut Value| s["issuer"] = json!("acme.property");
    assert_eq!(grant(&property(), own), Ok(()));
    assert_eq!(grant(&property(), |_| ()), Err(R::IssuerNotAuthorized), "as another issuer");
    assert_eq!(grant(&delivery(), own), Err(R::IssuerNotAuthorized));
    assert_eq!(grant(&key("stranger", 7), |_| ()), Err(R::UnauthenticatedSource));
    assert_eq!(grant(&key("root-2026", 1), |_| ()), Err(R::UnauthenticatedSource));
    assert_eq!(grant(&key("acme-delivery-2026", 7), |_| ()), Err(R::InvalidSignature));
    assert_eq!(grant(&key("property", 2), own), Err(R::InvalidSignature));
    assert_eq!(grant(&key("requests-only", 3), |_| ()), Err(R::IssuerNotAuthorized));
    let revocation = restated(&revoked(), &key("requests-only", 3), |_| ());
    assert_eq!(denied(&revocation), R::IssuerNotAuthorized, "an end is a grant's matter");
    let request = restated(&requested(), &key("requests-only", 3), |_| ());
    assert!(judge(&request).is_ok(), "its grant is the other key's");
    let request = restated(&requested(), &property(), own);
    assert_eq!(denied(&request), R::IssuerNotAuthorized);

    let elsewhere =
        |s: &mut Value| (s["issuer"], s["site_id"]) = (json!("acme.property"), json!("annex"));
    assert_eq!(grant(&property(), elsewhere), Err(R::IssuerNotAuthorized));
    let nowhere = |s: &mut Value| {
        s["issuer"] = json!("acme.property");
        s.as_object_mut().unwrap().remove("site_id");
    };
    assert_eq!(grant(&property(), nowhere), Err(R::IssuerNotAuthorized));
    let second_tenant =
        |s: &mut Value| (s["issuer"], s["tenant_id"]) = (json!("acme.property"), json!("other"));
    assert_eq!(grant(&property(), second_tenant), Err(R::WrongAudience), "not this gateway's");
    let a_week = |s: &mut Value| {
        (s["issuer"], s["not_before"]) = (json!("acme.property"), json!("2026-11-14T12:00:00Z"));
    };
    assert_eq!(grant(&property(), a_week), Ok(()));
    let longer = |s: &mut Value| {
        (s["issuer"], s["not_before"]) = (json!("acme.property"), json!("2026-11-14T11:59:59Z"));
    };
    assert_eq!(grant(&property(), longer), Err(R::IssuerNotAuthorized));
}

#[test]
fn a_key_whose_time_may_be_over_is_not_believed() {
    let at = |earliest: &str, latest: &str| {
        let now = Interval { earliest: time(earliest), latest: time(latest) };
        let event = restated(&granted(), &property(), |s| s["issuer"] = json!("acme.property"));
        verifier().verify(&event, &audience(), now).map(drop).map_err(|denial| denial.reason)
    };
    let (end, after) = ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00.000000001Z");
    assert_eq!(at("2026-11-21T10:00:00Z", end), Ok(()));
    assert_eq!(at("2026-11-21T10:00:00Z", after), Err(R::IssuerNotAuthorized));
    assert_eq!(at(after, "2026-11-21T10:00:00Z"), Err(R::IssuerNotAuthorized));
    // Of a longer key, the list's end counts.
    let list_ends = Interval::exactly(time("2027-06-30T00:00:00.000000001Z"));
    let denial = verifier().verify(&granted(), &audience(), list_ends).unwrap_err();
    assert_eq!(denial.reason, R::IssuerNotAuthorized);
}

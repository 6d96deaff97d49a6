//! One building: its gateway, its issuers, what they issue, and what the gateway makes of it.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_events::statement::{
    Accepts, Address, Audience, Grant, Interval, Issuer, IssuerList, KeyId, LocalSigner, Request,
    Revocation, Signable, Signer, TrustedIssuers, VendorOrder, Verifier,
};
use doorward_events::types::{
    AccessAction, Authority, EntryUnlockRequested, GatewayStarted, GrantIssued, GrantRevoked,
    TimeAttested, VendorIsolationOrdered,
};
use doorward_events::{Draft, EventType, PublisherId, read};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kit::{Python, TypeScript, must};

pub const AT: &str = "2026-11-21T10:00:00.5Z";
pub const UNTIL: &str = "2026-11-21T12:00:00Z";
pub const JOURNAL: &str = "6f0d3a5e-8f5e-4d0e-9a51-0d9f6f3b2c11";
pub const GRANT_ID: &str = "0191c7a0-0000-7000-8000-00000000a001";
pub const REQUEST_ID: &str = "0191c7a0-0000-7000-8000-00000000b001";
pub const SUBJECT: &str = "courier-7f3a";
pub const DELIVERY: &str = "acme-delivery-2026";
pub const PLATFORM: &str = "acme-platform-2026";

pub fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub fn key(kid: &str, seed: u8) -> LocalSigner {
    LocalSigner::from_seed(KeyId::new(kid).unwrap(), &[seed; 32]).unwrap()
}

pub fn root() -> LocalSigner {
    key("root-2026", 1)
}

pub fn seed_of(kid: &str) -> u8 {
    if kid == PLATFORM { 3 } else { 2 }
}

pub fn list() -> Value {
    let entry = |kid: &str, issuer: &str, may: Value| {
        let public_key = key(kid, seed_of(kid)).public_key().to_base64url();
        json!({
            "kid": kid, "alg": "EdDSA", "public_key": public_key, "issuer": issuer, "may": may,
            "tenants": ["acme"], "longest_validity_s": 86_400, "not_after": "2027-12-31T00:00:00Z",
        })
    };
    json!({
        "version": 3,
        "expires": "2027-06-30T00:00:00Z",
        "keys": [
            entry(DELIVERY, "acme.delivery", json!(["grant", "request"])),
            entry(PLATFORM, "acme.platform", json!(["time", "vendor"])),
        ],
    })
}

pub fn signed_list() -> String {
    wait(IssuerList::sign(&root(), &serde_json::from_value(list()).unwrap())).unwrap()
}

pub fn trusted() -> TrustedIssuers {
    let now = Interval::exactly(AT.parse().unwrap());
    let list = IssuerList::open(&signed_list(), &root().public_key(), 3, now).unwrap();
    list.trusted().clone()
}

pub fn accepts() -> Accepts {
    let types: Vec<Value> = EventType::ALL
        .into_iter()
        .map(|t| json!({ "type": t.as_str(), "versions": [t.schema_version()] }))
        .collect();
    let event = json!({
        "id": "0191c7a0-0000-7000-8000-00000000c001", "type": "gateway.started",
        "schema_version": EventType::GatewayStarted.schema_version(), "time": AT,
        "publisher": { "name": "doorward.gateway", "instance": "gw-1" },
        "tenant_id": "acme", "test": false,
        "data": {
            "version": "0.1.0", "platform": "linux", "previous_stop": "clean", "events_waiting": 0,
            "bus_kind": "eventbridge", "vendors": [], "accepts": types,
        },
        "gateway": { "recorded_at": AT, "journal_id": JOURNAL, "sequence": 1, "type_sequence": 1 },
    });
    Accepts::from_started(&read::<GatewayStarted>(event.to_string().as_bytes()).unwrap()).unwrap()
}

pub fn address() -> Address {
    Address::new("acme", "gw-1", "front-door").at_site("hq")
}

/// The two languages' programs, each asked all tasks at once.
pub fn ask(tasks: &[Value]) -> [(&'static str, Vec<Value>); 2] {
    let (typescript, python) = (TypeScript::build(), Python::make());
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("tasks.jsonl");
    let lines: Vec<String> = tasks.iter().map(Value::to_string).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let run = |mut program: Command| {
        let printed = must(program.arg(&file));
        let answers: Vec<Value> =
            printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), tasks.len());
        answers
    };
    [
        ("TypeScript", run(typescript.program("statements.js"))),
        ("Python", run(python.program("statements.py"))),
    ]
}

pub fn issue_task(what: &str, publisher: &str, kid: &str, id: &str, grant: Option<Value>) -> Value {
    let types: serde_json::Map<String, Value> = EventType::ALL
        .into_iter()
        .map(|t| (t.as_str().to_owned(), json!([t.schema_version()])))
        .collect();
    let mut task = json!({
        "do": "issue", "what": what, "publisher": publisher, "kid": kid,
        "seed": format!("{:02x}", seed_of(kid)).repeat(32),
        "accepts": {
            "gateway": "gw-1", "tenant_id": "acme", "journal_id": JOURNAL, "types": types,
        },
        "address": {
            "tenant_id": "acme", "gateway": "gw-1", "site_id": "hq", "entry_id": "front-door",
        },
        "at": AT, "until": UNTIL, "id": id, "subject_ref": SUBJECT,
    });
    if let Some(grant) = grant {
        task["grant"] = grant;
    }
    task
}

pub fn issuer(publisher: &str, kid: &str) -> Issuer {
    Issuer::new(key(kid, seed_of(kid)), PublisherId::new(publisher, "eu-1")).unwrap()
}

pub fn grant() -> Grant {
    let schedule = json!({
        "windows": [{ "day": "monday", "from": "08:00", "to": "18:00" }],
        "holidays": ["2026-12-25"],
    });
    Grant {
        address: address(),
        grant_id: GRANT_ID.parse().unwrap(),
        subject_ref: SUBJECT.to_owned(),
        actions: vec![AccessAction::Unlock],
        issued_at: time(AT),
        not_before: time(AT),
        expires_at: time(UNTIL),
        max_uses: 1,
        min_interval_s: Some(5),
        schedule: Some(serde_json::from_value(schedule).unwrap()),
    }
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What the Rust library issues, asked for the same: the signed texts and the drafts.
pub fn issued() -> Vec<(EventType, String, Draft)> {
    let (accepts, delivery) = (accepts(), issuer("acme.delivery", DELIVERY));
    let platform = issuer("acme.platform", PLATFORM);
    let grant = wait(delivery.grant(&accepts, grant())).unwrap();
    let revocation = Revocation {
        address: address(),
        grant_id: GRANT_ID.parse().unwrap(),
        issued_at: time(AT),
        expires_at: time(UNTIL),
    };
    let revoked = wait(delivery.revoke(&accepts, revocation)).unwrap();
    let mut request = Request::now(address(), SUBJECT).using(grant.to_use().unwrap());
    (request.request_id, request.issued_at) = (REQUEST_ID.parse().unwrap(), time(AT));
    let asked = wait(delivery.request::<EntryUnlockRequested>(&accepts, request)).unwrap();
    let challenge = "c".repeat(32);
    let attested = wait(platform.attest(&accepts, address(), challenge, time(AT))).unwrap();
    let order = VendorOrder {
        vendor: "zigbee".to_owned(),
        isolated: true,
        version: 7,
        issued_at: time(AT),
    };
    let ordered = wait(platform.order_vendor(&accepts, address(), order)).unwrap();
    vec![
        (EventType::GrantIssued, grant.signed, grant.draft),
        (EventType::GrantRevoked, revoked.signed, revoked.draft),
        (EventType::EntryUnlockRequested, asked.signed, asked.draft),
        (EventType::TimeAttested, attested.signed, attested.draft),
        (EventType::VendorIsolationOrdered, ordered.signed, ordered.draft),
    ]
}

pub fn payload(signed: &str) -> Value {
    let part = signed.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// What the gateway's own verifier says: `ok`, or why not.
pub fn judge(event: &str, site: Option<&str>) -> String {
    fn of<D>(event: &str, audience: &Audience) -> String
    where
        D: Authority<Statement: Signable>,
    {
        let received = match read::<D>(event.as_bytes()) {
            Ok(received) => received,
            Err(doorward_events::Rejected::Invalid(_)) => return "invalid".to_owned(),
            Err(other) => panic!("{other}"),
        };
        let now = Interval::exactly(time(AT));
        match Verifier::new(trusted()).verify(&received, audience, now) {
            Ok(_) => "ok".to_owned(),
            Err(denial) => denial.reason.as_str().to_owned(),
        }
    }
    let audience = Audience {
        gateway: "gw-1".to_owned(),
        tenant_id: "acme".to_owned(),
        site_id: site.map(str::to_owned),
        journal_id: Some(JOURNAL.parse().unwrap()),
    };
    let parsed: Value = serde_json::from_str(event).unwrap();
    match parsed["type"].as_str().unwrap() {
        "grant.issued" => of::<GrantIssued>(event, &audience),
        "grant.revoked" => of::<GrantRevoked>(event, &audience),
        "entry.unlock_requested" => of::<EntryUnlockRequested>(event, &audience),
        "time.attested" => of::<TimeAttested>(event, &audience),
        "vendor.isolation_ordered" => of::<VendorIsolationOrdered>(event, &audience),
        other => panic!("{other}"),
    }
}

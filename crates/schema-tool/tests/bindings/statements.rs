//! Signed statements: what one language issues the others believe, and what one refuses the others
//! refuse for the same reason.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_events::statement::jws::{self, Fault, Kind};
use doorward_events::statement::{
    Accepts, Address, Audience, Grant, Interval, Issuer, IssuerList, KeyId, LocalSigner, PublicKey,
    Request, Revocation, Signable, Signer, TrustedIssuers, VendorOrder, Verifier,
};
use doorward_events::types::{
    AccessAction, Authority, EntryUnlockRequested, GatewayStarted, GrantIssued, GrantRevoked,
    TimeAttested, VendorIsolationOrdered,
};
use doorward_events::{Draft, EventType, PublisherId, read};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kit::{Python, TypeScript, must};

const AT: &str = "2026-11-21T10:00:00.5Z";
const UNTIL: &str = "2026-11-21T12:00:00Z";
const JOURNAL: &str = "6f0d3a5e-8f5e-4d0e-9a51-0d9f6f3b2c11";
const GRANT_ID: &str = "0191c7a0-0000-7000-8000-00000000a001";
const REQUEST_ID: &str = "0191c7a0-0000-7000-8000-00000000b001";
const SUBJECT: &str = "courier-7f3a";
const DELIVERY: &str = "acme-delivery-2026";
const PLATFORM: &str = "acme-platform-2026";

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn key(kid: &str, seed: u8) -> LocalSigner {
    LocalSigner::from_seed(KeyId::new(kid).unwrap(), &[seed; 32]).unwrap()
}

fn root() -> LocalSigner {
    key("root-2026", 1)
}

fn seed_of(kid: &str) -> u8 {
    if kid == PLATFORM { 3 } else { 2 }
}

fn list() -> Value {
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
            entry(PLATFORM, "acme.platform", json!(["time", "configuration"])),
        ],
    })
}

fn signed_list() -> String {
    wait(IssuerList::sign(&root(), &serde_json::from_value(list()).unwrap())).unwrap()
}

fn trusted() -> TrustedIssuers {
    let now = Interval::exactly(AT.parse().unwrap());
    let list = IssuerList::open(&signed_list(), &root().public_key(), 3, now).unwrap();
    list.trusted().clone()
}

fn accepts() -> Accepts {
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
            "bus": "eventbridge", "vendors": [], "accepts": types,
        },
        "gateway": { "recorded_at": AT, "journal_id": JOURNAL, "sequence": 1, "type_sequence": 1 },
    });
    Accepts::from_started(&read::<GatewayStarted>(event.to_string().as_bytes()).unwrap()).unwrap()
}

fn address() -> Address {
    Address::new("acme", "gw-1", "front-door").at_site("hq")
}

/// The two languages' programs, each asked all tasks at once.
fn ask(tasks: &[Value]) -> [(&'static str, Vec<Value>); 2] {
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

fn issue_task(what: &str, publisher: &str, kid: &str, id: &str, grant: Option<Value>) -> Value {
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

fn issuer(publisher: &str, kid: &str) -> Issuer {
    Issuer::new(key(kid, seed_of(kid)), PublisherId::new(publisher, "eu-1")).unwrap()
}

fn grant() -> Grant {
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

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What the Rust library issues, asked for the same: the signed texts and the drafts.
fn issued() -> Vec<(EventType, String, Draft)> {
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

fn payload(signed: &str) -> Value {
    let part = signed.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// What the gateway's own verifier says: `ok`, or why not.
fn judge(event: &str, site: Option<&str>) -> String {
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

#[test]
fn the_gateway_believes_what_other_languages_issue() {
    let ours = issued();
    let signed_grant = &ours[0].1;
    let right = json!({ "grant_id": GRANT_ID, "journal_id": JOURNAL, "signed": signed_grant });
    let tasks = [
        issue_task("grant", "acme.delivery", DELIVERY, GRANT_ID, None),
        issue_task("revoke", "acme.delivery", DELIVERY, GRANT_ID, None),
        issue_task("unlock", "acme.delivery", DELIVERY, REQUEST_ID, Some(right)),
        issue_task("attest", "acme.platform", PLATFORM, "", None),
        issue_task("vendor", "acme.platform", PLATFORM, "", None),
        json!({
            "do": "list", "kid": "root-2026", "seed": "01".repeat(32), "statement": list(),
        }),
    ];
    let answers = ask(&tasks);
    for (language, answers) in &answers {
        for ((event_type, signed, _), answer) in ours.iter().zip(answers) {
            let event = answer["event"].as_str().unwrap_or_else(|| panic!("{language}: {answer}"));
            assert_eq!(judge(event, Some("hq")), "ok", "{language} {event_type}: {answer}");
            let theirs = answer["signed"].as_str().unwrap();
            assert_eq!(payload(theirs), payload(signed), "{language} {event_type}");
        }
        let signed = answers[5]["signed"].as_str().unwrap();
        let now = Interval::exactly(time(AT));
        let opened = IssuerList::open(signed, &root().public_key(), 3, now).unwrap();
        assert_eq!(opened.trusted(), &trusted(), "{language}");
    }
    let [(_, typescript), (_, python)] = &answers;
    for (one, other) in typescript.iter().zip(python) {
        assert_eq!(one["signed"], other["signed"], "the same statement is the same text");
    }
}

/// A compact JWS of any header and payload, well signed over exactly that.
fn forge(header: &str, payload: &str, signer: &dyn Signer) -> String {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    let input = format!("{header}.{payload}");
    let signature = wait(signer.sign(input.as_bytes())).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(kind: Kind, kid: &str) -> String {
    format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{}"}}"#, kind.typ())
}

/// The event with a changed statement, signed by its issuer and copied anew.
fn restated(draft: &Draft, kind: Kind, change: &dyn Fn(&mut Value)) -> String {
    let mut event: Value = serde_json::from_str(&draft.finish()).unwrap();
    let mut statement = payload(event["data"]["signed"].as_str().unwrap());
    change(&mut statement);
    let kid = if statement["issuer"] == "acme.platform" { PLATFORM } else { DELIVERY };
    let signed = forge(&header(kind, kid), &statement.to_string(), &key(kid, seed_of(kid)));
    for (name, copy) in event["data"].as_object_mut().unwrap() {
        if let Some(said) = statement.get(name) {
            *copy = said.clone();
        }
    }
    event["data"]["signed"] = json!(signed);
    for name in ["tenant_id", "site_id", "entry_id"] {
        match statement.get(name) {
            Some(said) => event[name] = said.clone(),
            None => drop(event.as_object_mut().unwrap().remove(name)),
        }
    }
    event.to_string()
}

fn changed(draft: &Draft, change: &dyn Fn(&mut Value)) -> String {
    let mut event: Value = serde_json::from_str(&draft.finish()).unwrap();
    change(&mut event);
    event.to_string()
}

/// Events that were tampered with, each with a name and the site of the gateway that gets it.
fn tampered() -> Vec<(String, String, Option<&'static str>)> {
    let ours = issued();
    let draft = |n: usize| &ours[n].2;
    let (grant, request) = (draft(0), draft(2));
    let mut cases: Vec<(String, String, Option<&'static str>)> = Vec::new();
    for (event_type, _, draft) in &ours {
        cases.push((format!("{event_type} as issued"), draft.finish(), Some("hq")));
        cases.push((format!("{event_type} at another site"), draft.finish(), Some("annex")));
        cases.push((format!("{event_type} at no site"), draft.finish(), None));
    }
    let mut add = |name: &str, event: String| cases.push((name.to_owned(), event, Some("hq")));

    let signed = |draft: &Draft| {
        let event: Value = serde_json::from_str(&draft.finish()).unwrap();
        event["data"]["signed"].as_str().unwrap().to_owned()
    };
    let carrying =
        |draft: &Draft, text: &str| changed(draft, &|event| event["data"]["signed"] = json!(text));
    let statement = payload(&signed(grant)).to_string();
    let good = header(Kind::Grant, DELIVERY);
    let delivery = key(DELIVERY, 2);
    for (name, header) in [
        ("alg none", good.replace("EdDSA", "none")),
        ("alg HS256", good.replace("EdDSA", "HS256")),
        ("alg in small letters", good.replace("EdDSA", "eddsa")),
        ("alg null", good.replace("\"EdDSA\"", "null")),
        ("no alg", good.replace("\"alg\":\"EdDSA\",", "")),
        ("a kid that is a path", good.replace(DELIVERY, "../key")),
        ("a kid that is a number", good.replace(&format!("\"{DELIVERY}\""), "7")),
        ("another purpose", good.replace("grant+", "request+")),
        ("a crit", good.replace('}', ",\"crit\":[\"exp\"]}")),
        ("alg twice", good.replace('}', ",\"alg\":\"EdDSA\"}")),
        ("alg twice, the first one none", good.replace('{', "{\"alg\":\"none\",")),
        ("a kid twice with an escape", good.replace('}', ",\"\\u006bid\":\"x\"}")),
        ("a header that is a list", "[\"EdDSA\"]".to_owned()),
        ("a header with much space", format!("{good}{}", " ".repeat(300))),
        ("a key that is not known", good.replace(DELIVERY, "somebody")),
        ("another issuer's kid", good.replace(DELIVERY, PLATFORM)),
    ] {
        add(name, carrying(grant, &forge(&header, &statement, &delivery)));
    }
    for (name, text) in [
        ("a member twice", statement.replacen('{', "{\"max_uses\":5,", 1)),
        ("a float for an integer", statement.replace("\"max_uses\":1", "\"max_uses\":1.0")),
        ("no JSON", statement.replacen('{', "", 1)),
        ("a number beyond doubles", statement.replace("\"max_uses\":1", "\"max_uses\":1e999")),
        ("half a surrogate pair", statement.replace(SUBJECT, "\\ud800")),
    ] {
        assert_ne!(text, statement, "{name}");
        add(name, carrying(grant, &forge(&good, &text, &delivery)));
    }
    let whole = signed(grant);
    let (input, signature) = whole.rsplit_once('.').unwrap();
    add("no signature", carrying(grant, &format!("{input}.AA")));
    add("another statement's signature", {
        let other = signed(request);
        carrying(grant, &format!("{input}.{}", other.rsplit_once('.').unwrap().1))
    });
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    add("a flipped signature", carrying(grant, &format!("{input}.{flipped}{}", &signature[1..])));

    let restate = |change: &dyn Fn(&mut Value)| restated(grant, Kind::Grant, change);
    add("an unknown restriction", restate(&|s| s["only_if"] = json!("raining")));
    add("an unknown restriction within", restate(&|s| s["schedule"]["moon"] = json!("full")));
    add("an unknown action", restate(&|s| s["actions"] = json!(["unlock", "levitate"])));
    add(
        "an unknown action and a wrong member",
        restate(&|s| {
            s["actions"] = json!(["levitate"]);
            s["max_uses"] = json!(0);
        }),
    );
    add("another version", restate(&|s| s["schema_version"] = json!("0.2")));
    add("another type", restate(&|s| s["type"] = json!("grant.revoked")));
    add("another tenant", restate(&|s| s["tenant_id"] = json!("other")));
    add("another gateway", restate(&|s| s["gateway"] = json!("gw-2")));
    add("another site", restate(&|s| s["site_id"] = json!("annex")));
    add("no site", restate(&|s| drop(s.as_object_mut().unwrap().remove("site_id"))));
    add(
        "another journal",
        restate(&|s| {
            s["journal_id"] = json!("00000000-0000-0000-0000-000000000000");
        }),
    );
    add("another issuer", restate(&|s| s["issuer"] = json!("acme.property")));
    add("a day that does not exist", restate(&|s| s["issued_at"] = json!("2026-02-30T00:00:00Z")));
    add("an end before its beginning", restate(&|s| s["expires_at"] = s["issued_at"].clone()));
    add("longer than the key may", restate(&|s| s["expires_at"] = json!("2026-11-22T10:00:00.6Z")));
    add("as long as the key may", restate(&|s| s["expires_at"] = json!("2026-11-22T10:00:00.5Z")));

    let restate = |change: &dyn Fn(&mut Value)| restated(request, Kind::Request, change);
    add(
        "a request without its grant",
        restate(&|s| {
            drop(s.as_object_mut().unwrap().remove("grant"));
        }),
    );
    add("a request for another grant", restate(&|s| s["grant_id"] = json!(REQUEST_ID)));
    add("a request for another subject", restate(&|s| s["subject_ref"] = json!("somebody")));
    add("a request with a broken grant", restate(&|s| s["grant"] = json!("e30.e30.AA")));
    add("a request that is too long", restate(&|s| s["not_after"] = json!("2026-11-21T10:01:01Z")));
    add("a request of a key for other things", restate(&|s| s["issuer"] = json!("acme.platform")));

    add(
        "a copy that differs",
        changed(grant, &|e| e["data"]["expires_at"] = json!("2026-11-21T13:00:00Z")),
    );
    add(
        "a copy of an instant written otherwise",
        changed(grant, &|e| {
            e["data"]["expires_at"] = json!("2026-11-21T12:00:00.0Z");
        }),
    );
    add("a tenant that differs", changed(grant, &|e| e["tenant_id"] = json!("other")));
    add("an entry that differs", changed(grant, &|e| e["entry_id"] = json!("back-door")));
    add("no entry", changed(grant, &|e| drop(e.as_object_mut().unwrap().remove("entry_id"))));
    add(
        "a publisher that differs",
        changed(grant, &|e| e["publisher"]["name"] = json!("acme.property")),
    );
    add("a test", changed(grant, &|e| e["test"] = json!(true)));
    add("a version that differs", changed(grant, &|e| e["schema_version"] = json!("0.2")));
    add(
        "an unknown member beside the statement",
        changed(grant, &|e| e["data"]["more"] = json!(1)),
    );
    cases
}

#[test]
fn what_was_tampered_with_is_refused_for_the_same_reason() {
    let cases = tampered();
    let root_key = root().public_key().to_base64url();
    let list = signed_list();
    let tasks: Vec<Value> = cases
        .iter()
        .map(|(_, event, site)| {
            let mut audience =
                json!({ "gateway": "gw-1", "tenant_id": "acme", "journal_id": JOURNAL });
            if let Some(site) = site {
                audience["site_id"] = json!(site);
            }
            json!({
                "do": "verify", "event": event, "list": list, "root": root_key, "at_least": 3,
                "audience": audience, "at": AT,
            })
        })
        .collect();
    let mut differing = Vec::new();
    let mut reasons = std::collections::BTreeSet::new();
    for (language, answers) in ask(&tasks) {
        for ((name, event, site), answer) in cases.iter().zip(answers) {
            let ours = judge(event, *site);
            let theirs = answer["refused"].as_str().unwrap_or("ok");
            if ours != theirs {
                differing.push(format!("{language}: {name}: {theirs} for {ours}"));
            }
            reasons.insert(ours);
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(reasons.len() >= 8, "too few reasons are tried: {reasons:?}");
}

#[test]
fn forms_of_signatures_and_keys_are_judged_alike() {
    let delivery = key(DELIVERY, 2);
    let mut texts: Vec<(Kind, String)> = Vec::new();
    for kind in Kind::ALL {
        let good = forge(&header(kind, DELIVERY), r#"{"a":1}"#, &delivery);
        let room = kind.max_bytes();
        let long = forge(&header(kind, DELIVERY), &"x".repeat(room), &delivery);
        let number = forge(&header(kind, DELIVERY), "7", &delivery);
        let deep = forge(&header(kind, DELIVERY), &"[".repeat(200), &delivery);
        let nested = format!("{}1{}", "[".repeat(127), "]".repeat(127));
        let deepest = forge(&header(kind, DELIVERY), &nested, &delivery);
        let (input, signature) = good.rsplit_once('.').unwrap();
        let padded = format!("{input}.{signature}==");
        let other_bits = format!("{input}.{}B", &signature[..signature.len() - 1]);
        let standard = good.replacen(|c: char| c.is_ascii_alphabetic(), "+", 1);
        let blank = format!(" {good}");
        let four = format!("{good}.AA");
        let wide = good.replacen('e', "é", 1);
        for text in [
            good.clone(),
            long,
            number,
            deep,
            deepest,
            padded,
            other_bits,
            standard,
            blank,
            four,
            wide,
        ] {
            texts.push((kind, text));
        }
        texts.extend(["", ".", "..", "...", "e30.e30.AA"].map(|text| (kind, text.to_owned())));
    }
    let mut keys: Vec<String> = vec![
        delivery.public_key().to_base64url(),
        String::new(),
        "A".repeat(43),
        format!("AQ{}", "A".repeat(41)),
        "7P".to_owned() + &"_".repeat(40) + "38",
        "_".repeat(43),
        format!("{}=", delivery.public_key().to_base64url()),
    ];
    for y in [
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        let byte = |n: usize| u8::from_str_radix(&y[2 * n..2 * n + 2], 16).unwrap();
        keys.push(URL_SAFE_NO_PAD.encode(std::array::from_fn::<u8, 32, _>(byte)));
    }

    let tasks: Vec<Value> = texts
        .iter()
        .map(|(kind, text)| {
            let name = kind.typ().trim_start_matches("doorward-").trim_end_matches("+jws");
            json!({ "do": "parse", "kind": name, "text": text })
        })
        .chain(keys.iter().map(|text| json!({ "do": "key", "text": text })))
        .collect();
    let ours: Vec<String> = texts
        .iter()
        .map(|(kind, text)| match jws::parse(text, *kind) {
            Ok(_) => "ok",
            Err(Fault::TooLong) => "too_long",
            Err(Fault::Parts) => "parts",
            Err(Fault::Header) => "header",
            Err(Fault::Algorithm) => "algorithm",
            Err(Fault::Purpose) => "purpose",
            Err(Fault::Payload) => "payload",
        })
        .chain(keys.iter().map(|text| match PublicKey::from_base64url(text) {
            Ok(_) => "ok",
            Err(_) => "bad_key",
        }))
        .map(str::to_owned)
        .collect();
    for (language, answers) in ask(&tasks) {
        for ((task, ours), answer) in tasks.iter().zip(&ours).zip(&answers) {
            let theirs = answer["refused"].as_str().unwrap_or("ok");
            let shown: String = task.to_string().chars().take(300).collect();
            assert_eq!(theirs, ours, "{language}: {shown}");
        }
    }
}

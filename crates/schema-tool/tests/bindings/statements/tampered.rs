//! What nobody issued: events whose statement, header, signature or copies were changed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_events::Draft;
use doorward_events::statement::Signer;
use doorward_events::statement::jws::Kind;
use serde_json::{Value, json};

use super::world::{DELIVERY, PLATFORM, REQUEST_ID, SUBJECT, issued, key, payload, seed_of, wait};

/// A compact JWS of any header and payload, well signed over exactly that.
pub fn forge(header: &str, payload: &str, signer: &dyn Signer) -> String {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    let input = format!("{header}.{payload}");
    let signature = wait(signer.sign(input.as_bytes())).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

pub fn header(kind: Kind, kid: &str) -> String {
    format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"{}"}}"#, kind.typ())
}

/// The event with a changed statement, signed by its issuer and copied anew.
pub fn restated(draft: &Draft, kind: Kind, change: &dyn Fn(&mut Value)) -> String {
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

pub fn changed(draft: &Draft, change: &dyn Fn(&mut Value)) -> String {
    let mut event: Value = serde_json::from_str(&draft.finish()).unwrap();
    change(&mut event);
    event.to_string()
}

/// Events that were tampered with, each with a name and the site of the gateway that gets it.
pub fn tampered() -> Vec<(String, String, Option<&'static str>)> {
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
    add("another version", restate(&|s| s["schema_version"] = json!("2.0")));
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
    add("a version that differs", changed(grant, &|e| e["schema_version"] = json!("2.0")));
    add(
        "an unknown member beside the statement",
        changed(grant, &|e| e["data"]["more"] = json!(1)),
    );
    cases
}

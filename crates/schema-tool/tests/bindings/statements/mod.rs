//! Signed statements: what one language issues the others believe, and what one refuses the others
//! refuse for the same reason.

mod tampered;
mod world;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_events::statement::jws::{self, Fault, Kind};
use doorward_events::statement::{Interval, IssuerList, PublicKey, Signer as _};
use serde_json::{Value, json};

use tampered::{forge, header, tampered};
use world::{
    AT, DELIVERY, GRANT_ID, JOURNAL, PLATFORM, REQUEST_ID, ask, issue_task, issued, judge, key,
    list, payload, root, signed_list, time, trusted,
};

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

//! The form of a signature: one reading or none, whatever the bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_events::statement::jws::{Fault, Kind, MAX_HEADER_BYTES, parse};
use doorward_events::types::AccessReason;
use proptest::prelude::*;
use ring::hmac;
use serde_json::json;

use crate::world::{
    DELIVERY, carrying, delivery, denied, forge, granted, judge, payload, public, signed_as,
};

const GRANT: &str = r#"{"alg":"EdDSA","kid":"acme-delivery-2026","typ":"doorward-grant+jws"}"#;

/// Each header is signed well, over itself, by a trusted key: only the header's own rule is left
/// to refuse it.
#[test]
fn nothing_is_negotiated_in_a_header() {
    use AccessReason::{InvalidSignature, MalformedRequest};
    let typ = r#""kid":"acme-delivery-2026","typ":"doorward-grant+jws""#;
    let all = format!(r#""alg":"EdDSA",{typ}"#);
    let long = "k".repeat(65);
    let table = [
        (format!(r#"{{"alg":"none",{typ}}}"#), InvalidSignature),
        (format!(r#"{{"alg":"None",{typ}}}"#), InvalidSignature),
        (format!(r#"{{"alg":"",{typ}}}"#), InvalidSignature),
        (format!(r#"{{"alg":"HS256",{typ}}}"#), InvalidSignature),
        (format!(r#"{{"alg":"ES256",{typ}}}"#), InvalidSignature),
        (format!(r#"{{"alg":"eddsa",{typ}}}"#), InvalidSignature),
        (format!(r#"{{"alg":"Ed25519",{typ}}}"#), InvalidSignature),
        (format!(r#"{{"alg":"Ed448",{typ}}}"#), InvalidSignature),
        (format!(r"{{{typ}}}"), MalformedRequest),
        (format!(r#"{{"alg":null,{typ}}}"#), MalformedRequest),
        (format!(r#"{{"alg":["EdDSA"],{typ}}}"#), MalformedRequest),
        (r#"{"alg":"EdDSA","typ":"doorward-grant+jws"}"#.to_owned(), MalformedRequest),
        (r#"{"alg":"EdDSA","kid":"acme-delivery-2026"}"#.to_owned(), MalformedRequest),
        (GRANT.replace("acme-delivery-2026", ""), MalformedRequest),
        (GRANT.replace("acme-delivery-2026", "../key"), MalformedRequest),
        (GRANT.replace("acme-delivery-2026", &long), MalformedRequest),
        (GRANT.replace(r#""acme-delivery-2026""#, "7"), MalformedRequest),
        (format!(r#"{{{all},"crit":["exp"]}}"#), MalformedRequest),
        (format!(r#"{{{all},"crit":["b64"],"b64":false}}"#), MalformedRequest),
        (format!(r#"{{{all},"b64":true}}"#), MalformedRequest),
        (format!(r#"{{{all},"crv":"Ed448"}}"#), MalformedRequest),
        (format!(r#"{{{all},"jwk":{{"kty":"OKP","crv":"Ed25519","x":"AA"}}}}"#), MalformedRequest),
        (format!(r#"{{{all},"jku":"https://x"}}"#), MalformedRequest),
        (format!(r#"{{{all},"x5c":["AA"]}}"#), MalformedRequest),
        (format!(r#"{{{all},"x5u":"https://x"}}"#), MalformedRequest),
        (format!(r#"{{{all},"cty":"json"}}"#), MalformedRequest),
        (format!(r#"{{{all},"alg":"EdDSA"}}"#), MalformedRequest),
        (format!(r#"{{{all},"alg":"none"}}"#), MalformedRequest),
        (format!(r#"{{"alg":"none",{all}}}"#), MalformedRequest),
        (format!(r#"{{{all},"\u006bid":"acme-delivery-2026"}}"#), MalformedRequest),
        (format!("{GRANT} {GRANT}"), MalformedRequest),
        (r#"["EdDSA","acme-delivery-2026","doorward-grant+jws"]"#.to_owned(), MalformedRequest),
        ("{}".to_owned(), MalformedRequest),
        ("null".to_owned(), MalformedRequest),
        (String::new(), MalformedRequest),
        (GRANT.replace("grant+", "request+"), MalformedRequest),
        (GRANT.replace("grant+", "revocation+"), MalformedRequest),
        (GRANT.replace("doorward-grant+jws", "JWT"), MalformedRequest),
        (format!("{GRANT}{}", " ".repeat(MAX_HEADER_BYTES)), MalformedRequest),
    ];
    let event = granted();
    let statement = payload(&event.data.signed).to_string();
    assert!(judge(&carrying(&event, &forge(GRANT, &statement, &delivery()))).is_ok());
    for (header, reason) in table {
        let signed = forge(&header, &statement, &delivery());
        assert_eq!(denied(&carrying(&event, &signed)), reason, "{header}");
    }
}

#[test]
fn no_signature_is_no_signature() {
    let event = granted();
    let (input, signature) = event.data.signed.rsplit_once('.').unwrap();
    let none = GRANT.replace("EdDSA", "none");
    let none = forge(&none, &payload(&event.data.signed).to_string(), &delivery());
    let (none, _) = none.rsplit_once('.').unwrap();
    let zeros = "A".repeat(86);
    for signed in [
        format!("{none}."),
        none.to_owned(),
        format!("{input}."),
        input.to_owned(),
        format!("{input}.{}", &signature[..85]),
        format!("{input}.{signature}AA"),
        format!("{input}.{zeros}"),
        format!("{input}.{signature}.{signature}"),
        format!(".{input}.{signature}"),
    ] {
        assert!(judge(&carrying(&event, &signed)).is_err(), "{signed}");
    }
}

/// The classic: the public key, which everybody has, as the secret of an HMAC.
#[test]
fn a_public_key_is_no_shared_secret() {
    let event = granted();
    let header = GRANT.replace("EdDSA", "HS256");
    let input = forge(&header, &payload(&event.data.signed).to_string(), &delivery());
    let (input, _) = input.rsplit_once('.').unwrap();
    let encoded = public(2).to_base64url();
    for secret in [public(2).as_bytes().as_slice(), encoded.as_bytes()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(tag.as_ref());
        assert!(judge(&carrying(&event, &format!("{input}.{tag}"))).is_err());
        // And with 64 bytes, so that not its length refuses it.
        let long = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, secret), input.as_bytes());
        let signed = format!("{input}.{}", URL_SAFE_NO_PAD.encode(long.as_ref()));
        assert_eq!(denied(&carrying(&event, &signed)), AccessReason::InvalidSignature);
    }
}

#[test]
fn a_payload_is_json_in_which_each_member_stands_once() {
    let event = granted();
    let good = payload(&event.data.signed).to_string();
    let open = good.strip_suffix('}').unwrap();
    for text in [
        format!(r#"{open},"max_uses":1000000}}"#),
        format!(r#"{open},"\u006dax_uses":2}}"#),
        format!("{good}{good}"),
        format!("[{good}]"),
        format!("\u{feff}{good}"),
        "null".to_owned(),
        String::new(),
        "[".repeat(3000),
    ] {
        let signed = carrying(&event, &forge(GRANT, &text, &delivery()));
        assert_eq!(denied(&signed), AccessReason::MalformedRequest, "{text}");
    }
    let blanks = good.replace(',', " ,\n ");
    let signed = carrying(&event, &forge(GRANT, &blanks, &delivery()));
    assert!(judge(&signed).is_ok(), "blanks mean nothing and are signed");
}

/// One text per signature: what other decoders would read as the same bytes is refused.
#[test]
fn base64url_has_one_form() {
    let event = granted();
    let good = event.data.signed.clone();
    let parts: Vec<&str> = good.split('.').collect();
    let mut tried = 0;
    for at in 0..3 {
        let mut with = |part: String| {
            let mut parts = parts.clone();
            parts[at] = &part;
            let signed = parts.join(".");
            assert_ne!(signed, good);
            assert!(parse(&signed, Kind::Grant).is_err(), "{signed}");
            assert_eq!(denied(&carrying(&event, &signed)), AccessReason::MalformedRequest);
            tried += 1;
        };
        let part = parts[at];
        with(format!("{part}="));
        with(format!("{part}=="));
        with(format!("{part}\n"));
        with(format!(" {part}"));
        with(format!("{}\r\n{}", &part[..4], &part[4..]));
        with(format!("{part}\0"));
        for (ours, theirs) in [("-", "+"), ("_", "/")] {
            if part.contains(ours) {
                with(part.replace(ours, theirs));
            }
        }
        // The last character's spare bits: every other letter with the same leading ones.
        let spare = match part.len() % 4 {
            2 => 16,
            3 => 4,
            _ => 1,
        };
        let (rest, last) = part.split_at(part.len() - 1);
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = alphabet.iter().position(|&letter| letter == last.as_bytes()[0]).unwrap();
        assert_eq!(value % spare, 0, "ours is canonical");
        for other in 1..spare {
            with(format!("{rest}{}", char::from(alphabet[value + other])));
        }
    }
    assert!(tried > 18 + 15, "the signature's 86 characters leave four bits: {tried}");
}

#[test]
fn every_bit_of_a_signed_text_counts() {
    let event = granted();
    let good = event.data.signed.as_bytes();
    let verifier = crate::world::verifier();
    let mut refused = 0;
    for at in 0..good.len() * 8 {
        let mut flipped = good.to_vec();
        flipped[at / 8] ^= 1 << (at % 8);
        // Seven-bit letters become bytes of longer characters: no text, hence no event.
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        let judged = verifier.verify(
            &carrying(&event, &flipped),
            &crate::world::audience(),
            crate::world::clock(),
        );
        assert!(judged.is_err(), "bit {at} does not count");
        refused += 1;
    }
    assert_eq!(refused, good.len() * 7);
}

#[test]
fn every_beginning_of_a_signed_text_is_refused() {
    let event = granted();
    let good = &event.data.signed;
    for length in 0..good.len() {
        assert!(judge(&carrying(&event, &good[..length])).is_err(), "{length}");
        assert!(parse(&good[length + 1..], Kind::Grant).is_err(), "{length}");
    }
}

#[test]
fn each_kind_has_its_own_purpose_and_its_own_bound() {
    for kind in Kind::ALL {
        let signed = signed_as(kind, &json!({}), &delivery());
        for wanted in Kind::ALL {
            let parsed = parse(&signed, wanted).map(|parsed| parsed.kid.to_string());
            let expected =
                if kind == wanted { Ok(DELIVERY.to_owned()) } else { Err(Fault::Purpose) };
            assert_eq!(parsed, expected, "{kind:?} as {wanted:?}");
        }
        let room = |spare: usize| json!({ "x": "x".repeat(spare) });
        // The header and the signature take less than a quarter of it; the rest is filled exactly.
        let fits = (0..kind.max_bytes() * 3 / 4)
            .rev()
            .map(|spare| signed_as(kind, &room(spare), &delivery()))
            .find(|signed| signed.len() <= kind.max_bytes())
            .unwrap();
        assert!(parse(&fits, kind).is_ok() && fits.len() + 4 > kind.max_bytes());
        let longer = format!("{}A", "A".repeat(kind.max_bytes()));
        assert_eq!(parse(&longer, kind), Err(Fault::TooLong));
    }
}

/// A JWS of any kid and any payload text, signed by a fixed key.
fn any_payload() -> impl Strategy<Value = String> {
    "\\PC{0,60}".prop_map(|text| forge(GRANT, &text, &delivery()))
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(
        text in prop_oneof![
            "\\PC{0,200}",
            "[A-Za-z0-9_.=-]{0,200}",
            "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{86}",
            any_payload(),
        ]
    ) {
        for kind in Kind::ALL {
            if let Ok(parsed) = parse(&text, kind) {
                prop_assert!(text.starts_with(parsed.signing_input));
                prop_assert_eq!(text.len(), parsed.signing_input.len() + 87);
            }
        }
    }

    /// What was read, written again the same way, is the same text.
    #[test]
    fn what_is_read_has_one_writing(kid in "[A-Za-z0-9][A-Za-z0-9._-]{0,63}", n in any::<i64>()) {
        let kid = doorward_events::statement::KeyId::new(&kid).unwrap();
        let signer = doorward_events::statement::LocalSigner::from_seed(kid, &[5; 32]).unwrap();
        let signed = signed_as(Kind::Request, &json!({ "n": n }), &signer);
        let parsed = parse(&signed, Kind::Request).unwrap();
        prop_assert_eq!(&parsed.payload, &json!({ "n": n }));
        prop_assert_eq!(signed_as(Kind::Request, &parsed.payload, &signer), signed);
    }
}

#[test]
fn one_signature_is_not_anothers() {
    let (event, other) = (
        granted(),
        crate::world::restated(&granted(), &delivery(), |s| {
            s["max_uses"] = json!(1_000_000);
        }),
    );
    assert!(judge(&other).is_ok());
    let split = |signed: &str| -> Vec<String> { signed.split('.').map(str::to_owned).collect() };
    let (ours, theirs) = (split(&event.data.signed), split(&other.data.signed));
    let swapped = [&ours[0], &theirs[1], &ours[2]].map(String::as_str).join(".");
    assert_eq!(denied(&carrying(&event, &swapped)), AccessReason::InvalidSignature);
    let swapped = [&ours[0], &ours[1], &theirs[2]].map(String::as_str).join(".");
    assert_eq!(denied(&carrying(&event, &swapped)), AccessReason::InvalidSignature);
}

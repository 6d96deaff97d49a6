//! What attackers make of statements: changed, signed by others, or signed in no way.

use doorward_events::statement::jws::{self, Kind};
use doorward_events::statement::{KeyId, LocalSigner, Signer};
use serde_json::{Value, json};

use crate::access::courier::now;

/// Bytes in base64url without padding.
fn encoded(bytes: &[u8]) -> String {
    let kid = KeyId::new("any").unwrap();
    let text = jws::signing_input(Kind::Request, &kid, bytes);
    text.split_once('.').unwrap().1.to_owned()
}

/// A key of nobody, under this id.
pub fn stranger(kid: &str) -> LocalSigner {
    LocalSigner::generate(KeyId::new(kid).unwrap()).unwrap().0
}

/// The delivery service's own key, as [`crate::access::courier::trust`] left it.
pub fn key(folder: &std::path::Path) -> LocalSigner {
    let pem = std::fs::read_to_string(folder.join("issuer.pem")).unwrap();
    LocalSigner::from_pkcs8_pem(KeyId::new(crate::access::courier::KID).unwrap(), &pem).unwrap()
}

/// The event with another signed text in it.
pub fn carrying(event: &str, signed: &str) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["data"]["signed"] = signed.into();
    event.to_string()
}

/// The signed text of an event.
pub fn signed_of(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event["data"]["signed"].as_str().unwrap().to_owned()
}

/// The event with its statement changed and signed by `signer`; all copies of it are as it says.
pub fn restated(
    event: &str,
    kind: Kind,
    signer: &LocalSigner,
    change: impl FnOnce(&mut Value),
) -> String {
    let mut statement = jws::parse(&signed_of(event), kind).unwrap().payload;
    change(&mut statement);
    let text = jws::signing_input(kind, signer.kid(), statement.to_string().as_bytes());
    let signature = now(signer.sign(text.as_bytes())).unwrap();
    let mut event: Value = serde_json::from_str(event).unwrap();
    let copied = |members: &mut Value| {
        for (name, value) in members.as_object_mut().unwrap() {
            if let Some(said) = statement.get(name).filter(|_| name != "type") {
                *value = said.clone();
            }
        }
    };
    copied(&mut event);
    copied(&mut event["data"]);
    event["data"]["signed"] = format!("{text}.{}", encoded(&signature)).into();
    event.to_string()
}

/// The signed text under a header that names another algorithm, with what `sign` makes of the text
/// so far as its signature.
pub fn under(signed: &str, algorithm: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let kid = crate::access::courier::KID;
    let header = json!({"alg": algorithm, "kid": kid, "typ": Kind::Request.typ()});
    let payload = signed.split('.').nth(1).unwrap();
    let text = format!("{}.{payload}", encoded(header.to_string().as_bytes()));
    let signature = sign(text.as_bytes());
    format!("{text}.{}", encoded(&signature))
}

//! Reads `publishers.json`: who may publish what, from which accounts, and with which keys it
//! signs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::repository::{Direction, Failure, TypeSource};
use crate::walk::pascal_case;

/// What a key may sign, as `IssuerScope` in `core/statements.json` says.
const SCOPES: [&str; 4] = ["grant", "request", "time", "vendor"];

#[derive(Debug)]
pub struct Publishers(Vec<Publisher>);

#[derive(Debug)]
struct Publisher {
    name: String,
    owner: String,
    summary: String,
    accounts: Vec<String>,
    gateway: bool,
    publishes: Vec<String>,
    issuer_keys: Vec<IssuerKey>,
}

#[derive(Debug)]
struct IssuerKey {
    kid: String,
    public_key: String,
    may: Vec<String>,
    not_after: String,
}

/// The member of `publishers.json` that names the repository which `core/` was taken over from.
/// Without it, `core/` is this repository's own.
pub const CORE_FROM: &str = "core_from";

impl Publishers {
    /// Reads the register and compares it with the types.
    pub fn read(document: &Value, types: &[TypeSource]) -> Result<Self, Failure> {
        let list = document.get("publishers").and_then(Value::as_array);
        let list = list.ok_or("no list of publishers")?;
        let (mut names, mut kids) = (BTreeSet::new(), BTreeSet::new());
        let mut publishers = Vec::new();
        for entry in list {
            let publisher = Publisher::load(entry, types)?;
            if !names.insert(publisher.name.clone()) {
                return Err(format!("{} stands there twice", publisher.name).into());
            }
            for key in &publisher.issuer_keys {
                if !kids.insert(key.kid.clone()) {
                    let name = &publisher.name;
                    return Err(format!("{name}: the key {} stands there twice", key.kid).into());
                }
            }
            publishers.push(publisher);
        }
        for source in types.iter().filter(|source| source.direction != Direction::Platform) {
            let published = publishers.iter().any(|publisher| publisher.publishes(source));
            if !published {
                return Err(format!("nobody publishes {}", source.name).into());
            }
        }
        Ok(Self(publishers))
    }

    /// One `publishers!` call: everything that the crate knows about them.
    pub fn catalogue(&self, types: &[TypeSource]) -> String {
        let mut text = String::from("&[\n");
        for publisher in &self.0 {
            let Publisher { name, owner, summary, accounts, gateway, issuer_keys, .. } = publisher;
            let _ = write!(
                text,
                "    RegisteredPublisher {{ name: {name:?}, owner: {owner:?}, summary: {summary:?}, \
                 accounts: &{accounts:?}, is_gateway: {gateway}, publishes: &["
            );
            for source in types.iter().filter(|source| publisher.publishes(source)) {
                let _ = write!(text, "EventType::{}, ", pascal_case(&source.name));
            }
            text.push_str("], issuer_keys: &[");
            for IssuerKey { kid, public_key, may, not_after } in issuer_keys {
                let _ = write!(
                    text,
                    "RegisteredKey {{ kid: {kid:?}, public_key: {public_key:?}, may: &{may:?}, \
                     not_after: {not_after:?} }}, "
                );
            }
            text.push_str("] },\n");
        }
        text.push_str("]\n");
        text
    }
}

impl Publisher {
    fn load(entry: &Value, types: &[TypeSource]) -> Result<Self, Failure> {
        let name = text(entry, "name")?;
        let fail = |what: String| Failure::from(format!("{name}: {what}"));
        if text(entry, "source")? != format!("{name}/") {
            return Err(fail(format!("source is not {name}/, with which its Source begins")));
        }
        let accounts = texts(entry, "accounts").map_err(&fail)?;
        let is_account = |a: &String| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit());
        if let Some(wrong) = accounts.iter().find(|account| !is_account(account)) {
            return Err(fail(format!("account {wrong} has not 12 digits")));
        }
        let publishes = texts(entry, "publishes").map_err(&fail)?;
        for wanted in &publishes {
            let source = types.iter().find(|source| source.name == *wanted);
            let source = source.ok_or_else(|| {
                fail(format!(
                    "there is no type {wanted} below schemas/; take it out of publishes, or add it"
                ))
            })?;
            if matches!(source.direction, Direction::FromGateway | Direction::Platform) {
                return Err(fail(format!("{wanted} is not for services to publish")));
            }
        }
        let mut issuer_keys = Vec::new();
        for key in entry.get("issuer_keys").and_then(Value::as_array).into_iter().flatten() {
            issuer_keys.push(IssuerKey::load(key).map_err(&fail)?);
        }
        let gateway = entry.get("gateway").and_then(Value::as_bool);
        Ok(Self {
            owner: text(entry, "owner")?,
            summary: text(entry, "summary")?,
            accounts,
            gateway: gateway.ok_or_else(|| fail("gateway is neither true nor false".to_owned()))?,
            publishes,
            issuer_keys,
            name,
        })
    }

    fn publishes(&self, source: &TypeSource) -> bool {
        match source.direction {
            Direction::Platform => true,
            Direction::FromGateway => self.gateway,
            Direction::ToGateway | Direction::BetweenServices => {
                self.publishes.contains(&source.name)
            }
        }
    }
}

impl IssuerKey {
    /// What the definitions `KeyId` and `IssuerKey` of `schemas/core/statements.json` ask of a
    /// key: one that no gateway would take is found here.
    fn load(key: &Value) -> Result<Self, String> {
        let kid = text(key, "kid")?;
        let letter = |b: u8| b.is_ascii_alphanumeric();
        let is_kid = kid.len() <= 64
            && kid.bytes().next().is_some_and(letter)
            && kid.bytes().all(|b| letter(b) || matches!(b, b'.' | b'_' | b'-'));
        if !is_kid {
            return Err(format!(
                "the kid {kid:?} is not 1 to 64 letters, digits, '.', '_' and '-', the first a \
                 letter or a digit"
            ));
        }
        if text(key, "alg")? != "EdDSA" {
            return Err(format!("the key {kid} is not for EdDSA"));
        }
        let public_key = text(key, "public_key")?;
        let is_base64url = |b: u8| letter(b) || matches!(b, b'_' | b'-');
        if public_key.len() != 43 || !public_key.bytes().all(is_base64url) {
            return Err(format!("the public_key of {kid} is not 43 characters of base64url"));
        }
        let may = texts(key, "may")?;
        if may.is_empty() {
            return Err(format!("the key {kid} may nothing"));
        }
        if let Some(word) = may.iter().find(|word| !SCOPES.contains(&word.as_str())) {
            return Err(format!("the key {kid} may {word:?}, which is none of {SCOPES:?}"));
        }
        let not_after = text(key, "not_after")?;
        if !is_instant(&not_after) {
            return Err(format!("the not_after of {kid} is not like 2027-12-31T00:00:00Z"));
        }
        Ok(Self { kid, public_key, may, not_after })
    }
}

/// Whether the text has the form of an RFC 3339 instant in UTC, with or without a fraction.
fn is_instant(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let Some((whole, fraction)) = text.strip_suffix('Z').and_then(|t| t.split_at_checked(19))
    else {
        return false;
    };
    let fits = |(b, form): (u8, &u8)| if *form == b'0' { b.is_ascii_digit() } else { b == *form };
    let digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    whole.bytes().zip(FORM).all(fits)
        && (fraction.is_empty() || fraction.strip_prefix('.').is_some_and(digits))
}

fn text(entry: &Value, member: &str) -> Result<String, String> {
    let value = entry.get(member).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| format!("a publisher or key without {member}"))
}

fn texts(entry: &Value, member: &str) -> Result<Vec<String>, String> {
    let list = entry.get(member).and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("a publisher or key without the list {member}"))?;
    let value = |value: &Value| value.as_str().map(str::to_owned);
    list.iter().map(|v| value(v).ok_or_else(|| format!("{member}: not all texts"))).collect()
}

//! A peer that answers as AWS KMS does and holds one Ed25519 key.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::aws::{self, ACCOUNT, REGION};
use crate::http::{self, Head};
use crate::peer::{Peer, free_port};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/kms.py");
const KEY_ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
/// What stands before the 32 bytes of a key in a DER `SubjectPublicKeyInfo` of Ed25519 (RFC 8410,
/// section 4).
const BEFORE_THE_KEY: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// A KMS in the background with one key of its own, made at its start. It answers
/// `TrentService.Sign` and `TrentService.GetPublicKey`.
pub struct Kms {
    /// The port on 127.0.0.1.
    pub port: u16,
    _peer: Peer,
}

impl Kms {
    /// Starts it and waits until it answers. Its log is `kms.log` in `folder`.
    pub fn start(folder: &Path) -> Self {
        let port = free_port();
        let number = port.to_string();
        let arn = arn();
        let arguments = [PROGRAM, "--port", &number, "--arn", &arn];
        let mut peer = Peer::start(arguments, folder.join("kms.log"));
        peer.answers("the KMS answers", || get_public_key(port).ok());
        Self { port, _peer: peer }
    }

    /// What an AWS SDK takes as its endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The key's id, one of its two names.
    pub fn key_id(&self) -> &'static str {
        KEY_ID
    }

    /// The key's ARN, the name that answers tell.
    pub fn key_arn(&self) -> String {
        arn()
    }

    /// The public key, as `GetPublicKey` tells it.
    pub fn public_key(&self) -> [u8; 32] {
        let answer = get_public_key(self.port).unwrap_or_else(|error| panic!("{error}"));
        let der = STANDARD.decode(answer["PublicKey"].as_str().unwrap()).unwrap();
        let key = der.strip_prefix(&BEFORE_THE_KEY).unwrap_or_else(|| panic!("{answer}"));
        key.try_into().unwrap()
    }

    /// The next `times` requests are answered with this status and this error code: `fail(400,
    /// "ThrottlingException", 2)`. It replaces what was left of the last such order.
    pub fn fail(&self, status: u16, code: &str, times: u32) {
        let order = json!({"status": status, "code": code, "times": times}).to_string();
        let head = Head::new("POST /fail HTTP/1.1", &[("Host", "127.0.0.1")]);
        let stream = http::connect(self.port).unwrap();
        let Ok((head, _)) = http::exchange(&stream, &head, order.as_bytes()) else {
            panic!("the KMS does not answer");
        };
        assert_eq!(head.status(), Some(200), "{}", head.start);
    }
}

fn arn() -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}")
}

fn get_public_key(port: u16) -> Result<Value, String> {
    aws::call(port, "kms", "TrentService.GetPublicKey", &json!({"KeyId": KEY_ID}))
}

//! The peer signs with the key that it tells of, and refuses as AWS KMS does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use doorward_emulator::{Fault, Kms, Proxy, call, python};
use serde_json::{Value, json};

const MESSAGE: &str = "aGVsbG8sIGRvb3I=";
const VERIFY: &str = "
import base64, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
key, signature, message = sys.argv[1:]
key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
key.verify(base64.b64decode(signature), message.encode())
";

fn sign(port: u16, changes: Value) -> Result<Value, String> {
    let mut request = json!({
        "KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "Message": MESSAGE, "MessageType": "RAW",
        "SigningAlgorithm": "ED25519_SHA_512",
    });
    let Value::Object(changes) = changes else { panic!("{changes}") };
    request.as_object_mut().unwrap().extend(changes);
    call(port, "kms", "TrentService.Sign", &request)
}

/// Whether another program finds the signature good.
fn verifies(key: [u8; 32], signature: &Value, message: &str) -> bool {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let arguments = ["-c", VERIFY, &key, signature.as_str().unwrap(), message];
    Command::new(python()).args(arguments).output().unwrap().status.success()
}

#[test]
fn it_signs_with_the_key_that_it_tells() {
    let folder = tempfile::tempdir().unwrap();
    let kms = Kms::start(folder.path());
    assert_eq!(kms.endpoint(), format!("http://127.0.0.1:{}", kms.port));
    let key = kms.public_key();
    assert_eq!(kms.public_key(), key, "it stays");
    for name in [kms.key_id().to_owned(), kms.key_arn()] {
        let signed = sign(kms.port, json!({"KeyId": name})).unwrap();
        assert_eq!(signed["KeyId"], kms.key_arn());
        assert_eq!(signed["SigningAlgorithm"], "ED25519_SHA_512");
        assert!(verifies(key, &signed["Signature"], "hello, door"));
        assert!(!verifies(key, &signed["Signature"], "hello, wall"));
    }
    let told = json!({"KeyId": kms.key_id()});
    let told = call(kms.port, "kms", "TrentService.GetPublicKey", &told).unwrap();
    assert_eq!(told["KeySpec"], "ECC_NIST_EDWARDS25519");
    assert_eq!(told["KeyUsage"], "SIGN_VERIFY");

    let other = Kms::start(&folder.path().join("other"));
    assert_ne!(other.public_key(), key, "each has a key of its own");
}

#[test]
fn it_refuses_as_aws_does() {
    let folder = tempfile::tempdir().unwrap();
    let kms = Kms::start(folder.path());
    let long = "AAAA".repeat(1_366);
    for (changes, code) in [
        (json!({"KeyId": "another"}), "NotFoundException"),
        (json!({"KeyId": null}), "ValidationException"),
        (json!({"SigningAlgorithm": "ECDSA_SHA_256"}), "InvalidKeyUsageException"),
        (json!({"SigningAlgorithm": "ED25519_PH_SHA_512"}), "InvalidKeyUsageException"),
        (json!({"MessageType": "DIGEST"}), "ValidationException"),
        (json!({"Message": ""}), "ValidationException"),
        (json!({"Message": long}), "ValidationException"),
        (json!({"Message": "no base64!"}), "SerializationException"),
    ] {
        let error = sign(kms.port, changes.clone()).unwrap_err();
        let expected = format!(r#""__type": "{code}""#);
        assert!(error.starts_with("HTTP/1.1 400 "), "{changes}: {error}");
        assert!(error.contains(&expected), "{changes}: {error}");
    }
    sign(kms.port, json!({"Message": "AAAA".repeat(1_365)})).unwrap();
    let key = json!({"KeyId": "another"});
    let error = call(kms.port, "kms", "TrentService.GetPublicKey", &key).unwrap_err();
    assert!(error.contains("NotFoundException"), "{error}");
    let error = call(kms.port, "kms", "TrentService.Decrypt", &json!({})).unwrap_err();
    assert!(error.contains("UnknownOperationException"), "{error}");
}

#[test]
fn it_fails_as_often_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let kms = Kms::start(folder.path());
    kms.fail(400, "ThrottlingException", 2);
    for _ in 0..2 {
        let error = sign(kms.port, json!({})).unwrap_err();
        assert!(error.contains("400") && error.contains("ThrottlingException"), "{error}");
    }
    sign(kms.port, json!({})).unwrap();
    kms.fail(500, "KMSInternalException", 100);
    let error = sign(kms.port, json!({})).unwrap_err();
    assert!(error.contains("500") && error.contains("KMSInternalException"), "{error}");
    kms.fail(200, "", 0);
    sign(kms.port, json!({})).unwrap();
    // The proxy stands in front of it as in front of moto.
    let proxy = Proxy::start(kms.port);
    proxy.faults([Fault::CutBefore]);
    sign(proxy.port, json!({})).unwrap_err();
    sign(proxy.port, json!({})).unwrap();
}

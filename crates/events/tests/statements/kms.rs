//! Signing with a key in a KMS, as the emulator's peer answers, and as a liar does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_emulator::{Fault, Kms, Proxy, REGION};
use doorward_events::PublisherId;
use doorward_events::aws::{Connection, Timeouts};
use doorward_events::statement::kms::{KmsError, KmsSigner, MAX_MESSAGE_BYTES};
use doorward_events::statement::{
    Interval, IssueError, Issuer, IssuerList, KeyId, SignError, Signer, Verifier,
};
use doorward_events::types::{GrantIssued, IssuerListStatement};
use serde::Deserialize;
use serde_json::json;

use crate::world::{accepts, arrives, audience, clock, delivery, grant, list, root};

fn kid() -> KeyId {
    KeyId::new("acme-delivery-2026").unwrap()
}

async fn connect(endpoint: String, key: &str) -> Result<KmsSigner, KmsError> {
    KmsSigner::connect(Connection::emulator(REGION, endpoint), key, kid()).await
}

fn refused(error: KmsError) -> (String, bool) {
    match error {
        KmsError::Call(SignError::Retryable { code }) => (code, true),
        KmsError::Call(SignError::Final { code }) => (code, false),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_a_kms_signs_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let kms = Kms::start(folder.path());
    let signer = connect(kms.endpoint(), kms.key_id()).await.unwrap();
    assert_eq!(signer.public_key().as_bytes(), &kms.public_key());
    assert_eq!(signer.kid(), &kid());
    let shown = format!("{signer:?}");
    assert!(!shown.contains("arn:") && !shown.contains(kms.key_id()), "{shown}");

    let mut trusted = list();
    trusted["keys"][0]["public_key"] = json!(signer.public_key().to_base64url());
    let trusted = IssuerListStatement::deserialize(trusted).unwrap();
    let signed = IssuerList::sign(&root(), &trusted).await.unwrap();
    let trusted = IssuerList::open(&signed, &root().public_key(), 3, clock()).unwrap();
    let issuer = Issuer::new(signer, PublisherId::new("acme.delivery", "eu-1")).unwrap();
    let issued = issuer.grant(&accepts(), grant()).await.unwrap();
    let verifier = Verifier::new(trusted.trusted().clone());
    let received = arrives::<GrantIssued>(&issued.draft);
    let now: Interval = clock();
    assert!(verifier.verify(&received, &audience(), now).is_ok());

    // Throttled once: the caller asks again, and it is the same statement, signed the same.
    kms.fail(400, "ThrottlingException", 1);
    let throttled = issuer.grant(&accepts(), grant()).await.unwrap_err();
    assert!(throttled.is_retryable(), "{throttled}");
    assert_eq!(
        throttled,
        IssueError::Sign(SignError::Retryable { code: "ThrottlingException".to_owned() })
    );
    let again = issuer.grant(&accepts(), grant()).await.unwrap();
    assert_eq!(again.signed, issued.signed);
}

#[tokio::test]
async fn each_failure_says_whether_to_ask_again() {
    let folder = tempfile::tempdir().unwrap();
    let kms = Kms::start(folder.path());
    let signer = connect(kms.endpoint(), &kms.key_arn()).await.unwrap();
    for (status, code, again) in [
        (400, "ThrottlingException", true),
        (500, "DependencyTimeoutException", true),
        (500, "KMSInternalException", true),
        (500, "KeyUnavailableException", true),
        (503, "SomethingNew", true),
        (400, "DisabledException", false),
        (400, "KMSInvalidStateException", false),
        (400, "AccessDeniedException", false),
        (400, "NotFoundException", false),
    ] {
        kms.fail(status, code, 1);
        let error = signer.sign(b"m").await.unwrap_err();
        assert_eq!(error.is_retryable(), again, "{code}: {error}");
        assert!(error.to_string().contains(code), "{error}");
        kms.fail(status, code, 1);
        let error = connect(kms.endpoint(), kms.key_id()).await.unwrap_err();
        assert_eq!(refused(error), (code.to_owned(), again));
        assert!(signer.sign(b"m").await.is_ok(), "nothing is retried, nothing is left over");
    }
    let unknown = connect(kms.endpoint(), "alias/nobody").await.unwrap_err();
    assert_eq!(refused(unknown), ("NotFoundException".to_owned(), false));
    let wrong = Connection { region: String::new(), ..Connection::new("x") };
    let wrong = KmsSigner::connect(wrong, "k", kid()).await.unwrap_err();
    assert!(matches!(wrong, KmsError::Connection(_)));
}

#[tokio::test]
async fn more_than_kms_signs_is_refused_before_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let kms = Kms::start(folder.path());
    let proxy = Proxy::start(kms.port);
    let signer = connect(proxy.endpoint(), kms.key_id()).await.unwrap();
    let asked = proxy.requests();
    assert!(signer.sign(&[7; MAX_MESSAGE_BYTES]).await.is_ok());
    assert_eq!(proxy.requests(), asked + 1);
    let (bytes, limit) = (MAX_MESSAGE_BYTES + 1, MAX_MESSAGE_BYTES);
    let error = signer.sign(&vec![7; bytes]).await.unwrap_err();
    assert_eq!(error, SignError::TooLong { bytes, limit });
    assert_eq!(proxy.requests(), asked + 1);
}

#[tokio::test]
async fn a_kms_that_does_not_answer_may_be_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let kms = Kms::start(folder.path());
    let proxy = Proxy::start(kms.port);
    let timeouts = Timeouts {
        connect: Duration::from_millis(300),
        attempt: Duration::from_millis(300),
        operation: Duration::from_millis(300),
    };
    let connection = || Connection { timeouts, ..Connection::emulator(REGION, proxy.endpoint()) };
    let signer = KmsSigner::connect(connection(), kms.key_id(), kid()).await.unwrap();
    for fault in [Fault::HalfOpen, Fault::LoseAnswer, Fault::CutBefore, Fault::CutAfterAccept] {
        proxy.faults([fault]);
        let error = signer.sign(b"m").await.unwrap_err();
        assert!(error.is_retryable(), "{fault:?}: {error}");
    }
    // As many as a client's own retries could hide, if it had any.
    proxy.always(Fault::Status(503, "ServiceUnavailable"));
    let asked = proxy.requests();
    assert!(signer.sign(b"m").await.unwrap_err().is_retryable());
    assert_eq!(proxy.requests(), asked + 1);
    let nobody = KmsSigner::connect(connection(), "k", kid()).await.unwrap_err();
    assert_eq!(refused(nobody), ("ServiceUnavailable".to_owned(), true));
    proxy.faults([]);
    assert!(signer.sign(b"m").await.is_ok());
}

/// A KMS that tells of the delivery service's key and signs with this.
fn liar(signature: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut spki = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    spki.extend(delivery().public_key().as_bytes());
    let public = json!({
        "KeyId": "arn:x", "PublicKey": STANDARD.encode(spki), "KeyUsage": "SIGN_VERIFY",
        "KeySpec": "ECC_NIST_EDWARDS25519", "SigningAlgorithms": ["ED25519_SHA_512"],
    });
    let signed = json!({ "KeyId": "arn:x", "Signature": STANDARD.encode(signature) });
    std::thread::spawn(move || {
        for client in listener.incoming() {
            answer(&client.unwrap(), &public.to_string(), &signed.to_string());
        }
    });
    format!("http://127.0.0.1:{port}")
}

fn answer(client: &TcpStream, public: &str, signed: &str) {
    let mut reader = BufReader::new(client);
    let (mut length, mut body) = (0, public);
    for line in reader.by_ref().lines() {
        let line = line.unwrap().to_lowercase();
        if line.ends_with("trentservice.sign") {
            body = signed;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close";
    let mut client = client;
    write!(client, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}

#[tokio::test]
async fn a_signature_that_is_not_the_keys_is_given_to_nobody() {
    let good = delivery().sign(b"m").await.unwrap().to_vec();
    let mut bad = good.clone();
    bad[63] ^= 1;
    let other = delivery().sign(b"n").await.unwrap().to_vec();
    let longer = [good.clone(), vec![0]].concat();
    for lie in [bad, other, longer, vec![0; 64], good[..63].to_vec(), Vec::new()] {
        let signer = connect(liar(lie), "k").await.unwrap();
        assert_eq!(signer.sign(b"m").await, Err(SignError::WrongSignature));
    }
    let honest = connect(liar(good.clone()), "k").await.unwrap();
    assert_eq!(honest.sign(b"m").await.unwrap().to_vec(), good);
}

//! Keys and signatures against the vectors of the standards.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_events::statement::{BadKey, KeyError, KeyId, LocalSigner, PublicKey, Signer};

use crate::world::{key, now};

/// RFC 8037, appendix A.1: the private and the public part.
const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// Appendix A.4: header and payload, and the signature.
const INPUT: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const SIGNATURE: &str =
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// RFC 8410, section 10.3, and the public key of section 10.1.
const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const PEM_PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE";

fn kid() -> KeyId {
    KeyId::new("k").unwrap()
}

fn signature(text: &str) -> [u8; 64] {
    URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
}

#[test]
fn the_vectors_of_rfc_8037() {
    let seed = URL_SAFE_NO_PAD.decode(D).unwrap().try_into().unwrap();
    let signer = LocalSigner::from_seed(kid(), &seed).unwrap();
    assert_eq!(signer.public_key().to_base64url(), X);
    let signed = now(signer.sign(INPUT.as_bytes())).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(signed), SIGNATURE);
    // Appendix A.5.
    let public = PublicKey::from_base64url(X).unwrap();
    assert!(public.verifies(INPUT.as_bytes(), &signed));
    assert!(!public.verifies(&INPUT.as_bytes()[1..], &signed));
}

/// RFC 8032, section 7.1: the empty message.
#[test]
fn the_first_vector_of_rfc_8032() {
    let seed = URL_SAFE_NO_PAD.decode(D).unwrap().try_into().unwrap();
    let signer = LocalSigner::from_seed(kid(), &seed).unwrap();
    let signed = now(signer.sign(b"")).unwrap();
    let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}

/// S and S + L are the same scalar; only the smaller one is a signature (RFC 8032, section 5.1.7).
#[test]
fn a_signature_has_no_second_form() {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let good = signature(SIGNATURE);
    let mut carry = 0_u16;
    let mut second = good;
    for (byte, add) in second[32..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(carry, 0, "S + L has 32 bytes");
    let public = PublicKey::from_base64url(X).unwrap();
    assert!(public.verifies(INPUT.as_bytes(), &good));
    assert!(!public.verifies(INPUT.as_bytes(), &second));
}

#[test]
fn private_keys_are_read_as_others_write_them() {
    let signer = LocalSigner::from_pkcs8_pem(kid(), PEM).unwrap();
    assert_eq!(signer.public_key().to_base64url(), PEM_PUBLIC);
    let blanks = format!("\n  {}\r\n\r\n", PEM.replace('\n', "\r\n"));
    let again = LocalSigner::from_pkcs8_pem(kid(), &blanks).unwrap();
    assert_eq!(again.public_key(), signer.public_key());
}

#[test]
fn a_generated_key_comes_back_from_its_secret() {
    let (signer, secret) = LocalSigner::generate(kid()).unwrap();
    let (other, _) = LocalSigner::generate(kid()).unwrap();
    assert_ne!(signer.public_key(), other.public_key());
    let pem = secret.expose_pem();
    assert!(pem.lines().all(|line| line.len() <= 64), "{} lines", pem.lines().count());
    for again in [
        LocalSigner::from_pkcs8_pem(kid(), &pem).unwrap(),
        LocalSigner::from_pkcs8_der(kid(), secret.expose_der()).unwrap(),
    ] {
        assert_eq!(again.public_key(), signer.public_key());
        assert_eq!(now(again.sign(b"m")), now(signer.sign(b"m")));
    }
}

#[test]
fn what_is_no_private_key_is_refused() {
    let pem = |text: &str| LocalSigner::from_pkcs8_pem(kid(), text).unwrap_err();
    let body = PEM.lines().nth(1).unwrap();
    for text in [
        String::new(),
        body.to_owned(),
        PEM.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        PEM.replace("END", "FIN"),
        PEM.replace(body, "MC4C*"),
        format!("{PEM}{PEM}"),
        format!("{PEM}{}", " ".repeat(4096)),
    ] {
        assert_eq!(pem(&text), KeyError::Pem);
    }
    // Truncated, and with the object identifier of X25519.
    assert_eq!(pem(&PEM.replace(body, &body[..60])), KeyError::Pkcs8);
    assert_eq!(pem(&PEM.replace("K2Vw", "K2Vu")), KeyError::Pkcs8);
    // Two halves that do not belong together: the last byte is the public key's.
    let (_, secret) = LocalSigner::generate(kid()).unwrap();
    let mut der = secret.expose_der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    assert_eq!(LocalSigner::from_pkcs8_der(kid(), &der).unwrap_err(), KeyError::Pkcs8);
}

#[test]
fn no_key_is_printed() {
    let (signer, secret) = LocalSigner::generate(kid()).unwrap();
    let shown = format!("{signer:?} {secret:?} {signer:#?}");
    let seed = &secret.expose_der()[16..48];
    let hex: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    let decimal = format!("{seed:?}");
    for secret in [hex, decimal, URL_SAFE_NO_PAD.encode(seed)] {
        assert!(!shown.contains(&secret));
    }
    assert!(shown.contains(&signer.public_key().to_base64url()));
    assert_eq!(
        LocalSigner::from_seed(kid(), seed.try_into().unwrap()).unwrap().public_key(),
        signer.public_key()
    );
}

#[test]
fn a_public_key_is_one_point_of_large_order() {
    assert_eq!(PublicKey::from_bytes([0; 32]), Err(BadKey::SmallOrder));
    assert_eq!(PublicKey::from_bytes([0xff; 32]), Err(BadKey::NotCanonical));
    assert!(PublicKey::from_bytes(*key("k", 9).public_key().as_bytes()).is_ok());
}

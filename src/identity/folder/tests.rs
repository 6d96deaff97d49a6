#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rcgen::{BasicConstraints, IsCa, Issuer};

use super::*;

/// Signs requests as an authority does, for as long as it is told.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut own = CertificateParams::default();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.distinguished_name.push(DnType::CommonName, "authority");
        Self { issuer: Issuer::new(own, KeyPair::generate().unwrap()) }
    }

    /// From the first day of 2026, for `days`, in a file.
    fn sign(&self, request: &Requested, days: u64, file: &Path) {
        let key = KeyPair::from_pem(&std::fs::read_to_string(&request.key).unwrap()).unwrap();
        let mut wanted = CertificateParams::default();
        wanted.distinguished_name = DistinguishedName::new();
        wanted.distinguished_name.push(DnType::CommonName, "gw-1");
        wanted.not_before = rcgen::date_time_ymd(2026, 1, 1);
        wanted.not_after = wanted.not_before + Duration::from_secs(days * 86_400);
        std::fs::write(file, wanted.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
    }
}

fn day(day: i64) -> Timestamp {
    let first: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Timestamp::from_second(first.as_second() + day * 86_400).unwrap()
}

#[test]
fn a_request_is_made_once_and_its_key_is_its_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::new(parent.path().join("identity"));
    assert!(matches!(folder.pending("gw-1"), Err(FolderError::NoKey(_))));
    let first = folder.request("gw-1").unwrap();
    assert!(first.made && first.pem.contains("BEGIN CERTIFICATE REQUEST"));
    let mode = std::fs::metadata(&first.key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = std::fs::read(&first.key).unwrap();
    let again = folder.request("gw-1").unwrap();
    assert_eq!((again.made, &again.pem), (false, &first.pem));
    assert_eq!(std::fs::read(&first.key).unwrap(), key);
    // The request is lost: it is made anew of the same key.
    std::fs::remove_file(&first.request).unwrap();
    assert!(folder.request("gw-1").unwrap().pem.contains("BEGIN CERTIFICATE REQUEST"));
    assert_eq!(std::fs::read(&first.key).unwrap(), key);
    // A cut between folder and link: the key that is there is taken.
    std::fs::remove_file(parent.path().join("identity/current")).unwrap();
    folder.request("gw-1").unwrap();
    assert_eq!(std::fs::read(&first.key).unwrap(), key);
}

#[test]
fn key_and_certificate_change_together() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, authority) = (Folder::new(parent.path().join("identity")), Authority::new());
    let file = parent.path().join("signed.pem");
    let first = folder.request("gw-1").unwrap();
    authority.sign(&first, 90, &file);
    let installed = folder.install(&file, day(1)).unwrap();
    assert_eq!(installed.certificate.not_after, day(90));
    pem_file::chain_and_key(&folder.certificate(), &folder.key()).unwrap();

    let second = folder.pending("gw-1").unwrap();
    assert!(second.made && !folder.pending("gw-1").unwrap().made, "the same request goes on");
    assert_ne!(std::fs::read(&second.key).unwrap(), std::fs::read(folder.key()).unwrap());
    // Each that does not fit is refused, and the pair in use stays.
    for (days, now) in [(120, 121), (120, -1), (89, 61)] {
        authority.sign(&second, days, &file);
        let refused = folder.install(&file, day(now)).unwrap_err();
        assert!(matches!(refused, FolderError::Unfit(_)), "{days} {now}: {refused}");
    }
    let stranger = Folder::new(parent.path().join("other")).request("gw-1").unwrap();
    authority.sign(&stranger, 120, &file);
    let refused = folder.install(&file, day(61)).unwrap_err();
    assert!(matches!(refused, FolderError::ForeignCertificate(_)), "{refused}");
    assert_eq!(Certificate::read(&folder.certificate()).unwrap().not_after, day(90));

    authority.sign(&second, 150, &file);
    let installed = folder.install(&file, day(61)).unwrap();
    assert_eq!(installed.certificate.not_after, day(150));
    pem_file::chain_and_key(&folder.certificate(), &folder.key()).unwrap();
    // Once more: the pair before the last one stays, the first goes.
    authority.sign(&folder.pending("gw-1").unwrap(), 210, &file);
    folder.install(&file, day(120)).unwrap();
    let mut numbers = folder.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
}

/// Cut off after any of its steps, a renewal leaves a pair that belongs together.
#[test]
fn a_renewal_cut_off_anywhere_leaves_a_pair() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, authority) = (Folder::new(parent.path().join("identity")), Authority::new());
    let file = parent.path().join("signed.pem");
    authority.sign(&folder.request("gw-1").unwrap(), 90, &file);
    folder.install(&file, day(1)).unwrap();
    let second = folder.pending("gw-1").unwrap();
    authority.sign(&second, 150, &file);
    let root = parent.path().join("identity");
    let whole = |what: &str| {
        pem_file::chain_and_key(&folder.certificate(), &folder.key())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
    };
    // The certificate is written beside its pending key, and no more.
    std::fs::copy(&file, root.join("pending/certificate.pem")).unwrap();
    whole("certificate written");
    // The folder has its number, and the link is the old one.
    std::fs::rename(root.join("pending"), root.join("2")).unwrap();
    whole("folder renamed");
    // The new link has not its name yet.
    std::os::unix::fs::symlink("2", root.join("current.new")).unwrap();
    whole("link made");
    // What is left over stops no further renewal.
    authority.sign(&folder.pending("gw-1").unwrap(), 160, &file);
    folder.install(&file, day(61)).unwrap();
    whole("renewed");
    assert_eq!(Certificate::read(&folder.certificate()).unwrap().not_after, day(160));
}

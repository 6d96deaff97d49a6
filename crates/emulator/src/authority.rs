//! A certificate authority of a test: signs what is asked of it, for as few seconds as a test
//! has time for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

/// How long before now a certificate begins, so that clocks that differ a little agree.
const BEFORE: Duration = Duration::from_secs(60);

/// An authority with its files in a folder.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes it; its certificate is `ca.pem` in the folder, good for a year.
    pub fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut own = CertificateParams::default();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        own.distinguished_name = named("test authority");
        lasts(&mut own, span(Duration::from_hours(24 * 365)));
        let key = KeyPair::generate().unwrap();
        let certificate = own.self_signed(&key).unwrap();
        std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("ca.key"), key.serialize_pem()).unwrap();
        Self { folder: folder.to_owned(), issuer: Issuer::new(own, key) }
    }

    /// One that was made elsewhere, known by `name`: its key is `ca.key` in the folder.
    pub fn of(folder: &Path, name: &str) -> Self {
        let mut own = CertificateParams::default();
        own.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        own.distinguished_name = named(name);
        let key = key(&folder.join("ca.key"));
        Self { folder: folder.to_owned(), issuer: Issuer::new(own, key) }
    }

    /// Puts the certificate of a key in its place, `file`.pem beside `file`.key, for another time;
    /// `None`: a server's for `localhost`.
    pub fn again(&self, file: &Path, client: Option<&str>, span: (Timestamp, Timestamp)) {
        let mut wanted = match client {
            Some(name) => self::client(name),
            None => server(),
        };
        lasts(&mut wanted, span);
        let signed = wanted.signed_by(&key(&file.with_extension("key")), &self.issuer).unwrap();
        put(&file.with_extension("pem"), &signed.pem());
    }

    /// The authority's own certificate, in its place, for another time.
    pub fn own_again(&self, name: &str, span: (Timestamp, Timestamp)) {
        let mut own = CertificateParams::default();
        own.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        own.distinguished_name = named(name);
        lasts(&mut own, span);
        put(&self.ca(), &own.self_signed(self.issuer.key()).unwrap().pem());
    }

    /// Whom to believe.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A server's certificate and key for `localhost` and 127.0.0.1.
    pub fn server(&self, life: Duration) -> (PathBuf, PathBuf) {
        self.write("server", server(), span(life))
    }

    /// A client's certificate and key, from a minute ago for `life` from now on.
    pub fn client(&self, name: &str, life: Duration) -> (PathBuf, PathBuf) {
        self.write(name, client(name), span(life))
    }

    /// The same, which was over a minute ago.
    pub fn expired_client(&self, name: &str) -> (PathBuf, PathBuf) {
        let now = Timestamp::now();
        self.write(name, client(name), (now - BEFORE * 10, now - BEFORE))
    }

    /// The same, which begins in an hour.
    pub fn later_client(&self, name: &str) -> (PathBuf, PathBuf) {
        let hour = Duration::from_hours(1);
        let now = Timestamp::now();
        self.write(name, client(name), (now + hour, now + hour * 2))
    }

    /// A client's certificate of this key, which is in PEM, into this file.
    pub fn sign(&self, key: &Path, name: &str, life: Duration, into: &Path) {
        let mut wanted = client(name);
        lasts(&mut wanted, span(life));
        std::fs::write(into, wanted.signed_by(&self::key(key), &self.issuer).unwrap().pem())
            .unwrap();
    }

    fn write(
        &self,
        file: &str,
        mut wanted: CertificateParams,
        span: (Timestamp, Timestamp),
    ) -> (PathBuf, PathBuf) {
        lasts(&mut wanted, span);
        let key = KeyPair::generate().unwrap();
        let signed = wanted.signed_by(&key, &self.issuer).unwrap();
        let certificate = self.folder.join(format!("{file}.pem"));
        let private = self.folder.join(format!("{file}.key"));
        std::fs::write(&certificate, signed.pem()).unwrap();
        std::fs::write(&private, key.serialize_pem()).unwrap();
        (certificate, private)
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn key(file: &Path) -> KeyPair {
    KeyPair::from_pem(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// In the place of a file at once, as whoever renews does it.
fn put(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, file).unwrap();
}

fn server() -> CertificateParams {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut wanted = CertificateParams::new(names).unwrap();
    wanted.distinguished_name = named("localhost");
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    wanted
}

fn client(name: &str) -> CertificateParams {
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name = named(name);
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    wanted
}

fn span(life: Duration) -> (Timestamp, Timestamp) {
    let now = Timestamp::now();
    (now - BEFORE, now + life)
}

fn lasts(wanted: &mut CertificateParams, (from, until): (Timestamp, Timestamp)) {
    let time = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap();
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    (wanted.not_before, wanted.not_after) = (time(from), time(until));
}

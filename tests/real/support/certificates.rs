//! Throw-away certificates by scripts/test-certificates.sh.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority with a server's and some clients' certificates.
pub struct Certificates {
    pub folder: PathBuf,
}

impl Certificates {
    /// Makes an authority, and a certificate for each client.
    pub fn make(folder: &Path, clients: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/test-certificates.sh");
        let status = Command::new(script).arg(folder).args(clients).status().unwrap();
        assert!(status.success(), "scripts/test-certificates.sh needs openssl");
        Self { folder: folder.to_owned() }
    }

    /// Signs a client's or the server's key anew, for two days of 2020.
    pub fn expire(&self, name: &str) {
        let settings = "[ca]\ndefault_ca = all\n[all]\ndatabase = index\nserial = serial\nnew_certs_dir = .\n\
                        default_md = sha256\npolicy = any\ncopy_extensions = copyall\n\
                        [any]\ncommonName = supplied\n";
        let write = |name: &str, text: &str| std::fs::write(self.folder.join(name), text).unwrap();
        write("ca.conf", settings);
        write("index", "");
        write("serial", "77\n");
        let (own, key) = (format!("{name}.pem"), format!("{name}.key"));
        let request = ["x509", "-x509toreq", "-copy_extensions", "copyall", "-in", &own];
        self.openssl(&[&request[..], &["-signkey", &key, "-out", "request"]].concat());
        let sign = ["ca", "-batch", "-notext", "-config", "ca.conf"];
        let times = ["-startdate", "20200101000000Z", "-enddate", "20200103000000Z"];
        let files = ["-cert", "ca.pem", "-keyfile", "ca.key", "-in", "request", "-out", &own];
        self.openssl(&[&sign[..], &times, &files].concat());
    }

    fn openssl(&self, args: &[&str]) {
        let output = Command::new("openssl")
            .args(args)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// `[mqtt.tls]` that trusts this authority, with a client's certificate of `own`.
    pub fn table(&self, own: &Self, client: &str) -> String {
        let (ca, own) = (self.folder.display(), own.folder.display());
        format!(
            "[mqtt.tls]\nca = \"{ca}/ca.pem\"\ncertificate = \"{own}/{client}.pem\"\n\
             key = \"{own}/{client}.key\"\n"
        )
    }

    /// A test client's settings.
    pub fn client(&self, name: &str) -> Arc<rustls::ClientConfig> {
        let read = |name: &str| CertificateDer::from_pem_file(self.folder.join(name)).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(read("ca.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.folder.join(format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![read(&format!("{name}.pem"))], key)
            .unwrap();
        Arc::new(config)
    }
}

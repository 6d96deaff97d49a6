//! TLS to the broker: rustls on ring, with our certificate where the broker asks for one.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::link::TlsFiles;

/// Reads the files and makes a client's configuration. Errors name the file.
pub fn client_config(files: &TlsFiles) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots.add(certificate).with_context(|| format!("{}", files.ca.display()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => {
            let private = PrivateKeyDer::from_pem_file(key)
                .with_context(|| format!("no private key can be read from {}", key.display()))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, private)
                .with_context(|| format!("{} with {}", certificate.display(), key.display()))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => bail!("tls: certificate and key go together; one of them is missing"),
    };
    Ok(Arc::new(config))
}

/// Whether the files can be read and the key is the certificate's. Errors name the file.
pub fn usable(files: &TlsFiles) -> anyhow::Result<()> {
    client_config(files).map(|_| ())
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .with_context(|| format!("no certificate can be read from {}", file.display()))?;
    if found.is_empty() {
        bail!("{} holds no certificate", file.display());
    }
    Ok(found)
}

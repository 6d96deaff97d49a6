//! The way to a host in its steps, each tried alone, so that it can be said which one fails.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;

/// How long a step may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A host with its port, and whether TLS follows, of an address such as
/// `https://events.eu-central-1.amazonaws.com/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name or address.
    pub name: String,
    /// Its TCP port.
    pub port: u16,
    /// `https`.
    pub tls: bool,
}

impl Host {
    /// The host of an address; `None`: it is no `http://` or `https://` one.
    pub fn of(address: &str) -> Option<Self> {
        let (tls, rest) = match address.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, address.strip_prefix("http://")?),
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let usual = if tls { 443 } else { 80 };
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
            _ => (authority, usual),
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        (!name.is_empty()).then(|| Self { name: name.to_owned(), port, tls })
    }
}

/// The addresses of a name.
///
/// # Errors
/// The resolver's words.
pub async fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let looked = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, port))).await;
    let found: Vec<_> = looked
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| error.to_string())?
        .collect();
    if found.is_empty() { Err("the name has no address".to_owned()) } else { Ok(found) }
}

/// A TCP connection to one of them.
///
/// # Errors
/// The system's words.
pub async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let connecting = TcpStream::connect(addresses);
    tokio::time::timeout(PATIENCE, connecting)
        .await
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| error.to_string())
}

/// TLS over it, without a certificate of ours. `ca`: whom to believe; `None`: whom the system
/// believes. Gives the protocol's version.
///
/// # Errors
/// What rustls says.
pub async fn tls(name: &str, stream: TcpStream, ca: Option<&Path>) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    let believed = match ca {
        Some(file) => crate::identity::certificates(file).map_err(|error| error.to_string())?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(believed);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = tokio::time::timeout(PATIENCE, connector.connect(name, stream))
        .await
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let version = stream.get_ref().1.protocol_version();
    Ok(version.map_or_else(|| "TLS".to_owned(), |version| format!("{version:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_taken_out_of_addresses() {
        let host = |name: &str, port, tls| Some(Host { name: name.to_owned(), port, tls });
        for (address, expected) in [
            (
                "https://sqs.eu-central-1.amazonaws.com/1/q",
                host("sqs.eu-central-1.amazonaws.com", 443, true),
            ),
            ("http://127.0.0.1:5000", host("127.0.0.1", 5000, false)),
            ("http://[::1]:5000/", host("::1", 5000, false)),
            ("https://[::1]/", host("::1", 443, true)),
            ("ftp://x", None),
            ("https://", None),
            ("http://a:notaport", None),
        ] {
            assert_eq!(Host::of(address), expected, "{address}");
        }
    }
}

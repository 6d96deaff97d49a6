//! One exchange of the certificate for keys, as AWS IoT's credentials provider documents it:
//! `GET /role-aliases/<alias>/credentials` over mutual TLS with the host's name in SNI, and the
//! thing's name in `x-amzn-iot-thingname`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::net::TcpStream;

use super::failure::{ClockError, CredentialFailure};
use crate::config::IotConfig;
use crate::identity::{self, Certificate, Standing};

/// How long an exchange may take, from the name to the last byte.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer; AWS's has about 2 KiB.
pub const MAX_ANSWER: usize = 16 * 1024;
/// Longest message of a refusal that is kept.
const MAX_MESSAGE: usize = 200;
/// AWS takes signatures of at most this age.
pub const MAX_CLOCK_ERROR: SignedDuration = SignedDuration::from_mins(5);
/// The longest life that AWS gives keys of a role alias; a longer one is not believed.
const LONGEST_LIFE: Duration = Duration::from_hours(12);
/// Where AWS listens.
const PORT: u16 = 443;

/// Keys for AWS, and for how long they are good from now on, by the endpoint's own clock.
#[derive(Debug, Clone)]
pub struct Exchanged {
    /// The keys. Its `Debug` masks them.
    pub credentials: Credentials,
    /// How much of their life is left.
    pub life: Duration,
}

#[derive(Deserialize)]
struct Answer {
    credentials: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: Timestamp,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// Reads certificate and key, and exchanges them. `now` is this machine's clock.
///
/// # Errors
/// Each cause told apart; see [`CredentialFailure`].
pub async fn exchange(config: &IotConfig, now: Timestamp) -> Result<Exchanged, CredentialFailure> {
    match tokio::time::timeout(PATIENCE, attempt(config, now)).await {
        Ok(result) => result,
        Err(_) => Err(CredentialFailure::TimedOut),
    }
}

async fn attempt(config: &IotConfig, now: Timestamp) -> Result<Exchanged, CredentialFailure> {
    let files = config.clone();
    let prepared = tokio::task::spawn_blocking(move || prepare(&files)).await;
    let (tls, own) =
        prepared.map_err(|_| CredentialFailure::Malformed("the files were not read"))??;
    if let Some(own) = &own
        && own.standing(now) == Standing::NotYetValid
    {
        return Err(CredentialFailure::CertificateNotYetValid(own.not_before));
    }
    let expired = own.filter(|own| own.standing(now) == Standing::Expired);
    let result = request(config, tls, now).await;
    // Whether it is over the endpoint judges, by its own clock; why, our file says.
    match (result, expired) {
        (Err(CredentialFailure::TlsRefused(_)), Some(own)) => {
            Err(CredentialFailure::CertificateExpired(own.not_after))
        }
        (result, _) => result,
    }
}

/// A TLS configuration with our certificate, and what that says of itself.
fn prepare(
    config: &IotConfig,
) -> Result<(Arc<ClientConfig>, Option<Certificate>), CredentialFailure> {
    let pair = identity::chain_and_key(&config.certificate, &config.key)?;
    let own = pair.cert.first().and_then(|der| Certificate::from_der(der));
    Ok((tls(pair, config)?, own))
}

fn tls(pair: CertifiedKey, config: &IotConfig) -> Result<Arc<ClientConfig>, CredentialFailure> {
    let mut roots = RootCertStore::empty();
    let believed = match &config.ca {
        Some(file) => identity::certificates(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(believed);
    if roots.is_empty() {
        let why = "there is no authority to believe".to_owned();
        return Err(CredentialFailure::EndpointUntrusted(why));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| CredentialFailure::EndpointUntrusted(error.to_string()))?;
    let resolver = Arc::new(SingleCertAndKey::from(pair));
    Ok(Arc::new(builder.with_root_certificates(roots).with_client_cert_resolver(resolver)))
}

async fn request(
    config: &IotConfig,
    tls: Arc<ClientConfig>,
    now: Timestamp,
) -> Result<Exchanged, CredentialFailure> {
    let (host, port) = split(&config.endpoint);
    let addresses: Vec<_> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| CredentialFailure::NameUnknown {
            host: host.to_owned(),
            why: error.to_string(),
        })?
        .collect();
    let absent = |error: std::io::Error| CredentialFailure::EndpointAbsent(error.to_string());
    let stream = TcpStream::connect(&addresses[..]).await.map_err(absent)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| CredentialFailure::Malformed("the endpoint is no host"))?;
    let connector = tokio_rustls::TlsConnector::from(tls);
    let stream = connector.connect(name, stream).await.map_err(|error| cause(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| cause(&e))?;
    // It ends with the sender; its fault comes back with the request.
    let connection = tokio::spawn(connection);
    let path = format!("/role-aliases/{}/credentials", config.role_alias);
    let request = hyper::Request::get(path)
        .header(hyper::header::HOST, host)
        .header(hyper::header::ACCEPT, "application/json")
        .header("x-amzn-iot-thingname", &config.thing_name)
        .body(Empty::<Bytes>::new())
        .map_err(|_| CredentialFailure::Malformed("no request can be made of the settings"))?;
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        // In TLS 1.3 the endpoint looks at our certificate only after our side is done.
        Err(error) => {
            let error = match connection.await {
                Ok(Err(of_connection)) if error.source().is_none() => of_connection,
                _ => error,
            };
            return Err(cause(&error));
        }
    };
    let (head, body) = response.into_parts();
    let date = head.headers.get(hyper::header::DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp());
    let too_long = |error: Box<dyn Error + Send + Sync>| {
        if error.is::<http_body_util::LengthLimitError>() {
            CredentialFailure::Malformed("it is too long")
        } else {
            CredentialFailure::EndpointAbsent("the answer broke off".to_owned())
        }
    };
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(too_long)?;
    let mut body = body.to_bytes().to_vec();
    let result = answer(head.status.as_u16(), &body, date, now, &config.role_alias);
    // Cheap, and no promise: copies in the TLS stack are not ours to wipe.
    body.fill(0);
    std::hint::black_box(&body);
    result
}

/// What an answer means. `date` is the endpoint's own time.
pub(super) fn answer(
    status: u16,
    body: &[u8],
    date: Option<Timestamp>,
    now: Timestamp,
    alias: &str,
) -> Result<Exchanged, CredentialFailure> {
    match status {
        200 => {}
        404 => return Err(CredentialFailure::UnknownAlias(alias.to_owned())),
        429 | 500.. => return Err(CredentialFailure::EndpointFailing(status)),
        _ => {
            let said = serde_json::from_slice::<Refusal>(body).ok().and_then(|said| said.message);
            let message: String = said
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_control())
                .take(MAX_MESSAGE)
                .collect();
            return Err(CredentialFailure::Refused { status, message });
        }
    }
    let Ok(Answer { credentials: keys }) = serde_json::from_slice::<Answer>(body) else {
        return Err(CredentialFailure::Malformed("it is not {credentials: {…}}"));
    };
    let empty = |text: &String| text.is_empty();
    if [&keys.access_key_id, &keys.secret_access_key, &keys.session_token].into_iter().any(empty) {
        return Err(CredentialFailure::Malformed("a key in it is empty"));
    }
    if let Some(date) = date {
        let off = date.duration_since(now);
        if off.abs() > MAX_CLOCK_ERROR {
            return Err(CredentialFailure::ClockWrong(ClockError::Off(off)));
        }
    }
    let left = keys.expiration.duration_since(date.unwrap_or(now));
    let life = Duration::try_from(left).unwrap_or(Duration::ZERO).min(LONGEST_LIFE);
    if life.is_zero() {
        return Err(match date {
            Some(_) => CredentialFailure::Malformed("its keys are over already"),
            None => CredentialFailure::ClockWrong(ClockError::Off(left)),
        });
    }
    // Their end is kept by the life that is left: the clock may be set meanwhile.
    let credentials = Credentials::new(
        keys.access_key_id,
        keys.secret_access_key,
        Some(keys.session_token),
        None,
        "aws-iot",
    );
    Ok(Exchanged { credentials, life })
}

/// Host and port of an endpoint.
pub(super) fn split(endpoint: &str) -> (&str, u16) {
    match endpoint.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(PORT)),
        None => (endpoint, PORT),
    }
}

/// What a broken connection means.
fn cause(error: &(dyn Error + 'static)) -> CredentialFailure {
    let chain = || std::iter::successors(Some(error), |cause| (*cause).source());
    let of_io = |cause: &'_ (dyn Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>()?;
        io.get_ref()?.downcast_ref::<rustls::Error>().cloned()
    };
    let tls =
        chain().find_map(|cause| cause.downcast_ref::<rustls::Error>().cloned().or(of_io(cause)));
    match tls {
        Some(rustls::Error::AlertReceived(alert)) => CredentialFailure::TlsRefused(words(alert)),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => CredentialFailure::ClockWrong(ClockError::EndpointsCertificate),
        Some(other) => CredentialFailure::EndpointUntrusted(other.to_string()),
        None => {
            let last = chain().last().map(ToString::to_string).unwrap_or_default();
            CredentialFailure::EndpointAbsent(last)
        }
    }
}

fn words(alert: AlertDescription) -> String {
    format!("{alert:?}")
}

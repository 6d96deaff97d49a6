//! AWS IoT's credentials provider, as its documentation describes it: mutual TLS, the role alias in
//! the path, the thing's name in a header, keys with an end as the answer.

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::authority::Authority;
use crate::http::{Head, Unsaid};

/// The alias that there is.
pub const ROLE_ALIAS: &str = "gateway-alias";
/// The thing that there is.
pub const THING: &str = "gw-test";
/// How long a connection may pause.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the endpoint does with the next requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mood {
    /// Keys that live this long.
    Keys(Duration),
    /// A status and a body.
    Answer(u16, String),
    /// 200 with this body.
    Garbage(String),
    /// Nothing, for as long as the connection lasts.
    Silent,
    /// The connection is closed without an answer.
    HangUp,
    /// Keys, by a clock that is so many seconds ahead of ours.
    Ahead(i64),
}

/// What a request said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    /// The host's name in SNI.
    pub sni: Option<String>,
    /// `x-amzn-iot-thingname`.
    pub thing: Option<String>,
    /// The client's certificate, DER.
    pub certificate: Vec<u8>,
    /// Which access key was given.
    pub key: Option<String>,
}

struct Shared {
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
    handshakes_refused: Mutex<u64>,
}

/// The endpoint, on threads of its own until the test's process ends.
pub struct Iot {
    /// Its port on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
}

impl Iot {
    /// Starts it with a certificate of this authority, which also says who may ask.
    pub fn start(authority: &Authority) -> Self {
        let server = authority.server(Duration::from_hours(24));
        Self::start_with(authority, &server.0, &server.1)
    }

    /// The same with a certificate of its own.
    pub fn start_with(clients: &Authority, certificate: &Path, key: &Path) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(clients.ca()).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_file(certificate).unwrap()],
                PrivateKeyDer::from_pem_file(key).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            mood: Mutex::new(Mood::Keys(Duration::from_hours(1))),
            asked: Mutex::default(),
            handshakes_refused: Mutex::default(),
        });
        let (config, of_listener) = (Arc::new(config), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, shared) = (Arc::clone(&config), Arc::clone(&of_listener));
                std::thread::spawn(move || serve(stream, config, &shared));
            }
        });
        Self { port, shared }
    }

    /// As it stands in a configuration.
    pub fn endpoint(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// What it does from now on.
    pub fn be(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// Connections whose certificate was not taken.
    pub fn refused(&self) -> u64 {
        *self.shared.handshakes_refused.lock().unwrap()
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Shared) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let connection = ServerConnection::new(config).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    let Ok(Some(head)) = Head::read(&mut stream) else {
        *shared.handshakes_refused.lock().unwrap() += 1;
        return;
    };
    let _ = head.body(&mut stream, Unsaid::Empty);
    let mut stream = stream.into_inner();
    let certificate = stream.conn.peer_certificates().and_then(|chain| chain.first());
    let mut asked = Asked {
        line: head.start.clone(),
        sni: stream.conn.server_name().map(str::to_owned),
        thing: head.get("x-amzn-iot-thingname").map(str::to_owned),
        certificate: certificate.map(|der| der.to_vec()).unwrap_or_default(),
        key: None,
    };
    let mood = shared.mood.lock().unwrap().clone();
    let number = shared.asked.lock().unwrap().len() + 1;
    let (status, body, ahead) = match &mood {
        Mood::Silent => {
            shared.asked.lock().unwrap().push(asked);
            #[expect(clippy::disallowed_methods, reason = "a thread of its own, for this request")]
            std::thread::sleep(PATIENCE);
            return;
        }
        Mood::HangUp => {
            shared.asked.lock().unwrap().push(asked);
            return;
        }
        Mood::Answer(status, body) => (*status, body.clone(), 0),
        Mood::Garbage(body) => (200, body.clone(), 0),
        Mood::Keys(life) => by_contract(&mut asked, number, *life, 0),
        Mood::Ahead(seconds) => by_contract(&mut asked, number, Duration::from_hours(1), *seconds),
    };
    shared.asked.lock().unwrap().push(asked);
    let date = rfc2822::DateTimePrinter::new();
    let date = date.timestamp_to_rfc9110_string(&now(ahead)).unwrap();
    let start = format!("HTTP/1.1 {status} Something");
    let head = Head::new(start, &[("Date", &date), ("Content-Type", "application/json")]);
    let _ = head.write(&mut stream, "close", body.as_bytes());
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn by_contract(asked: &mut Asked, number: usize, life: Duration, ahead: i64) -> (u16, String, i64) {
    let refuse = |status, message: &str| (status, json!({ "message": message }).to_string(), ahead);
    if asked.sni.as_deref() != Some("localhost") {
        return refuse(403, "no SNI");
    }
    if asked.thing.as_deref() != Some(THING) {
        return refuse(403, "Access Denied");
    }
    let path = asked.line.split(' ').nth(1).unwrap_or_default();
    let alias =
        path.strip_prefix("/role-aliases/").and_then(|rest| rest.strip_suffix("/credentials"));
    if alias != Some(ROLE_ALIAS) || !asked.line.starts_with("GET ") {
        return refuse(404, "Role alias not found");
    }
    let key = format!("ASIATESTKEY{number:05}");
    asked.key = Some(key.clone());
    let life = i64::try_from(life.as_secs()).unwrap();
    let body = json!({ "credentials": {
        "accessKeyId": key,
        "secretAccessKey": "a-secret-of-the-test",
        "sessionToken": "a-token-of-the-test",
        "expiration": now(ahead + life).to_string(),
    }});
    (200, body.to_string(), ahead)
}

/// In so many seconds from now, without a fraction.
fn now(ahead: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() + ahead).unwrap()
}

//! A peer that answers as `EventBridge`'s schema registries do, which moto does not.

use std::path::Path;

use serde_json::{Value, json};

use crate::http::{self, Head};
use crate::peer::{Peer, free_port};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/schemas.py");

/// Registries in the background, none at the start. Paths, members and bounds of each call are
/// those of the service's description in botocore.
pub struct Schemas {
    /// The port on 127.0.0.1.
    pub port: u16,
    _peer: Peer,
}

impl Schemas {
    /// Starts it and waits until it answers. Its log is `schemas.log` in `folder`.
    pub fn start(folder: &Path) -> Self {
        let port = free_port();
        let number = port.to_string();
        let mut peer = Peer::start([PROGRAM, "--port", &number], folder.join("schemas.log"));
        peer.answers("the registry answers", || ask(port, "GET", "/calls", "").ok());
        Self { port, _peer: peer }
    }

    /// What an AWS SDK takes as its endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often each call was made: `{"CreateSchema": 3}`.
    pub fn calls(&self) -> Value {
        ask(self.port, "GET", "/calls", "").unwrap()
    }

    /// What a path of the service's own answers to GET.
    pub fn get(&self, path: &str) -> Value {
        ask(self.port, "GET", path, "").unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Puts a body where the service takes it.
    pub fn put(&self, path: &str, body: &Value) {
        let answer = ask(self.port, "PUT", path, &body.to_string());
        answer.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// The next `times` calls are answered with this status and this error code.
    pub fn fail(&self, status: u16, code: &str, times: u32) {
        let order = json!({"status": status, "code": code, "times": times}).to_string();
        ask(self.port, "POST", "/fail", &order).unwrap();
    }
}

fn ask(port: u16, method: &str, path: &str, body: &str) -> Result<Value, String> {
    let head = Head::new(format!("{method} {path} HTTP/1.1"), &[("Host", "127.0.0.1")]);
    let stream = http::connect(port).map_err(|error| error.to_string())?;
    let Ok((head, body)) = http::exchange(&stream, &head, body.as_bytes()) else {
        return Err("the registry does not answer".to_owned());
    };
    let body = String::from_utf8(body).map_err(|error| error.to_string())?;
    if head.status() != Some(200) {
        return Err(format!("{} {body}", head.start));
    }
    serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))
}

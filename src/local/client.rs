//! The socket's client side, for the command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

/// Longest answer that is read whole.
const MAX_ANSWER: usize = 64 << 20;

/// How long the gateway may take to begin its answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a list came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListEnd {
    /// It was all of it, or the gateway stopped.
    Gateway,
    /// The reader wanted no more.
    Reader,
}

/// The gateway did not answer as wished.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no gateway answers on {path}: {error}\n  remedy: start it (systemctl start doorward, or doorward run), or name its folder with --config", path = path.display())]
    NotRunning { path: PathBuf, error: std::io::Error },
    #[error("you may not use {path}\n  remedy: join the group that owns the socket (ls -l shows it), or use sudo", path = path.display())]
    NotAllowed { path: PathBuf },
    #[error("the gateway does not answer\n  remedy: look into its log (journalctl -u doorward)")]
    Silent,
    #[error("the gateway answered {status}: {words}")]
    Refused { status: u16, words: String },
    #[error("the gateway's answer broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("the gateway's answer is not understood: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the gateway's answer is too long")]
    TooLong,
}

/// A client of one gateway.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// One JSON answer.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
    ) -> Result<T, ClientError> {
        let query = query_string(query);
        let request = hyper::Request::get(format!("{path}{query}")).body(Full::default());
        let mut body = self.open(request).await?;
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                whole.extend_from_slice(&data);
            }
            if whole.len() > MAX_ANSWER {
                return Err(ClientError::TooLong);
            }
        }
        Ok(serde_json::from_slice(&whole)?)
    }

    /// Newline-delimited JSON, line by line, until the answer ends or `line` returns false.
    pub async fn lines<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &impl Serialize,
        mut line: impl FnMut(T) -> bool,
    ) -> Result<ListEnd, ClientError> {
        self.texts(path, query, |text| Ok(line(serde_json::from_slice(text)?))).await
    }

    /// The same with each line as it stands, its end included.
    pub async fn texts(
        &self,
        path: &str,
        query: &impl Serialize,
        line: impl FnMut(&[u8]) -> Result<bool, ClientError>,
    ) -> Result<ListEnd, ClientError> {
        let query = query_string(query);
        let request = hyper::Request::get(format!("{path}{query}")).body(Full::default());
        each_line(self.open(request).await?, line).await
    }

    /// Sends a JSON value; the answer is lines of JSON as with [`Client::lines`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        value: &impl Serialize,
        mut line: impl FnMut(T) -> bool,
    ) -> Result<ListEnd, ClientError> {
        let body = serde_json::to_vec(value)?;
        let request = hyper::Request::post(path).body(Full::from(body));
        let body = self.open(request).await?;
        each_line(body, |text| Ok(line(serde_json::from_slice(text)?))).await
    }

    async fn open(
        &self,
        request: hyper::http::Result<hyper::Request<Full<Bytes>>>,
    ) -> Result<Incoming, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            let path = self.socket.clone();
            if error.kind() == std::io::ErrorKind::PermissionDenied {
                ClientError::NotAllowed { path }
            } else {
                ClientError::NotRunning { path, error }
            }
        })?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let Ok(mut request) = request else {
            return Err(ClientError::Refused {
                status: 400,
                words: "not a usable query".to_owned(),
            });
        };
        request.headers_mut().insert(HOST, HeaderValue::from_static("doorward"));
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, sender.send_request(request)).await;
        let response = answer.map_err(|_| ClientError::Silent)??;
        let status = response.status();
        let body = response.into_body();
        if status.is_success() {
            return Ok(body);
        }
        let words = body.collect().await?.to_bytes();
        let words = String::from_utf8_lossy(&words).into_owned();
        Err(ClientError::Refused { status: status.as_u16(), words })
    }
}

/// Shows a body's lines, each with its end.
async fn each_line(
    mut body: Incoming,
    mut line: impl FnMut(&[u8]) -> Result<bool, ClientError>,
) -> Result<ListEnd, ClientError> {
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        rest.extend_from_slice(&data);
        let mut start = 0;
        while let Some(length) =
            rest.get(start..).unwrap_or_default().iter().position(|byte| *byte == b'\n')
        {
            let end = start + length + 1;
            if !line(rest.get(start..end).unwrap_or_default())? {
                return Ok(ListEnd::Reader);
            }
            start = end;
        }
        rest.drain(..start);
        if rest.len() > MAX_ANSWER {
            return Err(ClientError::TooLong);
        }
    }
    Ok(ListEnd::Gateway)
}

/// Flat structs only: strings, numbers and booleans.
fn query_string(query: &impl Serialize) -> String {
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(query) else {
        return String::new();
    };
    let mut text = String::new();
    for (name, value) in members {
        let value = match value {
            serde_json::Value::String(value) => value,
            serde_json::Value::Null => continue,
            other => other.to_string(),
        };
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(&name);
        text.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                use std::fmt::Write as _;
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::EventQuery;

    #[test]
    fn a_query_is_escaped_and_leaves_out_what_is_absent() {
        let query = EventQuery { subject: Some("a b:c/ü".to_owned()), ..EventQuery::default() };
        assert_eq!(query_string(&query), "?subject=a%20b%3Ac%2F%C3%BC&follow=false");
    }
}

//! Calls of AWS's JSON protocol over a local socket, to an emulator that checks no signature.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The region that everything is in.
pub const REGION: &str = "eu-central-1";
/// The account that everything belongs to: moto's own.
pub const ACCOUNT: &str = "123456789012";
/// The name of the bus.
pub const BUS: &str = "doors";
/// Longest request or answer, in bytes.
pub const MAX_BODY: usize = 16 * 1024 * 1024;
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a request to a local port and gives the answer with its whole body.
pub async fn exchange(port: u16, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
    let exchanged = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driven = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let body = whole(body).await?;
        driven.abort();
        Ok(Response::from_parts(head, body))
    };
    timeout(PATIENCE, exchanged).await.context("no answer in time")?
}

/// A body that is not too long.
pub async fn whole(body: Incoming) -> anyhow::Result<Bytes> {
    let collected = Limited::new(body, MAX_BODY).collect().await;
    Ok(collected.map_err(|error| anyhow::anyhow!("{error}"))?.to_bytes())
}

/// `call(port, "sqs", "AmazonSQS.ListQueues", &json!({}))`: the services are told apart by the
/// scope of the signature, which is none.
pub async fn call(port: u16, service: &str, target: &str, body: &Value) -> anyhow::Result<Value> {
    let minor = u8::from(service != "sqs");
    let request = Request::post("/")
        .header("Host", format!("127.0.0.1:{port}"))
        .header("Content-Type", format!("application/x-amz-json-1.{minor}"))
        .header("X-Amz-Target", target)
        .header(
            "Authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=sandbox/20260101/{REGION}/{service}/aws4_request, \
                 SignedHeaders=host, Signature=0"
            ),
        )
        .body(Full::new(Bytes::from(body.to_string())))?;
    let answer = exchange(port, request).await?;
    let text = String::from_utf8_lossy(answer.body());
    if !answer.status().is_success() {
        bail!("{target}: {}: {text}", answer.status());
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("{target}: {text}"))
}

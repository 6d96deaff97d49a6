//! One call of AWS's JSON protocol, with the signature's scope but no signature.

use serde_json::Value;

use crate::http::{self, Head, Unreadable};

/// The region that everything is in.
pub const REGION: &str = "eu-central-1";
/// The account that everything belongs to: moto's own.
pub const ACCOUNT: &str = "123456789012";

/// Calls the emulator, or the proxy, on this local port: `call(port, "sqs",
/// "AmazonSQS.ListQueues", &json!({}))`. The emulators tell services apart by the scope of the
/// signature and check no signature.
///
/// An error is the status and the body of an answer other than 200, or what broke.
pub fn call(port: u16, service: &str, target: &str, body: &Value) -> Result<Value, String> {
    let minor = u8::from(!matches!(service, "sqs" | "dynamodb"));
    let head = Head::new(
        "POST / HTTP/1.1",
        &[
            ("Host", &format!("127.0.0.1:{port}")),
            ("Content-Type", &format!("application/x-amz-json-1.{minor}")),
            ("X-Amz-Target", target),
            (
                "Authorization",
                &format!(
                    "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, \
                     SignedHeaders=host, Signature=0"
                ),
            ),
        ],
    );
    let stream = http::connect(port).map_err(|error| error.to_string())?;
    let answer = http::exchange(&stream, &head, body.to_string().as_bytes());
    let (head, body) = answer.map_err(|why| match why {
        Unreadable::Gone => "the connection ended without an answer".to_owned(),
        Unreadable::Refused(status) => format!("an answer that is refused with {status}"),
    })?;
    let body = String::from_utf8(body).map_err(|error| error.to_string())?;
    if head.status() != Some(200) {
        return Err(format!("{} {body}", head.start));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))
}

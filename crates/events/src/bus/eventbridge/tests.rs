//! The bus against a tiny HTTP server that answers what a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::{EventBridge, Options};
use crate::aws::{Connection, CredentialSource, Timeouts};
use crate::bus::{Bus, Outcome, Outgoing};

/// Answers request `n` with what `answer(n, body)` gives; keeps the bodies.
async fn server(
    answer: impl Fn(usize, &Value) -> (u16, Value) + Send + 'static,
) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&bodies);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let body: Value = loop {
                let mut chunk = [0; 4096];
                let n = socket.read(&mut chunk).await.unwrap();
                assert!(n > 0, "the client hung up");
                request.extend_from_slice(&chunk[..n]);
                let text = String::from_utf8_lossy(&request);
                if let Some((_, body)) = text.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str(body)
                {
                    break body;
                }
            };
            let n = kept.lock().unwrap().len();
            kept.lock().unwrap().push(body.clone());
            let (status, reply) = answer(n, &body);
            let reply = reply.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                reply.len()
            );
            socket.write_all(head.as_bytes()).await.unwrap();
            socket.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    (endpoint, bodies)
}

async fn bus(endpoint: &str) -> EventBridge {
    let timeouts = Timeouts {
        connect: Duration::from_millis(500),
        attempt: Duration::from_millis(500),
        operation: Duration::from_millis(500),
    };
    let connection = Connection { timeouts, ..Connection::emulator("eu-central-1", endpoint) };
    let options = Options { bus: "doors".to_owned(), connection };
    EventBridge::new(options).await.unwrap()
}

fn entries(count: usize) -> Vec<Outgoing> {
    let entry = |n: usize| Outgoing {
        id: Uuid::now_v7(),
        source: "doorward.gateway/g1".into(),
        detail_type: "entry.lock_changed",
        detail: format!("{{\"n\":{n}}}").into(),
        trace_header: Some("Root=1-0af76519-16cd43dd8448eb211c80319c".to_owned()),
    };
    (0..count).map(entry).collect()
}

fn code(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted { bus_id } => format!("accepted {}", bus_id.as_deref().unwrap_or("-")),
        Outcome::Retry { code, .. } => format!("retry {code}"),
        Outcome::Denied { code, .. } => format!("denied {code}"),
        Outcome::Refused { code, .. } => format!("refused {code}"),
    }
}

#[tokio::test]
async fn each_entry_has_its_own_outcome_in_order() {
    let (endpoint, bodies) = server(|_, _| {
        (
            200,
            json!({"FailedEntryCount": 2, "Entries": [
                {"EventId": "e-1"},
                {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"},
                {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."},
            ]}),
        )
    })
    .await;
    let outcomes = bus(&endpoint).await.put(&entries(4)).await;
    let codes: Vec<_> = outcomes.iter().map(code).collect();
    let expected =
        ["accepted e-1", "retry ThrottlingException", "refused MalformedDetail", "retry NoResult"];
    assert_eq!(codes, expected);

    let body = bodies.lock().unwrap()[0].clone();
    let expected = json!({
        "EventBusName": "doors",
        "Source": "doorward.gateway/g1",
        "DetailType": "entry.lock_changed",
        "Detail": "{\"n\":0}",
        "TraceHeader": "Root=1-0af76519-16cd43dd8448eb211c80319c",
    });
    assert_eq!(body["Entries"][0], expected, "no Time, no Resources");
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_is_the_outcome_of_every_entry_and_is_not_repeated() {
    for (status, code_sent, expected) in [
        (400, "AccessDeniedException", "denied AccessDeniedException"),
        (400, "ResourceNotFoundException", "denied ResourceNotFoundException"),
        (500, "InternalException", "retry InternalException"),
        (503, "ServiceUnavailable", "retry ServiceUnavailable"),
        (400, "NeverHeardOfException", "retry NeverHeardOfException"),
    ] {
        let (endpoint, bodies) =
            server(move |_, _| (status, json!({"__type": code_sent, "message": "no"}))).await;
        let outcomes = bus(&endpoint).await.put(&entries(3)).await;
        assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), [expected; 3]);
        assert_eq!(bodies.lock().unwrap().len(), 1, "{code_sent}: one request");
    }
}

#[tokio::test]
async fn only_the_guilty_entry_of_a_refused_call_is_refused() {
    let (endpoint, bodies) = server(|_, body| {
        let guilty = body.to_string().contains("{\\\"n\\\":1}");
        if guilty {
            (400, json!({"__type": "ValidationException", "message": "bad entry"}))
        } else {
            (200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}))
        }
    })
    .await;
    let outcomes = bus(&endpoint).await.put(&entries(3)).await;
    let codes: Vec<_> = outcomes.iter().map(code).collect();
    assert_eq!(codes, ["accepted e", "refused ValidationException", "accepted e"]);
    assert_eq!(bodies.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn no_server_and_a_silent_server_are_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let silent = bus(&endpoint).await.put(&entries(2)).await;
    assert_eq!(silent.iter().map(code).collect::<Vec<_>>(), ["retry Timeout"; 2]);
    drop(listener);
    let gone = bus(&endpoint).await.put(&entries(1)).await;
    assert_eq!(gone.iter().map(code).collect::<Vec<_>>(), ["retry Transport"]);
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_retried() {
    let (endpoint, _) = server(|_, _| (200, Value::String("<html>".to_owned()))).await;
    let outcomes = bus(&endpoint).await.put(&entries(1)).await;
    assert!(matches!(&outcomes[..], [Outcome::Retry { .. }]), "{outcomes:?}");
}

#[tokio::test]
async fn missing_credentials_keep_the_data() {
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

    #[derive(Debug)]
    struct Nobody;
    impl ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none")))
        }
    }

    let connection = Connection {
        credentials: CredentialSource::Provider(SharedCredentialsProvider::new(Nobody)),
        ..Connection::emulator("eu-central-1", "http://127.0.0.1:9")
    };
    let options = Options { bus: "doors".to_owned(), connection };
    let outcomes = EventBridge::new(options).await.unwrap().put(&entries(1)).await;
    assert_eq!(outcomes.iter().map(code).collect::<Vec<_>>(), ["denied CredentialsNotLoaded"]);
}

#[tokio::test]
async fn an_empty_batch_calls_nobody() {
    assert!(bus("http://127.0.0.1:9").await.put(&[]).await.is_empty());
}

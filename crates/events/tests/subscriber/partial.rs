//! A queue that deletes a part of what it is asked to: a stand-in that speaks SQS's JSON protocol.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_emulator::REGION;
use doorward_events::aws::Connection;
use doorward_events::subscribe::sqs::{Consumer, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::samples::{id, visit};
use crate::stand::Stand;

/// What was asked to be deleted, call by call.
#[derive(Default)]
struct Asked {
    deletions: Mutex<Vec<Vec<String>>>,
    received: Mutex<bool>,
    done: Notify,
}

impl Asked {
    fn answer(&self, target: &str, request: &Value) -> Value {
        if target == "AmazonSQS.ReceiveMessage" {
            let first = !std::mem::replace(&mut *self.received.lock().unwrap(), true);
            let message = |n: u64| {
                json!({
                    "MessageId": n.to_string(), "ReceiptHandle": format!("r{n}"),
                    "Body": visit(n), "Attributes": {"ApproximateReceiveCount": "1"},
                })
            };
            let messages: Vec<_> = (1..=3).filter(|_| first).map(message).collect();
            return json!({ "Messages": messages });
        }
        assert_eq!(target, "AmazonSQS.DeleteMessageBatch");
        let entries = request["Entries"].as_array().unwrap();
        let receipts = entries.iter().map(|it| it["ReceiptHandle"].as_str().unwrap().to_owned());
        let receipts: Vec<_> = receipts.collect();
        let failed: Vec<_> = entries
            .iter()
            .filter(|it| it["ReceiptHandle"] == "r2" && self.deletions.lock().unwrap().is_empty())
            .map(|it| json!({"Id": it["Id"], "SenderFault": false, "Code": "InternalError"}))
            .collect();
        let mut deletions = self.deletions.lock().unwrap();
        deletions.push(receipts);
        if deletions.len() == 2 {
            self.done.notify_one();
        }
        json!({"Successful": [], "Failed": failed})
    }
}

async fn serve(mut stream: TcpStream, asked: Arc<Asked>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let header = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_start_matches(':').trim().to_owned()
        };
        let length: usize = header("content-length").parse().unwrap();
        while bytes.len() < end + 4 + length {
            stream.read_buf(&mut bytes).await?;
        }
        let request: Value = serde_json::from_slice(&bytes[end + 4..end + 4 + length]).unwrap();
        bytes.drain(..end + 4 + length);
        let target = header("x-amz-target").replace("amazonsqs.", "");
        let target = match target.as_str() {
            "receivemessage" => "AmazonSQS.ReceiveMessage",
            "deletemessagebatch" => "AmazonSQS.DeleteMessageBatch",
            other => panic!("{other}"),
        };
        let answer = asked.answer(target, &request).to_string();
        if request["WaitTimeSeconds"].is_number() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\n\
             content-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all((head + &answer).as_bytes()).await?;
    }
}

#[tokio::test]
async fn what_was_not_deleted_is_deleted_again_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Asked::default());
    let of_server = Arc::clone(&asked);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&of_server)));
        }
    });
    let connection = Connection::emulator(REGION, &endpoint);
    let (queue, dead) = (format!("{endpoint}/1/q"), format!("{endpoint}/1/d"));
    let settings = Settings { wait: Duration::from_secs(1), ..Settings::DEFAULT };
    let consumer = Consumer::new(connection, &queue, &dead, settings).await.unwrap();
    let stand = Stand::new();
    let done = async { asked.done.notified().await };
    let run = consumer.run(stand.willing(), done);
    tokio::time::timeout(Duration::from_secs(20), run).await.unwrap();
    server.abort();
    let mut deletions = asked.deletions.lock().unwrap().clone();
    deletions[0].sort();
    assert_eq!(deletions, [vec!["r1", "r2", "r3"], vec!["r2"]]);
    let lines = stand.hooks.lines();
    assert!(lines.contains(&"queue DeleteMessageBatch InternalError".to_owned()), "{lines:?}");
    let mut called = stand.called();
    called.sort_unstable();
    assert_eq!(called, [id(1), id(2), id(3)]);
}

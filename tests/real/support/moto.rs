//! A real moto server: `EventBridge` and SQS over HTTP, as others wrote them.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{free_port, wait_for};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";

/// A server in the background. Its state ends with it.
pub struct Moto {
    pub port: u16,
    folder: PathBuf,
    child: Option<Child>,
}

/// A queue behind a rule.
pub struct Queue {
    url: String,
}

impl Moto {
    pub fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut moto = Self { port: free_port(), folder: folder.to_owned(), child: None };
        moto.up();
        moto
    }

    /// Starts it again, with nothing in it.
    pub fn up(&mut self) {
        let python = std::env::var("DOORWARD_PYTHON").unwrap_or_else(|_| {
            concat!(env!("CARGO_MANIFEST_DIR"), "/.venv/bin/python").to_owned()
        });
        let log = std::fs::File::create(self.folder.join("moto.log")).unwrap();
        let child = Command::new(&python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{python}: {error}; make tools installs it"));
        self.child = Some(child);
        wait_for("moto answers", Duration::from_secs(60), || {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                let log = std::fs::read_to_string(self.folder.join("moto.log")).unwrap();
                panic!("moto ended, {status}; make tools installs it\n{log}");
            }
            self.try_call("events", "AWSEvents.ListEventBuses", &json!({})).ok()
        });
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn create_bus(&self, name: &str) {
        self.call("events", "AWSEvents.CreateEventBus", &json!({"Name": name}));
    }

    /// A queue that gets what matches `pattern` on the bus.
    pub fn create_queue(&self, bus: &str, name: &str, pattern: &Value) -> Queue {
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {
                    "aws:SourceArn": format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/{name}"),
                }},
            }],
        });
        let queue = json!({"QueueName": name, "Attributes": {"Policy": policy.to_string()}});
        let answer = self.call("sqs", "AmazonSQS.CreateQueue", &queue);
        let rule = json!({"Name": name, "EventBusName": bus, "EventPattern": pattern.to_string()});
        self.call("events", "AWSEvents.PutRule", &rule);
        let targets = json!({
            "Rule": name, "EventBusName": bus, "Targets": [{"Id": "queue", "Arn": arn}],
        });
        let put = self.call("events", "AWSEvents.PutTargets", &targets);
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
        Queue { url: answer["QueueUrl"].as_str().unwrap().to_owned() }
    }

    /// Takes up to ten messages out of a queue: `EventBridge`'s envelopes.
    pub fn take(&self, queue: &Queue) -> Vec<Value> {
        let request = json!({
            "QueueUrl": queue.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
        });
        let answer = self.call("sqs", "AmazonSQS.ReceiveMessage", &request);
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        if !messages.is_empty() {
            let entries: Vec<Value> = messages
                .iter()
                .enumerate()
                .map(|(index, message)| {
                    json!({"Id": index.to_string(), "ReceiptHandle": message["ReceiptHandle"]})
                })
                .collect();
            let taken = json!({"QueueUrl": queue.url, "Entries": entries});
            self.call("sqs", "AmazonSQS.DeleteMessageBatch", &taken);
        }
        messages
            .iter()
            .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
            .collect()
    }

    fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        self.try_call(service, target, body).unwrap_or_else(|error| panic!("{target}: {error}"))
    }

    /// One call of the services' JSON protocol. The emulator reads the signature's scope and
    /// does not check it.
    fn try_call(&self, service: &str, target: &str, body: &Value) -> Result<Value, String> {
        let body = body.to_string();
        let minor = u8::from(service == "events");
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {service}.{REGION}.amazonaws.com\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.{minor}\r\nX-Amz-Target: {target}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/\
             aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut answer = Vec::new();
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", self.port))
            .map_err(|error| error.to_string())?;
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .and_then(|()| socket.write_all(request.as_bytes()))
            .and_then(|()| socket.read_to_end(&mut answer))
            .map_err(|error| error.to_string())?;
        let answer = String::from_utf8(answer).map_err(|error| error.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a body")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("{} {body}", head.lines().next().unwrap_or_default()));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.kill();
    }
}

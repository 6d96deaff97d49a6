//! A real moto server: `EventBridge`, SQS and `DynamoDB` over HTTP, as others wrote them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::aws::{self, ACCOUNT, REGION};
use crate::peer::{Peer, free_port};

/// A server in the background. Its state ends with it.
pub struct Moto {
    /// The port on 127.0.0.1. It stays over [`Moto::kill`] and [`Moto::up`].
    pub port: u16,
    folder: PathBuf,
    peer: Option<Peer>,
}

impl Moto {
    /// Starts it with nothing in it and waits until it answers. Its log is `moto.log` in `folder`.
    pub fn start(folder: &Path) -> Self {
        let mut moto = Self { port: free_port(), folder: folder.to_owned(), peer: None };
        moto.up();
        moto
    }

    /// Starts it again, with nothing in it.
    pub fn up(&mut self) {
        self.kill();
        let port = self.port.to_string();
        let arguments = ["-m", "moto.server", "-H", "127.0.0.1", "-p", &port];
        let mut peer = Peer::start(arguments, self.folder.join("moto.log"));
        peer.answers("moto answers", || {
            aws::call(self.port, "events", "AWSEvents.ListEventBuses", &json!({})).ok()
        });
        self.peer = Some(peer);
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.peer.take();
    }

    /// What an AWS SDK takes as its endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// One call of a service's JSON protocol: `call("sqs", "AmazonSQS.PurgeQueue", …)`. Panics on
    /// any answer but success.
    pub fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        aws::call(self.port, service, target, body)
            .unwrap_or_else(|error| panic!("{target}: {error}"))
    }

    /// Creates an event bus.
    pub fn create_bus(&self, name: &str) {
        self.call("events", "AWSEvents.CreateEventBus", &json!({"Name": name}));
    }

    /// Creates a `DynamoDB` table whose key is one text.
    pub fn create_table(&self, name: &str, hash_key: &str) {
        let table = json!({
            "TableName": name,
            "AttributeDefinitions": [{"AttributeName": hash_key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": hash_key, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        self.call("dynamodb", "DynamoDB_20120810.CreateTable", &table);
    }

    /// Keeps every event that the bus takes from now on, to be replayed.
    pub fn create_archive(&self, bus: &str, name: &str) {
        let archive = json!({"ArchiveName": name, "EventSourceArn": arn("event-bus", bus)});
        self.call("events", "AWSEvents.CreateArchive", &archive);
    }

    /// Puts everything in the archive on its bus again, marked with `replay-name`, to all rules of
    /// the bus. All is in the queues when it returns. moto reads no window of time: it replays the
    /// whole archive, in the order in which the events came.
    pub fn replay(&self, bus: &str, archive: &str, name: &str) {
        let replay = json!({
            "ReplayName": name,
            "EventSourceArn": arn("archive", archive),
            "EventStartTime": 0,
            "EventEndTime": 4_102_444_800_u64,
            "Destination": {"Arn": arn("event-bus", bus)},
        });
        self.call("events", "AWSEvents.StartReplay", &replay);
        let told = self.call("events", "AWSEvents.DescribeReplay", &json!({"ReplayName": name}));
        assert_eq!(told["State"], "COMPLETED", "{told}");
    }
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:events:{REGION}:{ACCOUNT}:{kind}/{name}")
}

//! What the tests of others build on: queues, archives and tables of a real moto, with and without
//! the proxy in front.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use doorward_emulator::{Fault, Moto, Proxy, call, wait_for};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

fn event(number: u32) -> Value {
    json!({
        "EventBusName": "doors", "Source": "here", "DetailType": "knock", "Time": 1_700_000_000,
        "Detail": json!({"number": number}).to_string(),
    })
}

fn put(port: u16, numbers: std::ops::Range<u32>) -> Result<Value, String> {
    let entries: Vec<Value> = numbers.map(event).collect();
    call(port, "events", "AWSEvents.PutEvents", &json!({"Entries": entries}))
}

fn numbers(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(|message| message["detail"]["number"].as_u64().unwrap()).collect()
}

#[test]
fn queues_tell_what_waits_and_who_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    let dead = moto.plain_queue("dead", &json!({}));
    let redrive = json!({"deadLetterTargetArn": dead.arn(), "maxReceiveCount": "1"}).to_string();
    let attributes = json!({"VisibilityTimeout": "1", "RedrivePolicy": redrive});
    let queue = moto.plain_queue("work", &attributes);
    assert!(queue.url().starts_with(&moto.endpoint()), "{}", queue.url());
    assert_eq!(moto.depth(&queue), (0, 0));
    moto.send(&queue, r#"{"a": 1}"#);
    let attribute = json!({"who": {"DataType": "String", "StringValue": "me"}});
    let message = json!({
        "QueueUrl": queue.url(), "MessageBody": "no JSON", "MessageAttributes": attribute,
    });
    moto.call("sqs", "AmazonSQS.SendMessage", &message);
    assert_eq!(moto.depth(&queue), (2, 0));
    let receive = json!({"QueueUrl": queue.url(), "MaxNumberOfMessages": 1});
    moto.call("sqs", "AmazonSQS.ReceiveMessage", &receive);
    assert_eq!(moto.depth(&queue), (1, 1));
    let messages = moto.take_messages(&queue);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["Body"], "no JSON");
    assert_eq!(messages[0]["MessageAttributes"]["who"]["StringValue"], "me");
    assert_eq!(messages[0]["Attributes"]["ApproximateReceiveCount"], "1");
    // What was received and never deleted ends among the dead letters.
    let dead_letters = wait_for("it is given up", SOON, || {
        assert_eq!(moto.take(&queue), Vec::<Value>::new());
        Some(moto.take(&dead)).filter(|letters| !letters.is_empty())
    });
    assert_eq!(dead_letters, [json!({"a": 1})]);
}

#[test]
fn an_archive_is_replayed_with_its_mark() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    moto.create_bus("doors");
    let queue = moto.create_queue("doors", "knocks", &json!({"source": ["here"]}));
    put(moto.port, 0..1).unwrap();
    moto.create_archive("doors", "all");
    put(moto.port, 1..4).unwrap();
    let first = moto.take(&queue);
    assert_eq!(numbers(&first), [0, 1, 2, 3]);
    moto.replay("doors", "all", "once-more");
    let again = moto.take(&queue);
    assert_eq!(numbers(&again), [1, 2, 3], "what came before the archive is not in it");
    for (message, before) in again.iter().zip(&first[1..]) {
        assert_eq!(message["replay-name"], "once-more");
        assert_eq!(before.get("replay-name"), None);
        for same in ["time", "source", "detail-type", "detail", "resources", "region"] {
            assert_eq!(message[same], before[same], "{same}");
        }
    }
    // A replay is not archived in its turn.
    moto.replay("doors", "all", "twice-more");
    assert_eq!(numbers(&moto.take(&queue)), [1, 2, 3]);
}

#[test]
fn a_table_keeps_items_by_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    moto.create_table("seen", "id");
    let item = json!({"id": {"S": "a"}, "n": {"N": "7"}});
    let put = json!({
        "TableName": "seen", "Item": item, "ConditionExpression": "attribute_not_exists(id)",
    });
    let target = "DynamoDB_20120810.PutItem";
    assert!(call(moto.port, "dynamodb", target, &put).is_ok());
    let again = call(moto.port, "dynamodb", target, &put).unwrap_err();
    assert!(again.contains("ConditionalCheckFailedException"), "{again}");
    let key = json!({"TableName": "seen", "Key": {"id": {"S": "a"}}});
    assert_eq!(moto.call("dynamodb", "DynamoDB_20120810.GetItem", &key)["Item"], item);
}

#[test]
fn through_the_proxy_events_arrive_as_its_faults_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut moto = Moto::start(folder.path());
    moto.create_bus("doors");
    let queue = moto.create_queue("doors", "knocks", &json!({"source": ["here"]}));
    let proxy = Proxy::start(moto.port);
    proxy.only_for("PutEvents");
    proxy.faults([
        Fault::PartialFailure("ThrottlingException"),
        Fault::CutAfterAccept,
        Fault::CutBefore,
        Fault::Status(400, "ThrottlingException"),
    ]);
    let told = put(proxy.port, 0..3).unwrap();
    assert_eq!(told["FailedEntryCount"], 1);
    assert_eq!(told["Entries"][1]["ErrorCode"], "ThrottlingException");
    assert!(told["Entries"][2]["EventId"].is_string(), "{told}");
    put(proxy.port, 3..4).unwrap_err();
    put(proxy.port, 4..5).unwrap_err();
    let refused = put(proxy.port, 5..6).unwrap_err();
    assert!(refused.contains("400") && refused.contains("ThrottlingException"), "{refused}");
    put(proxy.port, 6..7).unwrap();
    let receive = json!({"QueueUrl": queue.url(), "MaxNumberOfMessages": 10});
    let got = call(proxy.port, "sqs", "AmazonSQS.ReceiveMessage", &receive).unwrap();
    let bodies: Vec<Value> = got["Messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(numbers(&bodies), [0, 2, 3, 6]);
    moto.kill();
    put(proxy.port, 7..8).unwrap_err();
    moto.up();
    moto.create_bus("doors");
    put(proxy.port, 8..9).unwrap();
}

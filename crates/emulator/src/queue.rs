//! SQS queues of a [`Moto`]: behind a rule of a bus or behind none.

use serde_json::{Value, json};

use crate::aws::{ACCOUNT, REGION};
use crate::moto::Moto;

/// A queue in a [`Moto`]. Gone when that is killed.
#[derive(Clone, Debug)]
pub struct Queue {
    name: String,
    url: String,
}

impl Queue {
    /// What SQS calls take as `QueueUrl`, at moto's own address; a call by way of a proxy may name
    /// it too.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The queue as a target of rules and of redrive policies.
    pub fn arn(&self) -> String {
        arn(&self.name)
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

impl Moto {
    /// A queue that gets what matches `pattern` on the bus.
    pub fn create_queue(&self, bus: &str, name: &str, pattern: &Value) -> Queue {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn(name),
                "Condition": {"ArnEquals": {
                    "aws:SourceArn": format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{bus}/{name}"),
                }},
            }],
        });
        let queue = self.plain_queue(name, &json!({"Policy": policy.to_string()}));
        let rule = json!({"Name": name, "EventBusName": bus, "EventPattern": pattern.to_string()});
        self.call("events", "AWSEvents.PutRule", &rule);
        let targets = json!({
            "Rule": name, "EventBusName": bus, "Targets": [{"Id": "queue", "Arn": queue.arn()}],
        });
        let put = self.call("events", "AWSEvents.PutTargets", &targets);
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
        queue
    }

    /// A queue behind no rule, such as one of dead letters. SQS takes every attribute as a text:
    /// `{"VisibilityTimeout": "2"}`.
    pub fn plain_queue(&self, name: &str, attributes: &Value) -> Queue {
        let queue = json!({"QueueName": name, "Attributes": attributes});
        let answer = self.call("sqs", "AmazonSQS.CreateQueue", &queue);
        Queue { name: name.to_owned(), url: answer["QueueUrl"].as_str().unwrap().to_owned() }
    }

    /// Puts a message into a queue.
    pub fn send(&self, queue: &Queue, body: &str) {
        let message = json!({"QueueUrl": queue.url, "MessageBody": body});
        self.call("sqs", "AmazonSQS.SendMessage", &message);
    }

    /// Takes up to ten messages out of a queue and deletes them: their bodies, which behind a rule
    /// are `EventBridge`'s envelopes.
    pub fn take(&self, queue: &Queue) -> Vec<Value> {
        self.take_messages(queue)
            .iter()
            .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
            .collect()
    }

    /// Takes up to ten messages out of a queue and deletes them: as SQS tells them, with `Body`,
    /// `Attributes` and, where there are any, `MessageAttributes`.
    pub fn take_messages(&self, queue: &Queue) -> Vec<Value> {
        let request = json!({
            "QueueUrl": queue.url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
            "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
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
            let deleted = self.call("sqs", "AmazonSQS.DeleteMessageBatch", &taken);
            assert_eq!(deleted["Failed"].as_array().map_or(0, Vec::len), 0, "{deleted}");
        }
        messages
    }

    /// How many messages wait to be received, and how many were received and not yet deleted.
    pub fn depth(&self, queue: &Queue) -> (u64, u64) {
        const WAITING: &str = "ApproximateNumberOfMessages";
        const IN_FLIGHT: &str = "ApproximateNumberOfMessagesNotVisible";
        let request = json!({"QueueUrl": queue.url, "AttributeNames": [WAITING, IN_FLIGHT]});
        let answer = self.call("sqs", "AmazonSQS.GetQueueAttributes", &request);
        let count = |name: &str| answer["Attributes"][name].as_str().unwrap().parse().unwrap();
        (count(WAITING), count(IN_FLIGHT))
    }
}

//! What lies on the emulated bus: the bus itself, a queue for each subscription of the repository
//! behind its rule, and the queue that the gateway takes its requests from.

use anyhow::ensure;
use doorward_schema_repository::Direction;
use serde_json::{Value, json};

use super::aws::{ACCOUNT, BUS, REGION, call};
use crate::site::source::{Catalogue, Subscription};

/// The gateway's own queue.
pub const REQUESTS: &str = "gateway-requests";

/// A queue and the rule that fills it.
pub struct Queue {
    /// The queue's and the rule's name.
    pub name: String,
    /// What lets an event through.
    pub pattern: Value,
}

/// The queues of a repository: one for each subscription, and the gateway's own.
pub fn queues(catalogue: &Catalogue, gateway: &str) -> Vec<Queue> {
    let asked = catalogue.types.iter().filter(|known| known.direction == Direction::ToGateway);
    let asked: Vec<&str> = asked.map(|known| known.name.as_str()).collect();
    let mut queues: Vec<Queue> = catalogue.subscriptions.iter().map(of_subscription).collect();
    if !asked.is_empty() {
        queues.push(Queue {
            name: REQUESTS.to_owned(),
            pattern: json!({ "detail-type": asked, "detail": { "data": { "gateway": [gateway] } } }),
        });
    }
    queues
}

/// A subscription's filter is over the event, which a delivery has in `detail`. What a queue may be
/// called: letters, digits, `-` and `_`, 80 of them.
fn of_subscription(subscription: &Subscription) -> Queue {
    let name = format!("{}-{}", subscription.team, subscription.name);
    let harmless = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let types = &subscription.types;
    let pattern = if subscription.filter.is_object() {
        json!({ "detail-type": types, "detail": subscription.filter })
    } else {
        json!({ "detail-type": types })
    };
    Queue { name: name.chars().map(harmless).take(80).collect(), pattern }
}

/// Where a queue is reached, by way of `port`.
pub fn url(port: u16, queue: &str) -> String {
    format!("http://127.0.0.1:{port}/{ACCOUNT}/{queue}")
}

/// Makes the bus and the queues.
pub async fn make(port: u16, queues: &[Queue]) -> anyhow::Result<()> {
    call(port, "events", "AWSEvents.CreateEventBus", &json!({ "Name": BUS })).await?;
    for Queue { name, pattern } in queues {
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": "events.amazonaws.com" },
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }],
        });
        let queue = json!({ "QueueName": name, "Attributes": { "Policy": policy.to_string() } });
        call(port, "sqs", "AmazonSQS.CreateQueue", &queue).await?;
        let rule =
            json!({ "Name": name, "EventBusName": BUS, "EventPattern": pattern.to_string() });
        call(port, "events", "AWSEvents.PutRule", &rule).await?;
        let targets = json!({
            "Rule": name, "EventBusName": BUS, "Targets": [{ "Id": "queue", "Arn": arn }],
        });
        let put = call(port, "events", "AWSEvents.PutTargets", &targets).await?;
        let failed = put.get("FailedEntryCount").and_then(Value::as_u64);
        ensure!(failed == Some(0), "the rule {name} has no target: {put}");
    }
    Ok(())
}

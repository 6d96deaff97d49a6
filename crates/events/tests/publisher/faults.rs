//! Against moto's `EventBridge`, through a proxy that loses, cuts, throttles and half refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorward_emulator::{Fault, Moto, Proxy, Queue, REGION};
use doorward_events::aws::{Connection, Timeouts};
use doorward_events::bus::eventbridge::{EventBridge, Options};
use doorward_events::publish::{Publisher, Settings};
use doorward_events::types::{DeliveryCompleted, DeliveryScheduled};
use doorward_events::{Bus, Outgoing, PutFuture, read};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::samples::{id, scheduled};

const EVENTS: usize = 300;
const SENDERS: usize = 6;
const OF_EACH_FAULT: usize = 2;
const ATTEMPT: Duration = Duration::from_millis(500);

const FAULTS: [Fault; 9] = [
    Fault::LoseAnswer,
    Fault::CutAfterAccept,
    Fault::CutBefore,
    Fault::HalfOpen,
    Fault::Status(500, "InternalException"),
    Fault::Status(503, "ServiceUnavailable"),
    Fault::Status(400, "ThrottlingException"),
    Fault::PartialFailure("InternalFailure"),
    Fault::PartialFailure("ThrottlingException"),
];

/// The real bus, and what was handed to it.
struct Tapped {
    bus: EventBridge,
    handed: Mutex<BTreeMap<Uuid, Vec<Outgoing>>>,
}

impl Bus for Tapped {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        for event in batch {
            self.handed.lock().unwrap().entry(event.id).or_default().push(event.clone());
        }
        self.bus.put(batch)
    }

    fn name(&self) -> &'static str {
        self.bus.name()
    }
}

/// Every fault some times and as many good answers, in the seed's order.
fn script(seed: u64) -> Vec<Fault> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut script = vec![Fault::None; FAULTS.len() * OF_EACH_FAULT];
    for fault in FAULTS {
        script.extend([fault; OF_EACH_FAULT]);
    }
    random.shuffle(&mut script);
    script
}

fn completed(number: usize) -> DeliveryCompleted {
    serde_json::from_value(json!({
        "delivery_id": format!("d-{number}"), "outcome": "delivered",
    }))
    .unwrap()
}

/// Publishes from several tasks; the ids in the order of the numbers.
async fn publish(publisher: &Publisher) -> BTreeMap<Uuid, usize> {
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let publisher = publisher.clone();
        senders.spawn(async move {
            let mut pending = Vec::new();
            for number in (sender..EVENTS).step_by(SENDERS) {
                let envelope = publisher.envelope("acme").at_site("hq").about("front-door");
                let sent = match number % 2 {
                    0 => publisher.send(envelope, &scheduled(number)).await,
                    _ => publisher.send(envelope, &completed(number)).await,
                };
                pending.push((number, sent.unwrap()));
            }
            let mut ids = Vec::new();
            for (number, pending) in pending {
                ids.push((pending.await.unwrap().event_id, number));
            }
            ids
        });
    }
    senders.join_all().await.into_iter().flatten().collect()
}

/// Everything in the queue. Nothing is deleted, which would double the time; nor does anything come
/// back before the test is over.
fn drain(moto: &Moto, queue: &Queue) -> Vec<Value> {
    let request = json!({
        "QueueUrl": queue.url(), "MaxNumberOfMessages": 10, "VisibilityTimeout": 3600,
        "WaitTimeSeconds": 0,
    });
    let mut messages = Vec::new();
    loop {
        let answer = moto.call("sqs", "AmazonSQS.ReceiveMessage", &request);
        let some = answer["Messages"].as_array().cloned().unwrap_or_default();
        if some.is_empty() && moto.depth(queue).0 == 0 {
            return messages;
        }
        let body = |message: &Value| serde_json::from_str(message["Body"].as_str().unwrap());
        messages.extend(some.iter().map(|message| body(message).unwrap()));
    }
}

fn number_of(detail: &Value) -> usize {
    let text = detail.to_string();
    let id = match detail["type"].as_str().unwrap() {
        "delivery.scheduled" => {
            read::<DeliveryScheduled>(text.as_bytes()).unwrap().data.delivery_id
        }
        _ => read::<DeliveryCompleted>(text.as_bytes()).unwrap().data.delivery_id,
    };
    id.strip_prefix("d-").unwrap().parse().unwrap()
}

#[test]
fn whatever_the_network_does_every_event_arrives() {
    let seed = std::env::var("DOORWARD_SEED")
        .map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
    println!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    moto.create_bus("doors");
    let pattern = json!({"source": [{"prefix": "acme.delivery/"}]});
    let queue = moto.create_queue("doors", "deliveries", &pattern);
    let proxy = Proxy::start(moto.port);
    proxy.hold(ATTEMPT * 3);
    proxy.faults(script(seed));

    let settings = Settings {
        batch_entries: 5,
        calls: 2,
        queue_entries: 60,
        handshake_interval: Duration::from_secs(86_400),
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    let (ids, tapped, stats) = runtime.block_on(async {
        let connection = Connection {
            timeouts: Timeouts { connect: ATTEMPT, attempt: ATTEMPT, operation: ATTEMPT * 2 },
            ..Connection::emulator(REGION, proxy.endpoint())
        };
        let options = Options { bus: "doors".to_owned(), connection };
        let bus = EventBridge::new(options).await.unwrap();
        let tapped = Arc::new(Tapped { bus, handed: Mutex::new(BTreeMap::new()) });
        let publisher =
            Publisher::start(tapped.clone(), id(), "acme", "1", settings.clone(), Arc::new(()))
                .unwrap();
        let ids = publish(&publisher).await;
        publisher.ready().await.unwrap();
        let closing = publisher.close(Duration::from_secs(30)).await;
        assert!(closing.left.is_empty());
        (ids, tapped, publisher.stats())
    });
    println!("{:?}, {} faults, {stats:?}", begun.elapsed(), proxy.faulted());

    assert_eq!(ids.len(), EVENTS);
    assert!(stats.most_entries <= settings.queue_entries, "{stats:?}");
    assert!(stats.most_bytes <= settings.queue_bytes, "{stats:?}");
    assert_eq!((stats.entries, stats.accepted, stats.refused), (0, EVENTS as u64 + 1, 0));
    // More calls than the script is long are needed, so that every fault came to pass.
    assert_eq!(proxy.faulted(), (FAULTS.len() * OF_EACH_FAULT) as u64);

    // One id, one text, however often it was handed over.
    let handed = tapped.handed.lock().unwrap();
    assert!(handed.values().all(|resends| resends.iter().all(|event| *event == resends[0])));

    let messages = drain(&moto, &queue);
    let mut arrived: BTreeMap<Uuid, BTreeSet<String>> = BTreeMap::new();
    let mut numbers = BTreeMap::new();
    let is_ours = |message: &&Value| message["detail-type"] != "publisher.handshake_sent";
    for message in messages.iter().filter(is_ours) {
        let detail = &message["detail"];
        let id: Uuid = detail["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(message["source"], "acme.delivery/blue-1");
        // moto writes the detail anew: by its own rules, but the same for the same bytes.
        arrived.entry(id).or_default().insert(detail.to_string());
        let sent: Value = serde_json::from_str(&handed[&id][0].detail).unwrap();
        assert_eq!(*detail, sent);
        numbers.insert(id, number_of(detail));
    }
    assert!(arrived.values().all(|texts| texts.len() == 1), "one id, one text on the wire");
    assert_eq!(numbers, ids, "nothing is lost, and nothing came but what was published");
    let on_the_wire = messages.iter().filter(is_ours).count();
    println!("{:?}, {on_the_wire} messages for {EVENTS} events", begun.elapsed());
    assert!(on_the_wire > EVENTS, "lost answers make duplicates on the wire");
}

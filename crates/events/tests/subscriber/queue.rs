//! A consumer on a real queue behind a real rule.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use doorward_emulator::{Moto, Queue, REGION};
use doorward_events::aws::Connection;
use doorward_events::subscribe::sqs::{Consumer, Settings, SetupError};
use doorward_events::subscribe::{
    Builder, Context, Failure, LEASE_MARGIN, Policies, Retry, Subscriber,
};
use doorward_events::types::VisitSecured;
use doorward_events::{LIBRARY_VERSION, Received};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::samples::{heartbeat, id, visit, with};
use crate::stand::Stand;

pub const SOON: Duration = Duration::from_secs(30);

pub const SETTINGS: Settings = Settings {
    at_once: 4,
    wait: Duration::from_secs(1),
    visibility: Duration::from_secs(1),
    shutdown: Duration::from_secs(10),
};

/// A queue behind a rule, one for dead letters, and a stand.
pub struct Site {
    pub moto: Moto,
    pub queue: Queue,
    pub dead: Queue,
    pub stand: Stand,
    _folder: TempDir,
}

/// A consumer that runs in the background.
pub struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Shuts down and waits for its end.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(SOON, self.task).await.unwrap().unwrap();
    }
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let moto = Moto::start(folder.path());
        moto.create_bus("doors");
        let pattern = json!({"source": [{"prefix": "doorward.gateway/"}]});
        let queue = moto.create_queue("doors", "work", &pattern);
        let dead = moto.plain_queue("dead", &json!({}));
        Self { moto, queue, dead, stand: Stand::new(), _folder: folder }
    }

    pub fn builder(&self) -> Builder {
        let second = Duration::from_secs(1);
        self.stand.builder(Policies::strict()).retry(Retry { first: second, most: second })
    }

    pub async fn consumer(&self, endpoint: String, settings: Settings) -> Consumer {
        let mut connection = Connection::emulator(REGION, endpoint);
        connection.timeouts.attempt = Duration::from_secs(2);
        Consumer::new(connection, self.queue.url(), self.dead.url(), settings).await.unwrap()
    }

    /// Runs a consumer of its own queue.
    pub async fn run(&self, subscriber: &Subscriber, settings: Settings) -> Running {
        self.run_by_way_of(self.moto.endpoint(), subscriber, settings).await
    }

    pub async fn run_by_way_of(
        &self,
        endpoint: String,
        subscriber: &Subscriber,
        settings: Settings,
    ) -> Running {
        let consumer = self.consumer(endpoint, settings).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let subscriber = subscriber.clone();
        let task = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or_default() };
            consumer.run(subscriber, stopped).await;
        });
        Running { stop, task }
    }

    /// Puts an event on the bus, as its delivery says.
    pub fn publish(&self, delivery: &str) {
        let delivery: Value = serde_json::from_str(delivery).unwrap();
        let entry = json!({
            "EventBusName": "doors", "Source": delivery["source"],
            "DetailType": delivery["detail-type"], "Detail": delivery["detail"].to_string(),
        });
        let put = self.moto.call("events", "AWSEvents.PutEvents", &json!({"Entries": [entry]}));
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
    }

    /// Waits until nothing is in the queue, visible or not. A message that becomes visible while
    /// it is counted is in neither number once.
    pub async fn drained(&self) {
        let empty = || self.moto.depth(&self.queue) == (0, 0);
        until("the queue is empty", || empty() && empty() && empty()).await;
    }
}

/// Waits for a condition with the runtime going on.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < SOON, "not within {SOON:?}: {what}");
        sleep(Duration::from_millis(25)).await;
    }
}

#[tokio::test]
async fn at_least_once_in_once_handled() {
    let site = Site::new();
    for n in 1..=15 {
        site.publish(&visit(n));
    }
    let running = site.run(&site.stand.willing(), SETTINGS).await;
    site.drained().await;
    // Two processes of one consumer.
    let other = site.run(&site.stand.willing(), SETTINGS).await;
    for n in 10..=20 {
        site.publish(&visit(n));
    }
    site.publish(&visit(1));
    until("all are handled", || site.stand.called().len() == 20).await;
    site.publish(&heartbeat(99, &json!({"visit.secured": 21})));
    site.drained().await;
    running.stop().await;
    other.stop().await;
    let mut called = site.stand.called();
    called.sort_unstable();
    assert_eq!(called, (1..=20).map(id).collect::<Vec<_>>());
    assert!(site.stand.hooks.count("duplicate") >= 7, "{:?}", site.stand.hooks.lines());
    // Found missing: what the gateway delivered, and nothing that came.
    let lines = site.stand.hooks.lines();
    let lost: Vec<_> = lines.iter().filter(|line| line.starts_with("lost")).collect();
    assert_eq!(lost, ["lost 21..21 visit.secured"]);
    assert_eq!(site.moto.depth(&site.dead), (0, 0));
}

/// A handler that does this at each attempt.
fn doing<A, F>(
    stand: &Stand,
    act: A,
) -> impl Fn(Received<VisitSecured>, Context) -> F + Send + Sync + 'static + use<A, F>
where
    A: Fn(u32) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let calls = Arc::clone(&stand.calls);
    move |event, context| {
        let attempt = context.attempt;
        calls.lock().unwrap().push((event.envelope.id, context));
        act(attempt)
    }
}

#[tokio::test]
async fn a_slow_handler_keeps_its_message() {
    let site = Site::new();
    let slow = |_| async {
        sleep(Duration::from_millis(3500)).await;
        Ok(())
    };
    let subscriber = site.builder().on(doing(&site.stand, slow)).build().unwrap();
    let running = site.run(&subscriber, SETTINGS).await;
    site.publish(&visit(1));
    until("it is handled", || site.stand.hooks.count("handled at 1") == 1).await;
    site.drained().await;
    running.stop().await;
    // Received once in three and a half times its visibility.
    assert_eq!(site.stand.called(), [id(1)]);
    assert!(site.stand.hooks.count("extended") >= 4, "{:?}", site.stand.hooks.lines());
    assert_eq!(site.stand.hooks.count("failed") + site.stand.hooks.count("duplicate"), 0);
}

#[tokio::test]
async fn a_failing_handler_is_tried_again_later() {
    let site = Site::new();
    let answer = |attempt| async move {
        if attempt < 3 { Err(Failure::Again("busy".to_owned())) } else { Ok(()) }
    };
    let subscriber = site.builder().on(doing(&site.stand, answer)).build().unwrap();
    let hidden = Settings { visibility: Duration::from_secs(30), ..SETTINGS };
    let running = site.run(&subscriber, hidden).await;
    let begun = Instant::now();
    site.publish(&visit(1));
    site.drained().await;
    running.stop().await;
    assert_eq!(site.stand.hooks.lines(), ["failed busy", "failed busy", "handled at 3"]);
    // Two waits of one second each: neither at once nor after the visibility.
    assert!(begun.elapsed() > Duration::from_millis(1900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_handler_without_end_is_dropped_and_its_message_left() {
    let site = Site::new();
    let stuck = |attempt| async move {
        if attempt == 1 {
            std::future::pending::<()>().await;
        }
        Ok(())
    };
    let subscriber = site
        .builder()
        .handling_time(Duration::from_secs(2))
        .on(doing(&site.stand, stuck))
        .build()
        .unwrap();
    let running = site.run(&subscriber, SETTINGS).await;
    site.publish(&visit(1));
    site.drained().await;
    running.stop().await;
    let lines = site.stand.hooks.lines();
    let lines: Vec<_> = lines.iter().filter(|line| *line != "extended").collect();
    assert_eq!(lines, ["failed TookTooLong", "handled at 2"]);
}

#[tokio::test]
async fn poison_goes_to_the_dead_letters_unchanged() {
    let site = Site::new();
    let running = site.run(&site.stand.willing(), SETTINGS).await;
    let broken = with(&visit(1), "/detail/data/visit_id", json!("pin 4711"));
    let bodies = ["knock\u{1F6AA} ", broken.as_str()];
    for body in bodies {
        site.moto.send(&site.queue, body);
    }
    site.publish(&visit(2));
    until("both are put aside", || site.moto.depth(&site.dead).0 == 2).await;
    until("the good one is handled", || site.stand.called() == [id(2)]).await;
    site.drained().await;
    running.stop().await;
    let mut letters = site.moto.take_messages(&site.dead);
    letters.sort_by_key(|letter| letter["Body"] != bodies[0]);
    let attributes = |letter: &Value| {
        let attributes = letter["MessageAttributes"].as_object().unwrap().clone();
        let value = |value: &Value| value["StringValue"].as_str().unwrap().to_owned();
        attributes.iter().map(|(name, it)| (name.clone(), value(it))).collect::<Vec<_>>()
    };
    let expected = |attributes: &[(&str, &str)]| {
        let mut all: Vec<_> =
            attributes.iter().map(|(name, it)| ((*name).to_owned(), (*it).to_owned())).collect();
        all.push(("library_version".to_owned(), LIBRARY_VERSION.to_owned()));
        all.push(("consumer".to_owned(), "billing".to_owned()));
        all.sort();
        all
    };
    let sorted = |mut all: Vec<(String, String)>| {
        all.sort();
        all
    };
    assert_eq!(letters[0]["Body"], bodies[0]);
    assert_eq!(sorted(attributes(&letters[0])), expected(&[("reason", "not_json")]));
    assert_eq!(letters[1]["Body"], bodies[1]);
    let known = [
        ("reason", "refused_by_schema"),
        ("pointer", "/data/visit_id"),
        ("type", "visit.secured"),
        ("schema_version", "1.0"),
        ("event_id", &id(1).to_string()),
    ];
    assert_eq!(sorted(attributes(&letters[1])), expected(&known));
}

#[tokio::test]
async fn without_a_place_for_dead_letters_nothing_is_deleted() {
    let mut site = Site::new();
    let gone = site.moto.plain_queue("gone", &json!({}));
    site.moto.call("sqs", "AmazonSQS.DeleteQueue", &json!({"QueueUrl": gone.url()}));
    let dead = std::mem::replace(&mut site.dead, gone);
    let subscriber = site.builder().on(site.stand.secured(|_| Ok(()))).build().unwrap();
    let running = site.run(&subscriber, SETTINGS).await;
    site.moto.send(&site.queue, "knock");
    until("it fails twice", || site.stand.hooks.count("failed DeadLetters") >= 2).await;
    running.stop().await;
    let (waiting, hidden) = site.moto.depth(&site.queue);
    assert_eq!(waiting + hidden, 1);
    // Once there is a place, it goes there.
    site.dead = dead;
    let running = site.run(&subscriber, SETTINGS).await;
    site.drained().await;
    running.stop().await;
    assert_eq!(site.moto.take_messages(&site.dead)[0]["Body"], "knock");
}

#[tokio::test]
async fn a_shutdown_lets_handlers_end() {
    let site = Site::new();
    let begun = Arc::new(Notify::new());
    let told = Arc::clone(&begun);
    let slow = move |_| {
        let told = Arc::clone(&told);
        async move {
            told.notify_one();
            sleep(Duration::from_millis(1500)).await;
            Ok(())
        }
    };
    let subscriber = site.builder().on(doing(&site.stand, slow)).build().unwrap();
    let running = site.run(&subscriber, SETTINGS).await;
    site.publish(&visit(1));
    timeout(SOON, begun.notified()).await.unwrap();
    running.stop().await;
    assert_eq!(site.stand.hooks.count("handled at 1"), 1);
    // Deleted before the end.
    assert_eq!(site.moto.depth(&site.queue), (0, 0));
}

#[tokio::test]
async fn a_shutdown_gives_back_what_does_not_end() {
    let site = Site::new();
    let stuck = |attempt| async move {
        if attempt == 1 {
            std::future::pending::<()>().await;
        }
        Ok(())
    };
    let subscriber = site.builder().on(doing(&site.stand, stuck)).build().unwrap();
    let impatient = Settings {
        visibility: Duration::from_secs(600),
        shutdown: Duration::from_millis(100),
        ..SETTINGS
    };
    let running = site.run(&subscriber, impatient).await;
    site.publish(&visit(1));
    site.publish(&visit(2));
    until("both are being handled", || site.stand.called().len() == 2).await;
    running.stop().await;
    assert_eq!(site.moto.depth(&site.queue), (2, 0), "both are visible at once");
    // Neither visibility nor lease is waited for.
    let begun = Instant::now();
    let running = site.run(&subscriber, impatient).await;
    site.drained().await;
    running.stop().await;
    assert!(begun.elapsed() < LEASE_MARGIN);
    assert_eq!(site.stand.hooks.count("handled at 2"), 2);
}

#[tokio::test]
async fn no_more_is_received_than_there_is_room_for() {
    let site = Site::new();
    let gate = Arc::new(Semaphore::new(0));
    let (running_now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let seen = Arc::clone(&most);
    let held = Arc::clone(&gate);
    let waiting = move |_| {
        let (held, now, most) = (Arc::clone(&held), Arc::clone(&running_now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            held.acquire().await.unwrap().forget();
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    };
    let subscriber = site.builder().on(doing(&site.stand, waiting)).build().unwrap();
    for n in 1..=9 {
        site.publish(&visit(n));
    }
    let settings = Settings { at_once: 2, visibility: Duration::from_secs(30), ..SETTINGS };
    let running = site.run(&subscriber, settings).await;
    until("two are being handled", || site.stand.called().len() == 2).await;
    // Longer than a poll: whoever would receive more has done so.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        assert_eq!(site.moto.depth(&site.queue), (7, 2));
        sleep(Duration::from_millis(50)).await;
    }
    gate.add_permits(9);
    site.drained().await;
    running.stop().await;
    assert_eq!(site.stand.called().len(), 9);
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_cannot_work_is_found_before_the_first_call() {
    let set_up = async |queue: &str, dead: &str, settings| {
        let connection = Connection::emulator(REGION, "http://127.0.0.1:1");
        Consumer::new(connection, queue, dead, settings).await.err()
    };
    let (queue, dead) = ("http://127.0.0.1:1/q", "http://127.0.0.1:1/d");
    assert_eq!(set_up(queue, dead, Settings::DEFAULT).await, None);
    assert_eq!(set_up("q", dead, SETTINGS).await, Some(SetupError::QueueUrl));
    assert_eq!(set_up(queue, "", SETTINGS).await, Some(SetupError::QueueUrl));
    assert_eq!(set_up(queue, queue, SETTINGS).await, Some(SetupError::SameQueue));
    let second = Duration::from_secs(1);
    for (settings, expected) in [
        (Settings { at_once: 0, ..SETTINGS }, SetupError::AtOnce),
        (Settings { at_once: 1001, ..SETTINGS }, SetupError::AtOnce),
        (Settings { wait: second * 21, ..SETTINGS }, SetupError::Wait),
        (Settings { wait: second / 2, ..SETTINGS }, SetupError::Wait),
        (Settings { visibility: Duration::ZERO, ..SETTINGS }, SetupError::Visibility),
        (Settings { visibility: second * 3 / 2, ..SETTINGS }, SetupError::Visibility),
        (Settings { visibility: second * 43_201, ..SETTINGS }, SetupError::Visibility),
        (Settings { shutdown: second * 3601, ..SETTINGS }, SetupError::Shutdown),
    ] {
        assert_eq!(set_up(queue, dead, settings).await, Some(expected), "{settings:?}");
    }
}

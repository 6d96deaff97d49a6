//! Signs of life: the first one says whether the publisher may publish, further ones keep time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_events::publish::{Settings, Why};
use doorward_events::testkit::Memory;
use doorward_events::types::PublisherHandshakeSent;
use doorward_events::{Bus, LIBRARY_VERSION, Outcome, Outgoing, PutFuture, read};
use tokio::time::Instant;

use crate::samples::{
    Notes, Told, accepted, denied, refused, retry, scheduled, settings, start, start_with,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Answers handshakes as told and takes everything else; remembers when handshakes came.
struct Gate {
    handshakes: Mutex<Vec<(Instant, Outgoing)>>,
    answer: Outcome,
}

impl Gate {
    fn new(answer: Outcome) -> Arc<Self> {
        Arc::new(Self { handshakes: Mutex::new(Vec::new()), answer })
    }
}

impl Bus for Gate {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        let outcome = |event: &Outgoing| {
            if event.detail_type == "publisher.handshake_sent" {
                self.handshakes.lock().unwrap().push((Instant::now(), event.clone()));
                return self.answer.clone();
            }
            accepted()
        };
        let outcomes = batch.iter().map(outcome).collect();
        Box::pin(async move { outcomes })
    }

    fn name(&self) -> &'static str {
        "gate"
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_a_handshake() {
    let bus = Arc::new(Memory::new());
    let publisher = start(bus.clone(), Settings::default());
    publisher.ready().await.unwrap();
    let first = bus.accepted().remove(0);
    assert_eq!(&*first.source, "acme.delivery/blue-1");
    let read = read::<PublisherHandshakeSent>(first.detail.as_bytes()).unwrap();
    assert_eq!(read.data.publisher_version, "1.4.0");
    assert_eq!(read.data.library_version, LIBRARY_VERSION);
    assert_eq!(read.data.interval_s, 3600);
    assert_eq!(&*read.envelope.tenant_id, "acme");
    // It stays what it was, and does not count as one of the caller's.
    publisher.ready().await.unwrap();
    assert_eq!(publisher.close(MINUTE).await, doorward_events::publish::Closing::default());
    publisher.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn handshakes_keep_the_interval_that_they_promise_and_are_spread() {
    let gate = Gate::new(accepted());
    let notes = Arc::new(Notes::default());
    let interval = MINUTE * 10;
    let settings = Settings { handshake_interval: interval, ..Settings::default() };
    let publisher = start_with(gate.clone(), settings, notes.clone());
    tokio::time::sleep(interval * 50).await;
    let times: Vec<Instant> = gate.handshakes.lock().unwrap().iter().map(|(at, _)| *at).collect();
    let pauses: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((50..=58).contains(&pauses.len()), "{}", pauses.len());
    // What they linger is within the tenth.
    assert!(pauses.iter().all(|pause| *pause <= interval + Duration::from_millis(20)));
    assert!(pauses[1..].iter().all(|pause| *pause >= interval * 9 / 10));
    let longest = pauses[1..].iter().max().unwrap();
    let shortest = pauses[1..].iter().min().unwrap();
    assert!(*longest > *shortest + interval / 20, "{shortest:?} to {longest:?}");
    let told = notes.all().into_iter().filter(|told| *told == Told::Handshake(true)).count();
    assert_eq!(told, times.len());
    drop(publisher);
}

#[tokio::test(start_paused = true)]
async fn a_fleet_started_together_does_not_beat_together() {
    let interval = MINUTE * 60;
    let mut seconds = Vec::new();
    for seed in 0..50 {
        let gate = Gate::new(accepted());
        let settings = Settings { handshake_interval: interval, ..Settings::default() };
        let publisher = start(gate.clone(), settings);
        fastrand::seed(seed);
        let begun = Instant::now();
        tokio::time::sleep(interval + MINUTE).await;
        let second = gate.handshakes.lock().unwrap()[1].0;
        seconds.push((second - begun).as_secs() / 600);
        drop(publisher);
    }
    // Each tenth minute of the hour has some.
    for part in 0..6 {
        let count = seconds.iter().filter(|tenth| **tenth == part).count();
        assert!((1..25).contains(&count), "{part}: {count} of 50");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_handshake_is_visible_and_blocks_nothing() {
    let gate = Gate::new(refused());
    let notes = Arc::new(Notes::default());
    let publisher = start_with(gate.clone(), settings(), notes.clone());
    let done = publisher.publish(publisher.envelope("acme"), &scheduled(1)).await;
    assert!(done.is_ok());
    let refusal = publisher.ready().await.unwrap_err();
    assert_eq!(refusal.event_type.as_str(), "publisher.handshake_sent");
    assert!(matches!(refusal.why, Why::Refused { .. }));
    assert!(notes.all().contains(&Told::Handshake(false)));
    assert_eq!(gate.handshakes.lock().unwrap().len(), 1, "never sent again");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_not_taken_is_tried_and_given_up_like_any_event() {
    for outcome in [denied(), retry("InternalFailure")] {
        let gate = Gate::new(outcome);
        let settings = Settings { give_up_after: MINUTE, ..settings() };
        let publisher = start(gate.clone(), settings);
        let others = {
            let publisher = publisher.clone();
            tokio::spawn(async move {
                for number in 0..100 {
                    publisher
                        .publish(publisher.envelope("acme"), &scheduled(number))
                        .await
                        .unwrap();
                }
            })
        };
        let begun = Instant::now();
        others.await.unwrap();
        assert!(begun.elapsed() < MINUTE / 2, "{:?}", begun.elapsed());
        let refusal = publisher.ready().await.unwrap_err();
        assert_eq!(begun.elapsed(), MINUTE);
        assert!(matches!(refusal.why, Why::GaveUp { attempts: 2.., .. }), "{refusal:?}");
        let sent = gate.handshakes.lock().unwrap();
        assert!(sent.iter().all(|(_, event)| *event == sent[0].1));
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_handshakes_do_not_pile_up() {
    let bus = Arc::new(Memory::new());
    bus.set_down(Some(retry("Transport")));
    let settings = Settings {
        handshake_interval: Duration::from_secs(1),
        give_up_after: MINUTE * 10,
        ..Settings::default()
    };
    let publisher = start(bus, settings);
    tokio::time::sleep(MINUTE * 30).await;
    let stats = publisher.stats();
    assert!(stats.most_entries <= 1 && stats.queued >= 3 && stats.queued <= 4, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn a_saturated_queue_does_not_starve_handshakes() {
    let bus = Arc::new(Memory::new());
    bus.set_latency(Duration::from_millis(100));
    let settings = Settings {
        handshake_interval: Duration::from_secs(1),
        queue_entries: 5,
        ..Settings::default()
    };
    let publisher = start(bus.clone(), settings);
    let mut senders = Vec::new();
    for number in 0..50 {
        let publisher = publisher.clone();
        senders.push(tokio::spawn(async move {
            for _ in 0..10 {
                publisher.publish(publisher.envelope("acme"), &scheduled(number)).await.unwrap();
            }
        }));
    }
    let begun = Instant::now();
    for sender in senders {
        sender.await.unwrap();
    }
    let seconds = begun.elapsed().as_secs();
    let sent = bus.accepted();
    let handshakes = sent.iter().filter(|event| event.detail_type == "publisher.handshake_sent");
    let handshakes = handshakes.count() as u64;
    assert!(seconds >= 5 && handshakes >= seconds / 3, "{handshakes} in {seconds} s");
}

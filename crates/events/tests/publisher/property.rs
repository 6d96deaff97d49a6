//! Whatever the bus answers and whoever sends when: one fate for each event, and the bounds hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use doorward_events::publish::{Closing, Fate, Publisher, Refusal, Settings, Why};
use doorward_events::testkit::Memory;
use doorward_events::{Outcome, Outgoing};
use proptest::prelude::*;
use uuid::Uuid;

use crate::samples::{Notes, Told, accepted, denied, grant, refused, retry, scheduled, start_with};

/// One event of a schedule.
#[derive(Debug, Clone)]
struct Step {
    pause_ms: u64,
    waits: bool,
    is_large: bool,
    is_forgotten: bool,
}

#[derive(Debug, Clone)]
struct Run {
    settings: Settings,
    script: Vec<Outcome>,
    steps: Vec<Step>,
    latency_ms: u64,
    /// Seconds of an outage after the script's outcomes have begun, and when it begins.
    outage: Option<(u64, u64)>,
    close_after_ms: u64,
    close_within_ms: u64,
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(accepted()),
        3 => Just(retry("InternalFailure")),
        2 => Just(retry("ThrottlingException")),
        1 => Just(denied()),
        2 => Just(refused()),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    (prop_oneof![3 => Just(0), 2 => 0..50_u64, 1 => 0..3_000_u64], any::<[bool; 3]>()).prop_map(
        |(pause_ms, [waits, is_large, is_forgotten])| Step {
            pause_ms,
            waits,
            is_large,
            is_forgotten,
        },
    )
}

fn all_settings() -> impl Strategy<Value = Settings> {
    let numbers = (1..=10_usize, 66_560..150_000_usize, 1..20_usize, 66_560..200_000_usize);
    let others = (1..5_usize, prop::option::of(1..200_u32), 0..40_u64, 1..60_u64);
    (numbers, others).prop_map(|(numbers, others)| Settings {
        batch_entries: numbers.0,
        batch_bytes: numbers.1,
        queue_entries: numbers.2,
        queue_bytes: numbers.3,
        calls: others.0,
        entries_per_second: others.1,
        linger: Duration::from_millis(others.2),
        give_up_after: Duration::from_secs(others.3),
        ..crate::samples::settings()
    })
}

fn runs() -> impl Strategy<Value = Run> {
    let lists = (prop::collection::vec(outcomes(), 0..120), prop::collection::vec(steps(), 1..60));
    let outage = prop::option::of((0..5_u64, 0..90_u64));
    let times = (0..200_u64, 0..5_000_u64, prop_oneof![0..2_000_u64, Just(300_000)]);
    (all_settings(), lists, outage, times).prop_map(|(settings, (script, steps), outage, times)| {
        Run {
            settings,
            script,
            steps,
            latency_ms: times.0,
            outage,
            close_after_ms: times.1,
            close_within_ms: times.2,
        }
    })
}

/// What became of everything.
struct Seen {
    fates: BTreeMap<Uuid, Vec<Fate>>,
    at_the_door: Vec<Refusal>,
    forgotten: BTreeSet<Uuid>,
    closing: Closing,
}

async fn send(
    publisher: &Publisher,
    step: &Step,
) -> Result<doorward_events::publish::Pending, Refusal> {
    let envelope = publisher.envelope("acme");
    match (step.waits, step.is_large) {
        (true, true) => publisher.send(envelope, &grant()).await,
        (true, false) => publisher.send(envelope, &scheduled(1)).await,
        (false, true) => publisher.try_send(envelope, &grant()),
        (false, false) => publisher.try_send(envelope, &scheduled(1)),
    }
}

async fn carry_out(run: &Run, bus: &Arc<Memory>, publisher: &Publisher) -> Seen {
    bus.set_latency(Duration::from_millis(run.latency_ms));
    bus.script(run.script.iter().cloned());
    if let Some((begins, lasts)) = run.outage {
        let bus = Arc::clone(bus);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(begins)).await;
            bus.set_down(Some(retry("Transport")));
            tokio::time::sleep(Duration::from_secs(lasts)).await;
            bus.set_down(None);
        });
    }
    let mut senders = Vec::new();
    let mut pause = Duration::ZERO;
    for step in run.steps.clone() {
        pause += Duration::from_millis(step.pause_ms);
        let publisher = publisher.clone();
        senders.push(tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            match send(&publisher, &step).await {
                Ok(pending) if step.is_forgotten => (None, Some(pending.event_id())),
                Ok(pending) => {
                    let id = pending.event_id();
                    (Some((id, pending.await)), None)
                }
                Err(refusal) => (Some((refusal.event_id, Err(refusal))), None),
            }
        }));
    }
    tokio::time::sleep(Duration::from_millis(run.close_after_ms)).await;
    let begun = tokio::time::Instant::now();
    let within = Duration::from_millis(run.close_within_ms);
    let closing = publisher.close(within).await;
    assert!(begun.elapsed() <= within + Duration::from_millis(2), "{:?}", begun.elapsed());
    let mut seen = Seen {
        fates: BTreeMap::new(),
        at_the_door: Vec::new(),
        forgotten: BTreeSet::new(),
        closing,
    };
    for sender in senders {
        // Nothing hangs: the schedule's own pauses are all that is left.
        let longest = Duration::from_secs(3_600);
        let (fate, forgotten) = tokio::time::timeout(longest, sender).await.unwrap().unwrap();
        seen.forgotten.extend(forgotten);
        match fate {
            Some((_, Err(refusal)))
                if matches!(refusal.why, Why::Full | Why::Closed { attempts: 0 }) =>
            {
                seen.at_the_door.push(refusal);
            }
            Some((id, fate)) => seen.fates.entry(id).or_default().push(fate),
            None => {}
        }
    }
    seen
}

fn check(run: &Run, bus: &Memory, publisher: &Publisher, notes: &Notes, seen: &Seen) {
    let record: Vec<Outgoing> = bus.accepted();
    let mut texts: BTreeMap<Uuid, BTreeSet<Arc<str>>> = BTreeMap::new();
    for event in &record {
        texts.entry(event.id).or_default().insert(Arc::clone(&event.detail));
    }
    assert!(texts.values().all(|texts| texts.len() == 1), "one id, one text");

    // The hooks are told of one fate for every event, whoever still waited.
    let mut told: BTreeMap<Uuid, (usize, usize)> = BTreeMap::new();
    for note in notes.all() {
        match note {
            Told::Accepted(id, _) => told.entry(id).or_default().0 += 1,
            Told::Refused(id) => told.entry(id).or_default().1 += 1,
            Told::Depth(entries, bytes) => {
                assert!(entries <= run.settings.queue_entries, "{entries}");
                assert!(bytes <= run.settings.queue_bytes, "{bytes}");
            }
            _ => {}
        }
    }
    for (id, (accepted, refused)) in &told {
        assert_eq!(accepted + refused, 1, "{id}");
        assert_eq!(*accepted == 1, texts.contains_key(id), "{id}: accepted and in the record");
    }
    for (id, fates) in &seen.fates {
        let [fate] = &fates[..] else { panic!("{id}: {fates:?}") };
        assert_eq!(fate.is_ok(), texts.contains_key(id), "{fate:?}");
        if let Err(refusal) = fate {
            assert!(refusal.text().is_some(), "{refusal:?}");
        }
        assert!(told.contains_key(id));
    }
    for refusal in &seen.at_the_door {
        assert!(!texts.contains_key(&refusal.event_id), "{refusal:?}");
        assert!(refusal.text().is_some());
    }
    assert!(seen.forgotten.iter().all(|id| told.contains_key(id)), "none is forgotten");
    let events = seen.fates.len() + seen.at_the_door.len() + seen.forgotten.len();
    assert_eq!(events, run.steps.len());
    // The handshake has its fate too.
    assert_eq!(told.len(), events + 1);
    for left in &seen.closing.left {
        assert_eq!(told.get(&left.event_id), Some(&(0, 1)));
        assert!(left.text().is_some());
    }

    let stats = publisher.stats();
    assert_eq!((stats.entries, stats.bytes), (0, 0));
    assert!(stats.most_entries <= run.settings.queue_entries, "{stats:?}");
    assert!(stats.most_bytes <= run.settings.queue_bytes, "{stats:?}");
    assert_eq!(stats.accepted + stats.refused, stats.queued);
    assert_eq!(stats.accepted, record.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_event_has_exactly_one_fate(run in runs()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let bus = Arc::new(Memory::new());
            let notes = Arc::new(Notes::default());
            let publisher = start_with(bus.clone(), run.settings.clone(), notes.clone());
            let seen = carry_out(&run, &bus, &publisher).await;
            check(&run, &bus, &publisher, &notes, &seen);
        });
    }
}

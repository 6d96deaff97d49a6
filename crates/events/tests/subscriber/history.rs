//! Any history: in any order, with duplicates, losses and failing handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use doorward_events::Received;
use doorward_events::subscribe::{Context, Failure, Policies, Verdict};
use doorward_events::types::VisitSecured;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use crate::samples::{gateway, heartbeat, id, journal, secured};
use crate::stand::Stand;

/// One event of one of two journals.
#[derive(Debug, Clone)]
struct Written {
    journal: u64,
    sequence: u64,
    /// How often it is put into the queue; 0: it is lost.
    copies: u8,
    /// How often its handler fails first.
    failures: u32,
    place: u32,
}

fn histories() -> impl Strategy<Value = Vec<Written>> {
    let event = (0..2_u64, 0..4_u8, 0..3_u32, any::<u32>());
    prop::collection::vec(event, 1..40).prop_map(|events| {
        let mut next = [1, 1];
        let write = |(of, copies, failures, place): (u64, u8, u32, u32)| {
            let sequence = next[usize::try_from(of).unwrap()];
            next[usize::try_from(of).unwrap()] += 1;
            Written { journal: of, sequence, copies, failures, place }
        };
        events.into_iter().map(write).collect()
    })
}

fn number(event: &Written) -> u64 {
    event.journal * 1000 + event.sequence
}

fn delivery(event: &Written) -> String {
    gateway(&secured(), number(event), |_, origin| {
        origin.journal_id = journal(event.journal);
        origin.sequence = event.sequence;
        origin.type_sequence = event.sequence;
    })
}

async fn play(events: Vec<Written>) -> Result<(), TestCaseError> {
    let stand = Stand::new();
    let succeeded = Arc::new(Mutex::new(BTreeMap::<Uuid, u32>::new()));
    let failures: Arc<BTreeMap<Uuid, u32>> =
        Arc::new(events.iter().map(|event| (id(number(event)), event.failures)).collect());
    let done = Arc::clone(&succeeded);
    let failed = Arc::new(Mutex::new(BTreeMap::<Uuid, u32>::new()));
    let subscriber = stand
        .builder(Policies::strict())
        .on(move |event: Received<VisitSecured>, _: Context| {
            let id = event.envelope.id;
            let mut failed = failed.lock().unwrap();
            let so_far = failed.entry(id).or_default();
            let answer = if *so_far < failures[&id] {
                *so_far += 1;
                Err(Failure::Again("busy".into()))
            } else {
                *done.lock().unwrap().entry(id).or_default() += 1;
                Ok(())
            };
            std::future::ready(answer)
        })
        .build()
        .unwrap();

    let mut queue: Vec<(u32, &Written)> = Vec::new();
    for event in &events {
        for copy in 0..event.copies {
            let place =
                event.place.wrapping_mul(u32::from(copy) * 2_654_435_761_u32.wrapping_shr(1) + 1);
            queue.push((place, event));
        }
    }
    queue.sort_by_key(|(place, _)| *place);
    let mut queue: std::collections::VecDeque<&Written> =
        queue.into_iter().map(|(_, it)| it).collect();
    let arrival: Vec<u64> = queue.iter().map(|event| number(event)).collect();
    // What must come again goes to the end of the queue.
    let mut steps = 0;
    while let Some(event) = queue.pop_front() {
        steps += 1;
        prop_assert!(steps < 1000, "the queue does not get empty");
        match subscriber.take(delivery(event).as_bytes(), 1).await {
            Verdict::Acknowledge => {}
            Verdict::Again { .. } => queue.push_back(event),
            Verdict::DeadLetter(reason) => return Err(TestCaseError::fail(format!("{reason:?}"))),
        }
    }
    for of in 0..2 {
        let through = events.iter().filter(|it| it.journal == of).map(|it| it.sequence).max();
        let beat = heartbeat(900 + of, &json!({"visit.secured": through.unwrap_or(0)}));
        let beat = crate::samples::with(&beat, "/detail/gateway/journal_id", json!(journal(of)));
        prop_assert_eq!(subscriber.take(beat.as_bytes(), 1).await, Verdict::Acknowledge);
    }

    // Every event that came was handled once.
    let expected: BTreeMap<Uuid, u32> = events
        .iter()
        .filter(|event| event.copies > 0)
        .map(|event| (id(number(event)), 1))
        .collect();
    prop_assert_eq!(&*succeeded.lock().unwrap(), &expected);

    // What did not come, from the first that did in each journal on, is open and lost; nothing
    // else is.
    let mut missing = BTreeSet::new();
    for event in events.iter().filter(|event| event.copies == 0) {
        let of_journal = |n: &&u64| **n / 1000 == event.journal;
        if let Some(first) = arrival.iter().find(of_journal)
            && number(event) > *first
        {
            missing.insert((journal(event.journal), event.sequence));
        }
    }
    let (mut open, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for (gap, end) in stand.hooks.gaps.lock().unwrap().iter() {
        for n in gap.first..=gap.last {
            let at = (gap.journal_id, n);
            if end.is_some() {
                prop_assert!(open.remove(&at), "{:?} was not open", at);
            } else if gap.lost {
                prop_assert!(lost.insert(at), "{:?} was lost before", at);
                open.insert(at);
            } else {
                prop_assert!(open.insert(at), "{:?} was late before", at);
            }
        }
    }
    prop_assert_eq!(&open, &missing);
    prop_assert_eq!(&lost, &missing);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_history_is_handled_once_and_its_holes_are_found(events in histories()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(events))?;
    }
}

//! Flushing, closing, and every other way in which a publisher ends: nobody waits in vain.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::publish::{
    Closing, Flushed, LARGEST_ENTRY_BYTES, Pending, Publisher, Settings, Why,
};
use doorward_events::testkit::Memory;
use tokio::time::Instant;

use crate::samples::{
    Desk, Notes, Told, accepted, grant, ready, refused, retry, scheduled, settings, start,
};

const SECOND: Duration = Duration::from_secs(1);

fn fill(publisher: &Publisher, count: usize) -> Vec<Pending> {
    (0..count)
        .map(|number| publisher.try_send(publisher.envelope("acme"), &scheduled(number)).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_the_linger() {
    let desk = Desk::new(Duration::from_millis(10), |_, event| {
        if event.detail.contains("d-1\"") { refused() } else { accepted() }
    });
    let publisher = ready(desk.clone(), Settings { linger: SECOND * 30, ..settings() }).await;
    let pending = fill(&publisher, 3);
    let begun = Instant::now();
    let flushed = publisher.flush(SECOND).await;
    assert_eq!(flushed, Flushed { accepted: 2, refused: 1, left: 0 });
    assert!(begun.elapsed() < SECOND / 2);
    drop(pending);
    // What comes later lingers as before.
    let later = fill(&publisher, 1);
    assert_eq!(publisher.flush(Duration::ZERO).await, Flushed { left: 1, ..Flushed::default() });
    drop(later);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_was_there_and_for_nothing_else() {
    let desk = Desk::new(SECOND, |_, _| accepted());
    let publisher = ready(desk, settings()).await;
    assert_eq!(publisher.flush(SECOND).await, Flushed::default(), "there is nothing");
    drop(fill(&publisher, 5));
    let flushing = {
        let publisher = publisher.clone();
        tokio::spawn(async move { publisher.flush(SECOND * 10).await })
    };
    tokio::time::sleep(SECOND / 2).await;
    drop(fill(&publisher, 7));
    let flushed = flushing.await.unwrap();
    assert_eq!(flushed, Flushed { accepted: 5, refused: 0, left: 0 });
    assert_eq!(publisher.stats().entries, 7);
}

#[tokio::test(start_paused = true)]
async fn a_flush_ends_at_its_deadline_and_takes_nothing_away() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone(), settings()).await;
    bus.set_down(Some(retry("Transport")));
    let pending = fill(&publisher, 4);
    let begun = Instant::now();
    let flushed = publisher.flush(SECOND * 3).await;
    assert_eq!(flushed, Flushed { accepted: 0, refused: 0, left: 4 });
    assert_eq!(begun.elapsed(), SECOND * 3);
    bus.set_down(None);
    for pending in pending {
        assert!(pending.await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn closing_empties_the_queue_and_takes_nothing_more() {
    let desk = Desk::new(SECOND, |_, _| accepted());
    let publisher =
        ready(desk.clone(), Settings { linger: SECOND * 30, calls: 1, ..settings() }).await;
    let pending = fill(&publisher, 25);
    let other = publisher.clone();
    let closing = tokio::spawn(async move { other.close(SECOND * 60).await });
    tokio::task::yield_now().await;
    let late = publisher.send(publisher.envelope("acme"), &scheduled(99)).await.unwrap_err();
    assert_eq!(late.why, Why::Closed { attempts: 0 });
    assert!(late.text().unwrap().contains("\"d-99\""));
    let late = publisher.try_send(publisher.envelope("acme"), &scheduled(99)).unwrap_err();
    assert_eq!(late.why, Why::Closed { attempts: 0 });
    assert_eq!(closing.await.unwrap(), Closing { accepted: 25, refused: 0, left: Vec::new() });
    for pending in pending {
        assert!(pending.await.is_ok());
    }
    // Again, and on any handle, there is nothing more to do.
    assert_eq!(publisher.close(SECOND).await, Closing::default());
    assert_eq!(publisher.flush(SECOND).await, Flushed::default());
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_everything_left_is_returned_with_its_text() {
    let begun = Instant::now();
    let desk =
        Desk::new(
            SECOND * 4,
            |_, event| {
                if event.detail.contains("d-0\"") { refused() } else { accepted() }
            },
        );
    let publisher = ready(desk.clone(), Settings { calls: 1, ..settings() }).await;
    let pending = fill(&publisher, 25);
    let closing = publisher.close(SECOND * 6).await;
    assert!(begun.elapsed() < SECOND * 7, "{:?}", begun.elapsed());
    // The first call was answered, the second was under way, the last five never left.
    assert_eq!((closing.accepted, closing.refused, closing.left.len()), (9, 1, 15));
    for (number, left) in closing.left.iter().enumerate() {
        assert!(left.text().unwrap().contains(&format!("\"d-{}\"", number + 10)));
        let attempts = u32::from(number < 10);
        assert_eq!(left.why, Why::Closed { attempts }, "{number}");
    }
    let mut returned = closing.left.into_iter();
    for (number, pending) in pending.into_iter().enumerate() {
        match number {
            0 => assert!(matches!(pending.await.unwrap_err().why, Why::Refused { .. })),
            1..=9 => assert!(pending.await.is_ok()),
            _ => assert_eq!(pending.await.unwrap_err(), returned.next().unwrap()),
        }
    }
    let stats = publisher.stats();
    assert_eq!((stats.entries, stats.bytes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn closing_tries_once_more_what_a_long_outage_has_put_aside() {
    let bus = Arc::new(Memory::new());
    let publisher =
        ready(bus.clone(), Settings { give_up_after: SECOND * 7_200, ..settings() }).await;
    for _ in 0..10 {
        bus.set_down(Some(retry("Transport")));
        drop(fill(&publisher, 30));
        tokio::time::sleep(SECOND * 3_000).await;
        bus.set_down(None);
        let begun = Instant::now();
        let other = publisher.clone();
        let flushed = other.flush(SECOND * 100).await;
        assert_eq!((flushed.accepted, flushed.left), (30, 0), "{:?}", begun.elapsed());
    }
    bus.set_down(Some(retry("Transport")));
    drop(fill(&publisher, 30));
    tokio::time::sleep(SECOND * 3_000).await;
    bus.set_down(None);
    let begun = Instant::now();
    let closing = publisher.close(SECOND).await;
    assert_eq!((closing.accepted, closing.left.len()), (30, 0));
    assert!(begun.elapsed() < SECOND / 10, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn of_two_deadlines_the_earlier_counts_and_both_are_told() {
    let desk = Desk::new(SECOND * 60, |_, _| accepted());
    let publisher = ready(desk, settings()).await;
    let pending = fill(&publisher, 3);
    let begun = Instant::now();
    let (first, second) =
        tokio::join!(publisher.close(SECOND * 30), publisher.close(Duration::from_secs(2)));
    assert_eq!(begun.elapsed(), SECOND * 2);
    assert_eq!((first.left.len(), &first), (3, &second));
    drop(pending);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_when_it_is_closed_is_told_at_once() {
    let by_entries = Settings { queue_entries: 7, ..settings() };
    let by_bytes = Settings { queue_bytes: LARGEST_ENTRY_BYTES, ..settings() };
    for settings in [by_entries, by_bytes] {
        let desk = Desk::new(SECOND * 5, |_, _| accepted());
        let publisher = ready(desk, settings).await;
        for _ in 0..7 {
            drop(publisher.try_send(publisher.envelope("acme"), &grant()).unwrap());
        }
        let waiting = {
            let publisher = publisher.clone();
            tokio::spawn(async move { publisher.send(publisher.envelope("acme"), &grant()).await })
        };
        tokio::time::sleep(SECOND).await;
        let closing = {
            let publisher = publisher.clone();
            tokio::spawn(async move { publisher.close(SECOND * 20).await })
        };
        let begun = Instant::now();
        let refusal = waiting.await.unwrap().unwrap_err();
        assert_eq!(
            (refusal.why.clone(), begun.elapsed()),
            (Why::Closed { attempts: 0 }, Duration::ZERO)
        );
        assert!(refusal.text().is_some());
        assert_eq!(closing.await.unwrap().accepted, 7);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_handle_the_queue_is_emptied_for_the_grace() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone(), settings()).await;
    bus.set_latency(SECOND);
    let pending = fill(&publisher, 30);
    let other = publisher.clone();
    drop(publisher);
    assert!(other.try_send(other.envelope("acme"), &scheduled(30)).is_ok(), "not the last handle");
    drop(other);
    for pending in pending {
        assert!(pending.await.is_ok());
    }
    assert_eq!(bus.accepted().len(), 32);
}

#[tokio::test(start_paused = true)]
async fn after_the_grace_what_is_left_is_returned() {
    let bus = Arc::new(Memory::new());
    let notes = Arc::new(Notes::default());
    let grace = SECOND * 3;
    let settings = Settings { grace, ..settings() };
    let publisher = crate::samples::start_with(bus.clone(), settings, notes.clone());
    publisher.ready().await.unwrap();
    bus.set_down(Some(retry("Transport")));
    let mut pending = fill(&publisher, 30);
    let unheard = pending.pop().unwrap();
    let unheard_id = unheard.event_id();
    drop(unheard);
    drop(publisher);
    let begun = Instant::now();
    for pending in pending {
        let refusal = pending.await.unwrap_err();
        assert!(matches!(refusal.why, Why::Closed { .. }), "{refusal:?}");
        assert!(refusal.text().is_some());
    }
    assert_eq!(begun.elapsed(), grace);
    tokio::time::sleep(SECOND).await;
    assert!(notes.all().contains(&Told::Refused(unheard_id)), "hooks hear what nobody waits for");
}

#[test]
fn when_the_runtime_ends_nobody_waits_in_vain() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let first = runtime();
    let desk = Desk::new(SECOND * 5, |_, _| accepted());
    let (publisher, pending) = first.block_on(async {
        let publisher = ready(desk, settings()).await;
        let pending = fill(&publisher, 12);
        tokio::time::sleep(SECOND).await;
        (publisher, pending)
    });
    runtime().block_on(async {
        let mut flushing = std::pin::pin!(publisher.flush(SECOND * 1_000));
        assert!(tokio::time::timeout(SECOND, &mut flushing).await.is_err());
        let begun = Instant::now();
        first.shutdown_background();
        assert_eq!(flushing.await, Flushed { left: 12, ..Flushed::default() });
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for (number, pending) in pending.into_iter().enumerate() {
            let refusal = pending.await.unwrap_err();
            // The two that lingered were in the second call by then.
            assert_eq!(refusal.why, Why::Closed { attempts: 1 }, "{number}");
            assert!(refusal.text().unwrap().contains(&format!("\"d-{number}\"")));
        }
        let late = publisher.send(publisher.envelope("acme"), &scheduled(1)).await.unwrap_err();
        assert_eq!(late.why, Why::Closed { attempts: 0 });
        assert_eq!(publisher.ready().await, Ok(()), "it had been");
        assert_eq!(publisher.flush(SECOND).await, Flushed::default());
        assert_eq!(publisher.close(SECOND).await, Closing::default());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let stats = publisher.stats();
        assert_eq!((stats.entries, stats.bytes, stats.accepted, stats.refused), (0, 0, 1, 12));
    });
}

#[test]
fn a_runtime_that_ends_at_once_leaves_no_one_waiting_for_ready() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = build();
    let publisher = {
        let _inside = first.enter();
        start(Arc::new(Memory::new()), settings())
    };
    drop(first);
    let refusal = build().block_on(publisher.ready()).unwrap_err();
    assert_eq!(refusal.why, Why::Closed { attempts: 0 });
}

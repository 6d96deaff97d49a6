//! The throttle: the setting, and what the bus's complaints make of it.

use std::time::Duration;

use doorward_events::publish::{Publisher, Settings};
use tokio::time::Instant;

use crate::samples::{
    Call, Desk, Notes, Told, accepted, ready, retry, scheduled, settings, start_with,
};

const SECOND: Duration = Duration::from_secs(1);

async fn burst(publisher: &Publisher, count: usize) {
    let mut pending = Vec::new();
    for number in 0..count {
        let envelope = publisher.envelope("acme");
        pending.push(publisher.send(envelope, &scheduled(number)).await.unwrap());
    }
    for pending in pending {
        pending.await.unwrap();
    }
}

/// The most entries within any second.
fn most_in_a_second(calls: &[Call]) -> usize {
    let within =
        |from: Instant| calls.iter().filter(move |call| call.at >= from && call.at < from + SECOND);
    let entries = |call: &Call| within(call.at).map(|call| call.batch.len()).sum::<usize>();
    calls.iter().map(entries).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn entries_leave_at_the_pace_of_the_setting() {
    let settings = Settings { entries_per_second: Some(50), ..settings() };
    let desk = Desk::new(Duration::from_millis(5), |_, _| accepted());
    let publisher = ready(desk.clone(), settings).await;
    assert_eq!(publisher.stats().pace, Some(50.0));
    tokio::time::sleep(SECOND * 10).await;
    let begun = Instant::now();
    burst(&publisher, 500).await;
    // One second's worth at once, then 450 more at 50 a second.
    let took = begun.elapsed();
    assert!(took >= SECOND * 9 && took < SECOND * 10, "{took:?}");
    // The bucket's second and the second itself, and never more.
    assert!(most_in_a_second(&desk.calls()) <= 100, "{}", most_in_a_second(&desk.calls()));
    // A pace makes no calls of one entry each.
    assert!(desk.calls().len() <= 110, "{}", desk.calls().len());
}

#[tokio::test(start_paused = true)]
async fn a_pace_of_one_a_second_still_works() {
    let settings = Settings { entries_per_second: Some(1), ..settings() };
    let desk = Desk::new(Duration::ZERO, |_, _| accepted());
    let publisher = ready(desk.clone(), settings).await;
    let begun = Instant::now();
    burst(&publisher, 5).await;
    assert!(begun.elapsed() >= SECOND * 4 && begun.elapsed() < SECOND * 7, "{:?}", begun.elapsed());
    assert_eq!(desk.sizes(), [1; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_complaint_halves_the_pace_and_quiet_restores_it_step_by_step() {
    for code in ["ThrottlingException", "Throttling", "TooManyRequestsException", "Http429"] {
        let notes = std::sync::Arc::new(Notes::default());
        let mut complaints = 1;
        let desk = Desk::new(Duration::ZERO, move |call, _| {
            // One entry of a full call, so that the call itself has not failed.
            if complaints > 0 && call.batch.len() == 10 {
                complaints -= 1;
                return retry(code);
            }
            accepted()
        });
        let settings = Settings { entries_per_second: Some(100), ..settings() };
        let publisher = start_with(desk, settings, notes.clone());
        publisher.ready().await.unwrap();
        tokio::time::sleep(SECOND * 2).await;
        // 100 within a second: that is the usual pace.
        burst(&publisher, 100).await;
        let throttled = |told: &Told| matches!(told, Told::Throttled(_));
        let paces: Vec<_> = notes.all().into_iter().filter(throttled).collect();
        assert_eq!(paces.len(), 1, "{code}");
        let Told::Throttled(pace) = paces[0] else { panic!("{paces:?}") };
        assert!((5.0..=50.0).contains(&pace), "{code}: {pace}");
        // Each step is a tenth of where it began, which was twice the pace.
        let mut last = publisher.stats().pace.unwrap();
        for _ in 0..12 {
            tokio::time::sleep(SECOND).await;
            publisher.publish(publisher.envelope("acme"), &scheduled(1)).await.unwrap();
            let now = publisher.stats().pace.unwrap();
            assert!(now >= last, "{last} {now}");
            assert!(now <= last + pace * 0.2 * 2.1 || now >= 100.0, "{last} {now}");
            last = now;
        }
        assert_eq!(publisher.stats().pace, Some(100.0), "{code}: as before");
    }
}

#[tokio::test(start_paused = true)]
async fn other_failures_do_not_slow_the_pace() {
    let mut failures = 3;
    let desk = Desk::new(Duration::ZERO, move |_, _| {
        failures -= 1;
        if failures >= 0 { retry("InternalFailure") } else { accepted() }
    });
    let publisher = ready(desk, settings()).await;
    burst(&publisher, 30).await;
    assert_eq!(publisher.stats().pace, None);
}

#[tokio::test(start_paused = true)]
async fn a_bus_with_a_quota_is_served_within_it_and_nothing_is_lost() {
    // Takes 40 entries a second, as AWS's quotas go, and throttles the rest of each call.
    let mut window = (Instant::now(), 0);
    let desk = Desk::new(Duration::from_millis(20), move |_, _| {
        if window.0.elapsed() >= SECOND {
            window = (Instant::now(), 0);
        }
        window.1 += 1;
        if window.1 > 40 { retry("ThrottlingException") } else { accepted() }
    });
    let publisher = ready(desk.clone(), settings()).await;
    let begun = Instant::now();
    burst(&publisher, 800).await;
    let stats = publisher.stats();
    assert_eq!(stats.accepted, 801);
    let took = begun.elapsed();
    // 20 s is what the quota allows; slowing down must not cost several times that.
    assert!(took >= SECOND * 19 && took < SECOND * 80, "{took:?}");
    // Nor may the quota be hammered: without slowing down every entry is refused many times.
    assert!(stats.retried < 1_600, "{}", stats.retried);
}

use std::time::Duration;

use super::*;
use crate::domain::ids::VendorId;

fn event(vendor: &str) -> Event {
    Event::Recovered { vendor: VendorId::new(vendor), isolated_for: Duration::ZERO }
}

fn name(event: Option<Event>) -> String {
    match event {
        Some(Event::Recovered { vendor, .. }) => vendor.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_vendor_that_says_much_is_served_in_turn_with_the_others() {
    let mut intake = Intake::default();
    let (loud, calm, mute) = (intake.open(), intake.open(), intake.open());
    let mut sent = 0;
    while loud.try_send(event("loud")).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, LINE, "its own line is full, nobody else's");
    for _ in 0..3 {
        calm.try_send(event("calm")).unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(name(intake.recv().await));
    }
    assert_eq!(order, ["loud", "calm", "loud", "calm", "loud", "calm"]);
    calm.try_send(event("calm")).unwrap();
    let order: Vec<String> = (0..3).map(|_| name(intake.try_recv())).collect();
    assert_eq!(order, ["loud", "calm", "loud"]);
    drop(mute);
}

#[tokio::test]
async fn a_line_ends_with_its_sender_and_a_new_one_is_served() {
    let mut intake = Intake::default();
    assert!(intake.recv().await.is_none() && intake.try_recv().is_none());
    let first = intake.open();
    let second = intake.open();
    first.try_send(event("first")).unwrap();
    drop(first);
    second.try_send(event("second")).unwrap();
    let mut names = vec![name(intake.recv().await), name(intake.recv().await)];
    names.sort();
    assert_eq!(names, ["first", "second"]);
    let third = intake.open();
    third.try_send(event("third")).unwrap();
    assert_eq!(name(intake.recv().await), "third");
    // The line that ended is found when there is nothing else.
    assert!(poll_fn(|context| Poll::Ready(intake.poll(context).is_pending())).await);
    assert_eq!(intake.lines.len(), 2);
    intake.close();
    assert!(second.is_closed() && third.is_closed());
}

#[tokio::test]
async fn what_waits_of_one_vendor_is_bounded_in_bytes_and_nobody_elses() {
    let mut intake = Intake::default();
    let line = intake.open();
    let (budget, other) = (Budget::default(), Budget::default());
    let half = LINE_BYTES / 2;
    let first = budget.weigh(half, &line).await.unwrap();
    let _second = budget.weigh(half, &line).await.unwrap();
    assert!(other.weigh(half, &line).await.is_ok());
    {
        let third = budget.weigh(1, &line);
        tokio::pin!(third);
        let polled = poll_fn(|context| Poll::Ready(third.as_mut().poll(context).is_pending()));
        assert!(polled.await, "a third one waits");
        drop(first);
        assert!(third.await.is_ok());
    }
    // Whatever its length, one always fits alone.
    assert!(Budget::default().weigh(usize::MAX, &line).await.is_ok());
    intake.close();
    let full = Budget::default();
    let _all = full.0.clone().acquire_many_owned(u32::try_from(LINE_BYTES).unwrap()).await;
    assert!(full.weigh(1, &line).await.is_err(), "the core has ended");
}

//! A queue whose calls are lost, cut and refused on their way.

use std::time::Duration;

use doorward_emulator::{Fault, Proxy};
use doorward_events::subscribe::sqs::Settings;
use doorward_events::subscribe::store::dynamodb::DynamoDb;
use serde_json::json;

use crate::queue::{SETTINGS, Site, until};
use crate::samples::{id, replayed, visit};
use crate::stand::Stand;

#[tokio::test]
async fn deletions_that_are_lost_handle_nothing_twice() {
    let site = Site::new();
    let proxy = Proxy::start(site.moto.port);
    proxy.only_for("DeleteMessageBatch");
    // Answers lost, then requests lost more often than they are tried: the message comes again.
    let mut faults = vec![Fault::LoseAnswer];
    faults.extend([Fault::CutBefore; 5]);
    proxy.faults(faults);
    let running = site.run_by_way_of(proxy.endpoint(), &site.stand.willing(), SETTINGS).await;
    site.publish(&visit(1));
    until("the first deletion is tried", || proxy.faulted() >= 1).await;
    site.publish(&visit(2));
    until("it came again", || site.stand.hooks.count("duplicate") >= 1).await;
    site.drained().await;
    running.stop().await;
    assert_eq!(site.stand.called(), [id(1), id(2)]);
    assert_eq!(proxy.faulted(), 6);
    let lines = site.stand.hooks.lines();
    assert!(lines.contains(&"queue DeleteMessageBatch Timeout".to_owned()), "{lines:?}");
    assert!(lines.contains(&"queue DeleteMessageBatch Transport".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn a_deletion_is_tried_again() {
    let site = Site::new();
    let proxy = Proxy::start(site.moto.port);
    proxy.only_for("DeleteMessageBatch");
    proxy.faults([Fault::CutBefore, Fault::Status(500, "InternalFailure")]);
    // Hidden for longer than the test waits: only another deletion empties the queue.
    let hidden = Settings { visibility: Duration::from_secs(600), ..SETTINGS };
    let running = site.run_by_way_of(proxy.endpoint(), &site.stand.willing(), hidden).await;
    site.publish(&visit(1));
    site.drained().await;
    running.stop().await;
    assert_eq!(proxy.faulted(), 2);
    assert_eq!(site.stand.hooks.count("duplicate"), 0);
    assert_eq!(site.stand.called(), [id(1)]);
}

#[tokio::test]
async fn receptions_that_are_lost_lose_nothing() {
    let site = Site::new();
    let proxy = Proxy::start(site.moto.port);
    // A lost answer is waited for as long as a poll may take.
    proxy.hold(Duration::from_secs(1));
    proxy.only_for("ReceiveMessage");
    proxy.faults([
        Fault::LoseAnswer,
        Fault::CutAfterAccept,
        Fault::Status(403, "AccessDenied"),
        Fault::CutBefore,
        Fault::Status(500, "InternalFailure"),
    ]);
    for n in 1..=12 {
        site.publish(&visit(n));
    }
    let running = site.run_by_way_of(proxy.endpoint(), &site.stand.willing(), SETTINGS).await;
    site.drained().await;
    running.stop().await;
    let mut called = site.stand.called();
    called.sort_unstable();
    assert_eq!(called, (1..=12).map(id).collect::<Vec<_>>());
    assert_eq!(proxy.faulted(), 5);
    assert_eq!(site.stand.hooks.count("queue ReceiveMessage"), 5);
    assert_eq!(site.stand.hooks.count("queue ReceiveMessage AccessDenied"), 1);
}

#[tokio::test]
async fn a_queue_that_is_away_is_waited_for_without_haste() {
    let site = Site::new();
    let proxy = Proxy::start(site.moto.port);
    proxy.always(Fault::Status(503, "ServiceUnavailable"));
    let running = site.run_by_way_of(proxy.endpoint(), &site.stand.willing(), SETTINGS).await;
    until("it fails", || site.stand.hooks.count("queue ReceiveMessage") >= 4).await;
    let (begun, before) = (tokio::time::Instant::now(), proxy.requests());
    until("two seconds passed", || begun.elapsed() >= Duration::from_secs(2)).await;
    let asked = proxy.requests() - before;
    assert!(asked < 60, "{asked} requests in two seconds");
    proxy.always(Fault::None);
    site.publish(&visit(1));
    site.drained().await;
    // Away again: a shutdown does not wait for it.
    proxy.always(Fault::HalfOpen);
    running.stop().await;
    assert_eq!(site.stand.called(), [id(1)]);
}

#[tokio::test]
async fn extensions_that_are_lost_are_made_good() {
    let site = Site::new();
    let proxy = Proxy::start(site.moto.port);
    proxy.only_for("ChangeMessageVisibility");
    proxy.faults([Fault::CutBefore]);
    let calls = std::sync::Arc::clone(&site.stand.calls);
    let subscriber = site
        .builder()
        .on(move |event: doorward_events::Received<doorward_events::types::VisitSecured>, told| {
            calls.lock().unwrap().push((event.envelope.id, told));
            async {
                tokio::time::sleep(Duration::from_millis(4500)).await;
                Ok(())
            }
        })
        .build()
        .unwrap();
    let settings = Settings { visibility: Duration::from_secs(3), ..SETTINGS };
    let running = site.run_by_way_of(proxy.endpoint(), &subscriber, settings).await;
    site.publish(&visit(1));
    site.drained().await;
    running.stop().await;
    assert_eq!(site.stand.called(), [id(1)]);
    let hooks = &site.stand.hooks;
    assert_eq!(hooks.count("queue ChangeMessageVisibility"), 1);
    assert!(hooks.count("extended") >= 2);
    assert_eq!(hooks.count("handled at 1"), 1);
}

#[tokio::test]
async fn two_processes_and_a_shared_table_handle_once() {
    let mut site = Site::new();
    site.moto.create_table("seen", "pk");
    let connection =
        doorward_events::aws::Connection::emulator(doorward_emulator::REGION, site.moto.endpoint());
    let store = DynamoDb::new(connection, "seen", Duration::from_secs(600)).await.unwrap();
    site.stand = Stand::on(std::sync::Arc::new(store));
    let first = site.run(&site.stand.willing(), SETTINGS).await;
    let second = site.run(&site.stand.willing(), SETTINGS).await;
    for n in 1..=8 {
        site.publish(&visit(n));
    }
    until("all are handled", || site.stand.hooks.count("handled") == 8).await;
    for n in 1..=8 {
        site.publish(&visit(n));
    }
    // A replay of what was handled changes nothing for a handler that may not repeat.
    site.moto.send(&site.queue, &replayed(&visit(3), "monday"));
    until("all came again", || site.stand.hooks.count("duplicate") >= 9).await;
    site.drained().await;
    first.stop().await;
    second.stop().await;
    let mut called = site.stand.called();
    called.sort_unstable();
    assert_eq!(called, (1..=8).map(id).collect::<Vec<_>>());
    let scan = json!({"TableName": "seen", "Select": "COUNT"});
    let kept = site.moto.call("dynamodb", "DynamoDB_20120810.Scan", &scan);
    // Eight ids, eight places, one document of gaps, one of order.
    assert_eq!(kept["Count"], 18, "{kept}");
}

//! The kill harness against faults that were planted into the gateway: it must find each that a
//! killed process can show. What is not synced survives a killed process, in the kernel's memory:
//! that fault is for the power cuts (`tests/journal`).

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use doorward::journal::Bug;
use rumqttc::v5::mqttbytes::QoS;

use crate::kill::{acts, check, never_told_differently, seed};
use crate::support::broker::{Broker, SHIPPED};
use crate::support::device::{Act, Devices, Record};
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::Sink;
use crate::support::wait_for;

const DOORS: usize = 10;

struct Stand {
    broker: Broker,
    sink: Sink,
    gateway: Gateway,
}

fn stand(folder: &Path, bug: Option<Bug>) -> Stand {
    let broker = Broker::start(&folder.join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let setup = Setup {
        folder: &folder.join("gateway"),
        broker_port: broker.port,
        doors: DOORS,
        bus: eventbridge("test", sink.port) + "[journal]\nhistory_days = 0\n",
        mqtt: String::new(),
    };
    let planted = bug.map(|bug| ("DOORWARD_PLANTED_BUG", bug.as_str().into()));
    let gateway = Gateway::start_under(&setup, planted.into_iter().collect());
    gateway.connected();
    Stand { broker, sink, gateway }
}

fn start(stand: &Stand) -> Devices {
    Devices::start(stand.broker.port, DOORS, Duration::from_millis(1), QoS::AtLeastOnce)
}

/// Waits as long as acts still arrive; what is missing then is lost.
fn settled(record: &Record, sink: &Sink) -> BTreeSet<Act> {
    let mut before = usize::MAX;
    loop {
        let arrived = sink.accepted();
        if arrived.len() == before {
            let there: BTreeSet<Act> = acts(&arrived).into_iter().map(|(act, ..)| act).collect();
            return record.acknowledged.difference(&there).copied().collect();
        }
        before = arrived.len();
        // Longer than a restart of the vendor and the pauses of the uplink.
        std::thread::sleep(Duration::from_secs(4));
    }
}

/// What the harness says of a run with this fault; `None`: it found nothing.
fn found(run: impl FnOnce()) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(run));
    outcome.err().map(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
    })
}

/// Kills under load; then everything is there, once, in order.
fn kills(bug: Option<Bug>, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut stand = stand(folder.path(), bug);
    let devices = start(&stand);
    for _ in 0..30 {
        std::thread::sleep(Duration::from_micros(random.u64(20_000..90_000)));
        stand.gateway.kill();
        stand.gateway.up();
    }
    let record = devices.finish();
    let lost = settled(&record, &stand.sink);
    assert_eq!(lost.len(), 0, "acts were lost");
    check(&record, &stand.sink.accepted());
}

/// An outage with a kill in it.
fn outage(bug: Option<Bug>) {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = stand(folder.path(), bug);
    stand.sink.down();
    let devices = start(&stand);
    wait_for("acts in the outage", Duration::from_secs(60), || {
        (devices.done() >= 3000).then_some(())
    });
    let record = devices.finish();
    wait_for("all are committed", Duration::from_secs(60), || {
        let queue = stand.gateway.json(&["queue"])?;
        (queue["journal"]["slot"].as_u64()? > record.acknowledged.len() as u64).then_some(())
    });
    stand.gateway.kill();
    stand.sink.up();
    stand.gateway.up();
    let lost = settled(&record, &stand.sink);
    assert_eq!(lost.len(), 0, "acts were lost");
    check(&record, &stand.sink.accepted());
}

/// A journal whose header is destroyed between two lives.
fn damage(bug: Option<Bug>) {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = stand(folder.path(), bug);
    let act = |stand: &Stand| {
        let devices = start(stand);
        wait_for("acts", Duration::from_secs(60), || (devices.done() >= 100).then_some(()));
        let record = devices.finish();
        assert_eq!(settled(&record, &stand.sink).len(), 0, "acts were lost");
    };
    act(&stand);
    assert!(stand.gateway.stop().success());
    let file = stand.gateway.folder.join("state/journal.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[..100].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    stand.gateway.up();
    stand.gateway.connected();
    act(&stand);
    stand.gateway.says(&["the journal was broken"]);
    never_told_differently(&stand.sink.accepted());
}

#[test]
fn kills_find_what_is_acknowledged_before_its_commit() {
    let seed = seed();
    println!("seed {seed}");
    assert_eq!(found(|| kills(None, seed)), None, "without the fault nothing is found");
    let found = found(|| kills(Some(Bug::AcknowledgeBeforeCommit), seed));
    println!("found: {found:?}");
    assert!(found.is_some());
}

#[test]
fn a_kill_in_an_outage_finds_what_is_deleted_before_its_acceptance() {
    assert_eq!(found(|| outage(None)), None, "without the fault nothing is found");
    let found = found(|| outage(Some(Bug::DeleteBeforeAcceptance)));
    assert!(found.as_ref().is_some_and(|words| words.contains("lost")), "{found:?}");
}

#[test]
fn a_destroyed_journal_finds_an_id_that_is_used_again() {
    assert_eq!(found(|| damage(None)), None, "without the fault nothing is found");
    let found = found(|| damage(Some(Bug::IdReuse)));
    assert!(found.as_ref().is_some_and(|words| words.contains("given twice")), "{found:?}");
}

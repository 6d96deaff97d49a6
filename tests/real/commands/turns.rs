//! One command in flight at a time: what waits for it, and what becomes of those if it never ends.

use std::time::Duration;

use doorward::link::{CommandProgress, CommandRefusal};
use doorward_translators::Act;

use super::process::{Vendor, zigbee2mqtt};
use super::proxy::{Cut, Proxy};
use super::states::{LONG, published, rejected};
use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;
use crate::support::wait_for;

struct Stand {
    vendor: Vendor,
    proxy: Proxy,
    device: Client,
    _broker: Broker,
    _folder: tempfile::TempDir,
}

fn stand() -> Stand {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let proxy = Proxy::start(broker.port);
    let device = Client::connect(broker.port, "device", &["zigbee2mqtt/+/set"]);
    let vendor = Vendor::mqtt(folder.path(), "z", proxy.port, zigbee2mqtt());
    vendor.ready(1);
    Stand { vendor, proxy, device, _broker: broker, _folder: folder }
}

impl Stand {
    fn written(&self) -> usize {
        self.proxy.seen().iter().map(|seen| seen.publishes.len()).sum()
    }
}

#[test]
fn the_next_one_is_written_after_the_answer_to_the_last() {
    let stand = stand();
    stand.proxy.next(Cut::Hold);
    let first = stand.vendor.give("first", Act::Unlock, LONG);
    wait_for("the answer is held", LONG, || (stand.proxy.held() == 1).then_some(()));
    let others: Vec<_> =
        (0..16).map(|n| stand.vendor.give(&format!("other-{n}"), Act::Unlock, LONG)).collect();
    // The row is full, and a device has one command here.
    let seventeenth = stand.vendor.give("other-16", Act::Unlock, LONG);
    assert_eq!(stand.vendor.end(seventeenth), (false, rejected(CommandRefusal::Busy)));
    let again = stand.vendor.give("first", Act::Lock, LONG);
    assert_eq!(stand.vendor.end(again), (false, rejected(CommandRefusal::Busy)));
    assert_eq!(stand.written(), 1, "one in flight");
    assert!(others.iter().all(|id| stand.vendor.told(*id).is_empty()), "they are not dispatched");
    assert_eq!(stand.proxy.release(), 1);
    assert_eq!(stand.vendor.end(first), (true, CommandProgress::Acknowledged));
    for id in others {
        assert_eq!(stand.vendor.end(id), (true, CommandProgress::Acknowledged));
    }
    let topics: Vec<String> =
        stand.proxy.seen()[0].publishes.iter().map(|packet| published(packet).topic).collect();
    let mut expected = vec!["zigbee2mqtt/first/set".to_owned()];
    expected.extend((0..16).map(|n| format!("zigbee2mqtt/other-{n}/set")));
    assert_eq!(topics, expected, "each once, in order");
    assert_eq!(stand.proxy.seen().len(), 1);
}

#[test]
fn what_waits_too_long_is_too_late() {
    let stand = stand();
    stand.proxy.next(Cut::Hold);
    let first = stand.vendor.give("first", Act::Unlock, LONG);
    wait_for("the answer is held", LONG, || (stand.proxy.held() == 1).then_some(()));
    let waits = stand.vendor.give("second", Act::Unlock, Duration::from_millis(1500));
    assert_eq!(stand.vendor.end(waits), (false, rejected(CommandRefusal::TooLate)));
    stand.proxy.release();
    assert_eq!(stand.vendor.end(first), (true, CommandProgress::Acknowledged));
    assert_eq!(stand.written(), 1);
}

/// No answer in the command's time: the connection is dropped, and those that wait find none.
#[test]
fn without_an_answer_in_its_time_it_is_given_up() {
    let stand = stand();
    stand.proxy.next(Cut::Hold);
    let first = stand.vendor.give("first", Act::Unlock, Duration::from_millis(1500));
    wait_for("the answer is held", LONG, || (stand.proxy.held() == 1).then_some(()));
    let waits = stand.vendor.give("second", Act::Unlock, LONG);
    assert_eq!(stand.vendor.end(first), (true, CommandProgress::Indeterminate));
    assert_eq!(stand.vendor.end(waits), (false, rejected(CommandRefusal::NotConnected)));
    stand.vendor.ready(2);
    let third = stand.vendor.give("third", Act::Unlock, LONG);
    assert_eq!(stand.vendor.end(third), (true, CommandProgress::Acknowledged));
    stand.proxy.release();
    let topics: Vec<String> = stand.device.heard().into_iter().map(|heard| heard.topic).collect();
    assert_eq!(topics.iter().filter(|topic| topic.contains("first")).count(), 1, "{topics:?}");
    assert!(!topics.iter().any(|topic| topic.contains("second")), "{topics:?}");
    assert_eq!(stand.vendor.told(first).len(), 2, "a late answer changes nothing");
}

//! How long a command takes from the link to the wire.

use std::time::{Duration, Instant};

use doorward::link::CommandProgress;
use doorward_translators::Act;

use super::process::{Vendor, zigbee2mqtt};
use super::states::LONG;
use crate::support::broker::{Broker, SHIPPED};
use crate::support::wait_for;

/// Far beyond what it takes on a machine that does nothing else: this finds a connection that is
/// only made for the command, or an answer that waits for a timer.
const BOUND: Duration = Duration::from_millis(100);

#[test]
fn a_command_costs_no_connect() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let vendor = Vendor::mqtt(folder.path(), "z", broker.port, zigbee2mqtt());
    vendor.ready(1);
    let mut times = Vec::new();
    for _ in 0..300 {
        let begun = Instant::now();
        let id = vendor.give("front", Act::Lock, LONG);
        // Its own clock, not that of the waiting: the thread that reads notes nothing else.
        let end = loop {
            if let Some(told) = vendor.told(id).last().filter(|told| told.state.is_end()) {
                break told.state;
            }
            std::thread::yield_now();
        };
        times.push(begun.elapsed());
        assert_eq!(end, CommandProgress::Acknowledged);
    }
    times.sort_unstable();
    let (half, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("from the link to the broker's answer and back: p50 {half:?}, p99 {p99:?}");
    assert!(half < BOUND, "{half:?}");
    wait_for("one connection did it", LONG, || (vendor.readies() == 1).then_some(()));
}

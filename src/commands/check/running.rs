//! What the running gateway says of itself. Of the bus it is told in `bus.rs`.

use super::part::Part;
use super::surroundings::{Running, Surroundings};
use crate::commands::output;
use crate::config::{Configuration, Finding};

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let what = "the running gateway";
    let (queue, doors) = match &around.gateway {
        Running::Answers { queue, doors } => (queue, doors),
        Running::Not(why) => return part.not_looked(what, why.clone()),
    };
    let socket = &configuration.gateway.socket;
    let mut warn = |message: String, remedy: &str| {
        part.find(Finding::warning(socket, message, remedy));
    };
    for vendor in &queue.status.held {
        warn(
            format!("{vendor} is not read: what waits of it fills its quota"),
            "see why events do not leave (doorward queue), or raise journal.vendor_percent",
        );
    }
    for vendor in &queue.status.throttled {
        warn(
            format!("{vendor} sends more than its limit, and is read more slowly"),
            "find the device that floods (doorward queue), or raise limits.per_s in its file",
        );
    }
    for device in &queue.status.flooding {
        warn(
            format!("{device} floods: of its states only the newest are taken, its acts counted"),
            "see what is wrong with it; if it is in order, raise limits.device_per_s",
        );
    }
    for vendor in queue.status.vendors.iter().filter(|vendor| vendor.state == "isolated") {
        warn(
            format!("{} is isolated: no process of its runs", vendor.vendor),
            "doorward vendors says why; doorward vendors release NAME starts it again",
        );
    }
    let lossy = doors.iter().flatten().flat_map(|door| &door.endpoints);
    for endpoint in lossy.filter(|endpoint| endpoint.lossy_source) {
        warn(
            format!(
                "{} publishes at QoS 0: what it says while the gateway is away is lost at the broker",
                endpoint.endpoint
            ),
            "set upgrade_outgoing_qos true in the broker (config/mosquitto/doorward.conf), or QoS 1 \
             at the publisher",
        );
    }
    let waiting = output::by_class(&queue.journal.waiting_bytes);
    part.well(what, Some(format!("{} events wait for the bus{waiting}", queue.journal.waiting)));
}

//! Devices behind doors that have not been heard for longer than devices stay quiet.

use jiff::{SignedDuration, Timestamp};

use super::part::Part;
use super::surroundings::{Running, Surroundings};
use crate::config::{Configuration, Finding, Silences};
use crate::domain::ids::EndpointId;
use crate::local::{DoorView, EndpointView, FactView};

/// Devices behind doors are known this long after a start, in seconds.
const SETTLED_S: u64 = 120;

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let (queue, doors) = match &around.gateway {
        Running::Answers { queue, doors: Some(doors) } => (queue, doors),
        Running::Answers { .. } => return part.skip("the gateway did not tell of its doors"),
        Running::Not(why) => return part.skip(format!("the running gateway: {why}")),
    };
    if doors.iter().all(|door| door.endpoints.is_empty()) {
        return part.skip("no door has a device");
    }
    let socket = &configuration.gateway.socket;
    let mut heard = 0;
    let mut bounds = std::collections::BTreeSet::new();
    let mut told = std::collections::BTreeSet::new();
    for door in doors {
        for endpoint in door.endpoints.iter().filter(|e| told.insert(e.endpoint.clone())) {
            let bound = silence(configuration, &endpoint.endpoint);
            bounds.insert(bound);
            match trouble(door, endpoint, bound, queue.status.uptime_s, Timestamp::now()) {
                None => heard += 1,
                Some(words) => part.find(Finding::warning(
                    socket,
                    format!("{} of {}: {words}", endpoint.endpoint, door.entry),
                    format!(
                        "look at its battery, its place and its radio; doorward events --endpoint \
                         {} shows what it said last",
                        endpoint.endpoint
                    ),
                )),
            }
        }
    }
    if part.findings.is_empty() {
        let bounds: Vec<String> = bounds.iter().map(|bound| format!("{bound:#}")).collect();
        part.well = Some(format!("{heard} heard; silent for {} at most", bounds.join(", ")));
    }
}

/// How long a device may be silent, by its vendor's file.
fn silence(configuration: &Configuration, endpoint: &str) -> SignedDuration {
    let endpoint = EndpointId::new(endpoint);
    let vendor =
        configuration.vendors.iter().find(|vendor| vendor.id.as_str() == endpoint.vendor());
    vendor.map_or_else(|| Silences::default().of(&endpoint), |vendor| vendor.silences.of(&endpoint))
}

/// What is wrong with a device, if anything is.
fn trouble(
    door: &DoorView,
    endpoint: &EndpointView,
    bound: SignedDuration,
    up_s: u64,
    now: Timestamp,
) -> Option<String> {
    if endpoint.online == Some(false) {
        return Some("it is offline".to_owned());
    }
    let fact: &FactView = match endpoint.role.as_str() {
        "position" => &door.position,
        "lock" => &door.lock,
        _ => return None,
    };
    let Some(at) = fact.observed_at else {
        let silent = endpoint.online.is_none() && up_s >= SETTLED_S;
        return silent.then(|| "it was never heard".to_owned());
    };
    let quiet = now.duration_since(at);
    // Whoever says that it is there is there, however long nothing changed.
    (endpoint.online.is_none() && quiet >= bound).then(|| {
        let quiet = SignedDuration::from_mins(quiet.as_mins());
        format!("it was last heard {quiet:#} ago, and is silent for {bound:#} at most (silence)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(online: Option<bool>, observed_h_ago: Option<i64>) -> DoorView {
        let now = Timestamp::UNIX_EPOCH;
        let ago = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
        let fact = FactView {
            value: "closed".to_owned(),
            quality: "observed".to_owned(),
            observed_at: observed_h_ago.map(ago),
        };
        DoorView {
            entry: "front".to_owned(),
            kind: "door".to_owned(),
            position: fact.clone(),
            lock: fact,
            alarms: Vec::new(),
            endpoints: vec![EndpointView {
                role: "position".to_owned(),
                endpoint: "acme:1".to_owned(),
                online,
                lossy_source: false,
                remote_lockout: None,
            }],
        }
    }

    #[test]
    fn a_device_is_missed_when_it_is_silent_for_too_long() {
        let bound = SignedDuration::from_hours(25);
        for (online, heard, up_s, expected) in [
            (Some(true), Some(400), 9999, None),
            (Some(false), Some(0), 1, Some("offline")),
            (None, Some(24), 9999, None),
            (None, Some(25), 9999, Some("25h ago, and is silent for 25h")),
            (None, Some(26), 9999, Some("26h ago")),
            (None, None, SETTLED_S, Some("never heard")),
            (None, None, SETTLED_S - 1, None),
            (Some(true), None, 9999, None),
        ] {
            let door = door(online, heard);
            let found = trouble(&door, &door.endpoints[0], bound, up_s, Timestamp::UNIX_EPOCH);
            let fits = match (&found, expected) {
                (Some(words), Some(part)) => words.contains(part),
                (None, None) => true,
                _ => false,
            };
            assert!(fits, "{online:?} {heard:?} {up_s}: {found:?}");
        }
    }
}

//! Whether the broker refuses what a vendor's client must not do: each tries to publish beside
//! another vendor's command topics, and on a topic that is nobody's.

use super::broker::{at_brokers, file_of, words};
use super::part::Part;
use super::surroundings::Surroundings;
use crate::config::{Configuration, Finding, VendorConfig};
use crate::link::MqttConnection;
use crate::vendor::Verdict;

/// A topic that no vendor has.
const NOBODYS: &str = "doorward-check/nobody";
/// A level that no device is known by. A topic with it reaches no device.
const LEVEL: &str = "doorward-check";
/// Most topics of one other vendor that are tried.
const MAX_TOPICS: usize = 8;

pub(super) async fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let vendors: Vec<(&VendorConfig, &MqttConnection)> = at_brokers(configuration).collect();
    if vendors.is_empty() {
        part.skip("no vendor is reached by a broker");
    }
    let tried = vendors.iter().map(|(vendor, broker)| {
        let topics = forbidden(vendor, broker, &vendors);
        async move {
            let verdicts = crate::vendor::examine(broker, &[], &topics).await;
            (topics, verdicts.map(|(_, verdicts)| verdicts))
        }
    });
    let results = futures_util::future::join_all(tried).await;
    for ((vendor, broker), (topics, verdicts)) in vendors.iter().zip(results) {
        let what = format!("what {} may publish at {}:{}", vendor.id, broker.host, broker.port);
        match verdicts {
            Err(error) => part.not_looked(what, words(&error)),
            Ok(verdicts) => {
                let file = file_of(around, vendor);
                judge(vendor, &what, &file, &topics, &verdicts, part);
            }
        }
    }
}

/// What this vendor's client must not publish on: its own name is no use anywhere here.
fn forbidden(
    vendor: &VendorConfig,
    broker: &MqttConnection,
    all: &[(&VendorConfig, &MqttConnection)],
) -> Vec<String> {
    let others = all.iter().filter(|(other, at)| {
        other.id != vendor.id && (&at.host, at.port) == (&broker.host, broker.port)
    });
    let of_others = others.flat_map(|(other, _)| other.topics.heard.iter().take(MAX_TOPICS));
    let mut topics: Vec<String> = of_others.map(|filter| beside(filter)).collect();
    topics.push(NOBODYS.to_owned());
    topics.dedup();
    topics
}

/// A topic that a loose list lets through with this filter's, and that no device listens to.
pub(in crate::commands) fn beside(filter: &str) -> String {
    let exact = !filter.ends_with('#');
    let mut levels: Vec<&str> = filter
        .split('/')
        .map(|level| if matches!(level, "+" | "#") { LEVEL } else { level })
        .collect();
    if exact {
        levels.push(LEVEL);
    }
    levels.join("/")
}

fn judge(
    vendor: &VendorConfig,
    what: &str,
    file: &std::path::Path,
    topics: &[String],
    verdicts: &[Verdict],
    part: &mut Part,
) {
    let through: Vec<&str> = topics
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| **verdict != Verdict::Refused)
        .map(|(topic, _)| topic.as_str())
        .collect();
    let Some(first) = through.iter().find(|topic| **topic != NOBODYS).or(through.first()) else {
        part.well(what, Some("what it must not say is refused".to_owned()));
        return;
    };
    let consequence = if *first == NOBODYS {
        "the broker has no list of who may do what: whoever reaches it can open doors"
    } else {
        "it can command another vendor's devices"
    };
    let text = format!("the broker lets {} publish on {first}: {consequence}", vendor.id);
    let remedy = "doorward setup writes the list (acl_file), then systemctl restart mosquitto; by \
                  hand: docs/broker.md";
    part.find(Finding::warning(file, text, remedy).at(None, "mqtt"));
    part.bad(what, format!("{} of {} were let through", through.len(), topics.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_reaches_no_device() {
        for (filter, topic) in [
            ("zigbee2mqtt/+/set/#", "zigbee2mqtt/doorward-check/set/doorward-check"),
            ("garage/left/command/#", "garage/left/command/doorward-check"),
            ("gate/lock/front/command", "gate/lock/front/command/doorward-check"),
        ] {
            assert_eq!(beside(filter), topic);
        }
    }
}

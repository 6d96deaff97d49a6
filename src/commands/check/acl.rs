//! Whether the broker refuses what a vendor's client must not do: each tries to publish beside
//! another vendor's command topics, and on a topic that is nobody's.

use super::broker::{at_brokers, file_of, words};
use super::part::Part;
use super::rights;
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
            Err(error) if rights::withheld(&error) => part.not_looked(what, rights::NOT_OURS),
            Err(error) => part.not_looked(what, words(&error)),
            Ok(verdicts) => {
                let file = file_of(around, vendor);
                judge(vendor.id.as_str(), &what, &file, &topics, &verdicts, part);
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
    vendor: &str,
    what: &str,
    file: &std::path::Path,
    topics: &[String],
    verdicts: &[Verdict],
    part: &mut Part,
) {
    let with = |wanted: Verdict| -> Vec<&str> {
        let both = topics.iter().zip(verdicts);
        both.filter(|(_, verdict)| **verdict == wanted).map(|(topic, _)| topic.as_str()).collect()
    };
    let (through, unclear) = (with(Verdict::Taken), with(Verdict::Other));
    if let Some(first) = through.iter().find(|topic| **topic != NOBODYS).or(through.first()) {
        let consequence = if *first == NOBODYS {
            "the broker has no list of who may do what: whoever reaches it can open doors"
        } else {
            "it can command another vendor's devices"
        };
        let text = format!("the broker lets {vendor} publish on {first}: {consequence}");
        let remedy = "doorward setup writes the list (acl_file), then systemctl restart mosquitto; \
                      by hand: docs/broker.md";
        part.find(Finding::error(file, text, remedy).at(None, "mqtt"));
        part.bad(what, format!("{} of {} were let through", through.len(), topics.len()));
    } else if let Some(first) = unclear.first() {
        let text = format!("the broker says neither yes nor no to {vendor} on {first}");
        let remedy = "see in its log what it makes of doorward-check (journalctl -u mosquitto)";
        part.find(Finding::warning(file, text, remedy).at(None, "mqtt"));
        part.bad(what, format!("{} of {} had no clear answer", unclear.len(), topics.len()));
    } else {
        part.well(what, Some("what it must not say is refused".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::part::State;
    use super::*;

    #[test]
    fn who_lets_anyone_command_is_an_error() {
        use Verdict::{Other, Refused, Taken};
        let topics = ["garage/left/command/doorward-check".to_owned(), NOBODYS.to_owned()];
        for (verdicts, state, words) in [
            ([Refused, Refused], State::Ok, "is refused"),
            ([Refused, Taken], State::Error, "whoever reaches it can open doors"),
            ([Taken, Refused], State::Error, "can command another vendor's devices"),
            ([Taken, Taken], State::Error, "can command another vendor's devices"),
            ([Taken, Other], State::Error, "can command another vendor's devices"),
            ([Refused, Other], State::Warning, "neither yes nor no to house"),
        ] {
            let mut part = Part::default();
            judge("house", "what", "house.toml".as_ref(), &topics, &verdicts, &mut part);
            assert_eq!(part.state(), state, "{part:?}");
            assert!(part.detail().unwrap().contains(words), "{part:?}");
        }
    }

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

//! What a broker's list of who may do what is made of.

use std::collections::BTreeSet;

use doorward_translators::{Act, RefusalReason};

use super::covers;
use super::ecosystems::over_mqtt;

/// A list made of them lets through whatever is said and asked, and lets no device command.
#[test]
fn topics_tell_what_is_said_from_what_is_commanded() {
    for one in over_mqtt() {
        let topics = one.translator.topics();
        assert_eq!(topics, one.translator.topics(), "{}: always in one order", one.name);
        for filters in [&topics.said, &topics.heard, &topics.asked] {
            assert_eq!(filters.iter().collect::<BTreeSet<_>>().len(), filters.len(), "{filters:?}");
        }
        let within = |filters: &[String], topic: &str| filters.iter().any(|f| covers(f, topic));
        // Names with several levels: no filter tells their states from commands.
        let deep: Vec<&String> = one.addresses.iter().filter(|name| name.contains('/')).collect();
        let lists = one.translator.devices().is_empty();
        let left_out = |topic: &str| lists && deep.iter().any(|name| topic.contains(name.as_str()));
        let mut commanded = BTreeSet::new();
        for address in &one.addresses {
            let acts = Act::ALL.iter().filter_map(|act| one.translator.command(address, *act).ok());
            for sent in acts.chain(one.translator.read_request(address)) {
                assert!(within(&topics.heard, &sent.topic), "{}: {}", one.name, sent.topic);
                if !left_out(&sent.topic) {
                    assert!(within(&topics.asked, &sent.topic), "{}: {}", one.name, sent.topic);
                }
                commanded.insert(sent.topic);
            }
        }
        for sample in &one.samples {
            match one.translator.translate(&sample.message()) {
                Err(refused) if refused.reason == RefusalReason::RetainedCommand => {
                    commanded.insert(sample.topic.clone());
                }
                Ok(found) if !found.is_empty() && !left_out(&sample.topic) => {
                    assert!(within(&topics.said, &sample.topic), "{}: {}", one.name, sample.topic);
                }
                _ => {}
            }
        }
        assert!(!commanded.is_empty(), "{}", one.name);
        for topic in &commanded {
            assert!(!within(&topics.said, topic), "{}: a device may say {topic}", one.name);
        }
    }
}

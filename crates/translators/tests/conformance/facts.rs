//! The states in a message's observations.

use std::collections::BTreeMap;

use doorward_translators::{Observation, What};

/// Which state of which device.
pub type Fact = (String, String);

/// What each state is. Two statements of one state in a message must agree, else it is neither.
pub fn facts(observations: &[Observation]) -> BTreeMap<Fact, String> {
    let mut found = BTreeMap::new();
    for observation in observations {
        let active = |active: &Option<bool>| match active {
            Some(active) => active.to_string(),
            None => "unknown".to_owned(),
        };
        let (name, value) = match &observation.what {
            What::Lock { state, .. } => ("lock".to_owned(), state.to_string()),
            What::Position { position, .. } => ("position".to_owned(), position.to_string()),
            What::Alarm { alarm, active: is, .. } => (alarm.to_string(), active(is)),
            What::RemoteLockout { active: is } => ("remote_lockout".to_owned(), active(is)),
            _ => continue,
        };
        let fact = (observation.address.clone(), name);
        let before = found.insert(fact.clone(), value.clone());
        assert!(before.is_none_or(|before| before == value), "{fact:?} twice, and differently");
    }
    found
}

/// Whether a state can follow from what a message leaves out: an alarm is over when a whole status
/// does not speak of it.
pub fn may_be_left_out(fact: &Fact, value: &str) -> bool {
    value == "false" && fact.1 != "remote_lockout"
}

/// Whether the state is the vocabulary's word for nothing known.
pub fn is_unknown(value: &str) -> bool {
    value == "unknown"
}

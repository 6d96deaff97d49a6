//! The bus. `check` does not reach it: what may be sent there the running gateway finds out.

use super::part::Part;
use crate::config::{BusConfig, Configuration};

pub(super) fn look(configuration: &Configuration, part: &mut Part) {
    match &configuration.gateway.bus {
        BusConfig::Standalone => part.skip("standalone: there is none"),
        BusConfig::Eventbridge { name, .. } => part.not_looked(
            format!("bus {name}"),
            "reached by the running gateway; see doorward queue",
        ),
    }
}

//! What is wrong with the files.

use super::counted;
use super::part::Part;
use super::surroundings::Surroundings;
use crate::config::{Kind, Severity};

pub(super) fn look(around: &Surroundings, part: &mut Part) {
    for finding in &around.findings {
        let mut finding = finding.clone();
        // It stops no gateway, but it is a typo.
        if finding.kind == Kind::UnknownKey {
            finding.severity = Severity::Error;
        }
        part.findings.push(finding);
    }
    part.well = around.configuration.as_ref().map(|configuration| {
        let vendors = counted(configuration.vendors.len(), "vendor");
        let doors = configuration.entries.len();
        format!(
            "{vendors}, {}",
            if doors == 1 { "1 entry".to_owned() } else { format!("{doors} entries") }
        )
    });
}

//! Whether the list of issuers can be believed. Which version was taken before only the running
//! gateway knows.

use jiff::Timestamp;

use super::part::Part;
use super::surroundings::Surroundings;
use super::{counted, trust_list};
use crate::config::{Configuration, Finding};

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let Some(issuers) = &configuration.gateway.trust.issuers else {
        part.skip("doorward.toml names no root key: nobody is believed but the operators here");
        return;
    };
    let Some(file) = &issuers.file else {
        part.not_looked("list of issuers", "comes over the bus");
        return;
    };
    let what = format!("list of issuers {}", file.display());
    let wrong = match trust_list(file, &issuers.root_key) {
        Ok(Some(list)) if list.expires() > Timestamp::now() => {
            let (version, expires) = (list.version(), list.expires());
            let keys = counted(list.statement().keys.len(), "key");
            part.well(what, Some(format!("version {version}, {keys}, until {expires:.0}")));
            return;
        }
        Ok(Some(list)) => format!("its time was over at {:.0}", list.expires()),
        Ok(None) => "there is no such file".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let remedy = "doorward trust add makes it, where the root key is";
    let text = format!("nobody is believed over the bus: {wrong}");
    part.find(Finding::error(&around.main_file(), text, remedy).at(None, "trust.issuers"));
    part.bad(what, wrong);
}

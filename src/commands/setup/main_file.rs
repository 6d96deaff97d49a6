//! doorward.toml, from the example's own text.

use std::path::Path;

use super::answers::Answers;
use super::template::{Template, quoted};

const EXAMPLE: &str = include_str!("../../../config/doorward.toml");
/// Where the example's doors begin: they are nobody's here.
const DOORS: &str = "# --- Entries";

/// Where the gateway looks for the broker's certificate unasked.
const USUAL: &str = "/etc/mosquitto/doorward";

/// The file for these answers. `broker`: the folder of the broker's certificate.
pub(super) fn text(answers: &Answers, broker: &Path) -> String {
    let mut file = Template::new(EXAMPLE);
    let gateway = [
        ("instance", Some(&answers.instance)),
        ("tenant", Some(&answers.tenant)),
        ("site", answers.site.as_ref()),
        ("time_zone", answers.time_zone.as_ref()),
        ("state_dir", answers.state_dir.as_ref()),
        ("socket", answers.socket.as_ref()),
    ];
    for (key, value) in gateway {
        match value {
            Some(value) => file.set("gateway", key, &quoted(value)),
            None => file.silence("gateway", key),
        }
    }
    if let Some(bus) = &answers.bus {
        file.set("bus", "kind", &quoted("eventbridge"));
        file.set("bus", "name", &quoted(&bus.name));
        file.set("bus", "region", &quoted(&bus.region));
        if let Some(url) = &bus.endpoint_url {
            file.set("bus", "endpoint_url", &quoted(url));
        }
    }
    if let Some(key) = &answers.root_key {
        file.set("trust", "root_key", &quoted(key));
    }
    if broker != Path::new(USUAL) {
        let certificate = broker.join("server.pem").display().to_string();
        file.set("identity", "broker_certificate", &quoted(&certificate));
    }
    file.silence_from(DOORS);
    file.text()
}

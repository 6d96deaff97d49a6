//! Whether the bus lets the gateway publish. `check` does not reach it: what it put there would be
//! one more event, and the rights of the one who asks are not the gateway's. So it tells what the
//! running gateway has found out.

use super::counted;
use super::part::Part;
use super::surroundings::{Running, Surroundings};
use crate::config::{BusConfig, Configuration, Finding, GatewayConfig};
use crate::health::Status;

/// What tries each step to the bus, and says what came back.
const TRIAL: &str = "sudo -u doorward doorward connect --test";
/// Why there are no new keys, where that passes by itself: the line, or the endpoint.
const PASSING: &[&str] =
    &["name_unknown", "endpoint_absent", "timed_out", "endpoint_failing", "malformed_answer"];

pub(super) fn look(around: &Surroundings, configuration: &Configuration, part: &mut Part) {
    let gateway = &configuration.gateway;
    let BusConfig::Eventbridge { name, .. } = &gateway.bus else {
        return part.skip("standalone: there is none");
    };
    let what = format!("bus {name}");
    let status = match &around.gateway {
        Running::Answers { queue, .. } => &queue.status,
        Running::Not(why) => {
            return part.not_looked(what, format!("the running gateway: {why}; {TRIAL}"));
        }
    };
    let uplink = &status.uplink;
    if uplink.bus == "standalone" {
        let why = "the running gateway has none yet; sudo systemctl restart doorward";
        part.not_looked(what, why);
    } else if let Some(finding) = trouble(name, status, gateway) {
        part.bad(what, finding.message.clone());
        part.find(finding);
    } else if uplink.calls == 0 {
        part.not_looked(what, format!("the gateway has put no event there yet; {TRIAL}"));
    } else {
        let taken = counted(usize::try_from(uplink.accepted).unwrap_or(usize::MAX), "event");
        let refused = match uplink.refused {
            0 => String::new(),
            refused => format!(", refused {refused} for good (doorward quarantine)"),
        };
        part.well(what, Some(format!("has taken {taken} since the gateway's start{refused}")));
    }
}

/// What is wrong between gateway and bus: an error where it lasts until somebody mends it.
fn trouble(name: &str, status: &Status, gateway: &GatewayConfig) -> Option<Finding> {
    let keys = status.credentials.as_ref().and_then(|keys| {
        let (code, words) = (keys.failure.as_deref()?, keys.words.as_deref().unwrap_or_default());
        Some((PASSING.contains(&code), format!("no new keys for the bus {name}: {words}")))
    });
    let tried = format!("events are kept; {TRIAL} tries each step");
    match (keys, &status.uplink.trouble) {
        (Some((false, words)), _) => Some(Finding::error(&gateway.socket, words, tried)),
        (_, Some(trouble)) if status.uplink.denied => {
            let text = format!("the bus {name} does not let the gateway publish: {trouble}");
            Some(Finding::error(&gateway.socket, text, permissions(name, gateway)))
        }
        (Some((true, words)), _) => Some(Finding::warning(&gateway.socket, words, tried)),
        (None, Some(trouble)) => {
            let text = format!("the bus {name} does not take events: {trouble}");
            let remedy = format!("events are kept, and tried again; if it lasts: {TRIAL}");
            Some(Finding::warning(&gateway.socket, text, remedy))
        }
        (None, None) => None,
    }
}

fn permissions(name: &str, gateway: &GatewayConfig) -> String {
    let queue = gateway.downlink.as_ref().map_or_else(String::new, |downlink| {
        format!(", sqs:ReceiveMessage and sqs:DeleteMessage on {}", downlink.queue_url)
    });
    format!(
        "give the gateway's role events:PutEvents on the bus {name}{queue}; check its credentials, \
         and the bus's name, region and policy; {TRIAL} tries each step"
    )
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::part::State;
    use super::*;
    use crate::bus::credentials::CredentialFailure;
    use crate::commands::check::running;
    use crate::identity::PemError;

    const EVENTBRIDGE: &str =
        "[bus]\nkind = \"eventbridge\"\nname = \"doors\"\nregion = \"eu-central-1\"\n";
    const DOWNLINK: &str = "[downlink]\nqueue_url = \"https://sqs.example/1/gw\"\n";

    fn configured(bus: &str) -> Configuration {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("[gateway]\ninstance = \"gw\"\ntenant = \"acme\"\n{bus}");
        std::fs::write(folder.path().join("doorward.toml"), text).unwrap();
        crate::config::read(folder.path()).unwrap()
    }

    /// What is said of a bus, and of the gateway beside it, in these surroundings.
    fn said(bus: &str, gateway: Running) -> (Part, Part) {
        let configuration = configured(bus);
        let around = Surroundings {
            folder: "/".into(),
            root: "/".into(),
            configuration: None,
            findings: Vec::new(),
            gateway,
        };
        let (mut of_bus, mut of_gateway) = (Part::default(), Part::default());
        look(&around, &configuration, &mut of_bus);
        running::look(&around, &configuration, &mut of_gateway);
        (of_bus, of_gateway)
    }

    /// A gateway's words that are well but for these of its uplink and of its keys.
    fn saying(uplink: &Value, credentials: &Value) -> Running {
        let mut words = json!({
            "bus": "eventbridge", "calls": 9, "accepted": 7, "refused": 0, "retried": 0,
            "failing": 0, "trouble": null, "denied": false,
        });
        words.as_object_mut().unwrap().extend(uplink.as_object().unwrap().clone());
        let queue = json!({
            "status": {
                "version": "1", "instance": "gw", "uptime_s": 1, "uplink": words,
                "storage_failure": null, "credentials": credentials, "vendors": [],
            },
            "journal": {
                "journal_id": "00000000-0000-0000-0000-000000000000", "slot": 1, "waiting": 1,
                "waiting_bytes": {}, "bytes_used": 1, "bytes_bound": 2, "min_free_percent": 5,
                "quarantined": 0, "delivered_through": {}, "oldest_waiting": null,
            },
        });
        Running::Answers { queue: Box::new(serde_json::from_value(queue).unwrap()), doors: None }
    }

    fn keys(code: &str) -> Value {
        let words = "so; mend it";
        json!({"exchanges": 1, "failed": 1, "good_until": null, "failure": code, "words": words})
    }

    #[test]
    fn a_bus_that_denies_is_an_error_and_one_that_is_away_a_warning() {
        let denied = json!({"denied": true, "trouble": "AccessDenied: no"});
        let away = json!({"failing": 3, "trouble": "Transport: no"});
        let none = json!({});
        for (uplink, credentials, state, words) in [
            (&denied, Value::Null, State::Error, "let the gateway publish: AccessDenied: no"),
            (&away, Value::Null, State::Warning, "doors does not take events: Transport: no"),
            (&none, keys("refused"), State::Error, "no new keys for the bus doors: so; mend it"),
            (&none, keys("timed_out"), State::Warning, "no new keys for the bus doors"),
            // Without keys nothing leaves: that is told once, by its cause.
            (&away, keys("refused"), State::Error, "no new keys"),
            (&away, keys("timed_out"), State::Warning, "no new keys"),
            (&denied, keys("timed_out"), State::Error, "does not let the gateway publish"),
        ] {
            let (part, gateway) = said(EVENTBRIDGE, saying(uplink, &credentials));
            let [finding] = &part.findings[..] else { panic!("{words}: {part:?}") };
            assert_eq!(part.state(), state, "{finding}");
            assert!(finding.message.contains(words), "{finding}");
            assert!(finding.remedy.contains("doorward connect --test"), "{finding}");
            assert_eq!(gateway.state(), State::Ok, "it is told once: {gateway:?}");
        }
    }

    #[test]
    fn the_remedy_names_what_is_to_be_allowed() {
        let uplink = json!({"denied": true, "trouble": "AccessDenied: no"});
        let denied = || saying(&uplink, &Value::Null);
        let (part, _) = said(EVENTBRIDGE, denied());
        let remedy = part.remedy().unwrap();
        assert!(remedy.contains("events:PutEvents on the bus doors;"), "{remedy}");
        let (part, _) = said(&format!("{EVENTBRIDGE}{DOWNLINK}"), denied());
        let remedy = part.remedy().unwrap();
        for named in ["events:PutEvents", "sqs:ReceiveMessage", "sqs:DeleteMessage", "/1/gw;"] {
            assert!(remedy.contains(named), "{remedy}");
        }
    }

    #[test]
    fn a_bus_that_takes_events_is_well_and_one_that_had_none_was_not_looked_at() {
        let says = |uplink: Value| saying(&uplink, &Value::Null);
        let not = || Running::Not("it does not run".to_owned());
        for (bus, gateway, state, words) in [
            (EVENTBRIDGE, says(json!({})), State::Ok, "has taken 7 events since"),
            (EVENTBRIDGE, says(json!({"refused": 2})), State::Ok, "refused 2 for good"),
            (EVENTBRIDGE, says(json!({"calls": 0})), State::Skipped, "no event there yet"),
            (EVENTBRIDGE, says(json!({"bus": "standalone"})), State::Skipped, "restart"),
            (EVENTBRIDGE, not(), State::Skipped, "does not run; sudo -u doorward doorward connect"),
            ("", not(), State::Skipped, "standalone"),
        ] {
            let (part, _) = said(bus, gateway);
            assert!(part.findings.is_empty(), "{part:?}");
            assert_eq!(part.state(), state, "{part:?}");
            assert!(part.detail().unwrap().contains(words), "{words}: {part:?}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_what_the_exchange_says_so_of() {
        let (host, why) = ("host".to_owned(), "why".to_owned());
        let at = Timestamp::UNIX_EPOCH;
        for failure in [
            CredentialFailure::NameUnknown { host, why: why.clone() },
            CredentialFailure::EndpointAbsent(why.clone()),
            CredentialFailure::TimedOut,
            CredentialFailure::TlsRefused(why.clone()),
            CredentialFailure::EndpointUntrusted(why.clone()),
            CredentialFailure::CertificateUnusable(PemError::Missing("key".into())),
            CredentialFailure::CertificateExpired(at),
            CredentialFailure::CertificateNotYetValid(at),
            CredentialFailure::Refused { status: 403, message: why.clone() },
            CredentialFailure::UnknownAlias(why),
            CredentialFailure::EndpointFailing(500),
            CredentialFailure::Malformed("no JSON"),
        ] {
            let passes = PASSING.contains(&failure.code());
            assert_eq!(passes, !failure.needs_a_person(), "{failure}");
        }
    }
}

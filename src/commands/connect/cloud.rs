//! The ways to the cloud: the endpoint for keys, the bus, the queue.

use std::time::Duration;

use doorward_events::{Envelope, Handshake, Outcome, Outgoing, PublisherId};

use super::{Step, Way};
use crate::bus::Cloud;
use crate::bus::probe::Host;
use crate::config::{BusConfig, Configuration, CredentialsConfig, DownlinkConfig, IotConfig};

/// What the handshake of a trial promises: the next one is the gateway's own.
const INTERVAL: Duration = Duration::from_secs(3600);

pub(super) async fn ways(configuration: &Configuration, test: bool) -> Vec<Step> {
    let gateway = &configuration.gateway;
    let BusConfig::Eventbridge { name, region, endpoint_url, credentials } = &gateway.bus else {
        return Vec::new();
    };
    let Some(cloud) = Cloud::of(&gateway.bus) else { return Vec::new() };
    let mut steps = keys(credentials, &cloud, test).await;

    let own = format!("https://events.{region}.amazonaws.com/");
    let address = endpoint_url.as_deref().unwrap_or(&own);
    let mut way = Way::new("bus", test);
    if let Some(host) = Host::of(address) {
        way.reach(&host, None).await;
    }
    let remedy = "give the gateway's role events:PutEvents on this bus, and check its name, \
                  region and account";
    let tried = format!("a handshake event on {name}");
    way.step("put_events", tried, remedy, Box::pin(put(configuration, &cloud))).await;
    steps.append(&mut way.steps);

    if let Some(downlink) = &gateway.downlink {
        steps.append(&mut queue(downlink, &cloud, test).await);
    }
    steps
}

async fn keys(credentials: &CredentialsConfig, cloud: &Cloud, test: bool) -> Vec<Step> {
    let mut way = Way::new("keys", test);
    if let (CredentialsConfig::Iot(iot), Some(keeper)) = (credentials, &cloud.keeper) {
        let host = Host::of(&format!("https://{}/", iot.endpoint));
        if let Some(host) = host {
            // Its TLS asks for our certificate: that is the next step's.
            way.reach(&Host { tls: false, ..host }, None).await;
        }
        let exchanging = async {
            match keeper.credentials().await {
                Ok(keys) => Ok((format!("an access key, {}…", short(keys.access_key_id())), ())),
                Err(failure) => Err(format!("{}: {failure}\n{}", failure.code(), failure.remedy())),
            }
        };
        way.step("keys", tried(iot), "", exchanging).await;
    } else {
        let from = match credentials {
            CredentialsConfig::Profile { name } => format!("profile {name}"),
            CredentialsConfig::Environment => "the environment".to_owned(),
            _ => "the AWS SDK's own order".to_owned(),
        };
        let told = async { Ok(("told by the next steps".to_owned(), ())) };
        way.step("keys", from, "", told).await;
    }
    way.steps
}

/// The first characters say whether it is a short-lived one, and nothing that is of use.
fn short(key: &str) -> String {
    key.chars().take(4).collect()
}

fn tried(iot: &IotConfig) -> String {
    format!(
        "the certificate {} for keys of role alias {} as thing {}",
        iot.certificate.display(),
        iot.role_alias,
        iot.thing_name
    )
}

async fn put(configuration: &Configuration, cloud: &Cloud) -> Result<(String, ()), String> {
    let gateway = &configuration.gateway;
    let bus = crate::bus::open(&gateway.bus, Some(cloud)).await;
    let publisher = PublisherId::new("doorward.gateway", gateway.instance.as_str());
    let source = publisher.source();
    let handshake =
        Handshake { publisher_version: env!("CARGO_PKG_VERSION").to_owned(), interval: INTERVAL };
    let mut envelope = Envelope::now(publisher, gateway.tenant.as_str());
    envelope.test = gateway.test;
    let draft = handshake.draft(envelope).map_err(|invalid| invalid.to_string())?;
    let entry = Outgoing {
        id: draft.id(),
        source: source.into(),
        detail_type: draft.event_type().as_str(),
        detail: draft.finish().into(),
        trace_header: None,
    };
    let outcome = bus.put(&[entry]).await.into_iter().next();
    match outcome {
        Some(Outcome::Accepted { bus_id }) => {
            Ok((format!("accepted as {}", bus_id.unwrap_or_default()), ()))
        }
        Some(
            Outcome::Retry { code, message }
            | Outcome::Denied { code, message }
            | Outcome::Refused { code, message },
        ) => Err(format!("{code}: {message}")),
        None => Err("no answer".to_owned()),
    }
}

async fn queue(downlink: &DownlinkConfig, cloud: &Cloud, test: bool) -> Vec<Step> {
    let mut way = Way::new("queue", test);
    if let Some(host) = Host::of(&downlink.queue_url) {
        way.reach(&host, None).await;
    }
    let remedy = "give the gateway's role sqs:ReceiveMessage and sqs:DeleteMessage on this queue, \
                  and check downlink.queue_url";
    let receiving = Box::pin(async {
        crate::bus::probe_queue(cloud, downlink).await?;
        Ok(("it may be read".to_owned(), ()))
    });
    way.step("receive", downlink.queue_url.clone(), remedy, receiving).await;
    way.steps
}

//! Another vendor's door: commanded and observed at the broker, and told of to the core.

#![expect(clippy::disallowed_methods, reason = "what goes wrong here may block its own thread")]

use std::time::Duration;

use doorward_translators::{Observation, Position, Quality, What};
use jiff::Timestamp;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use uuid::Uuid;

use super::Hand;
use super::order::{Outcome, Targets};
use crate::link::{CommandProgress, CommandTold, Digest, Signal, VendorFrame};

/// Stands in every message to another's door, so that whoever is there knows it.
pub const MARK: &str = "doorward-drill-trespass";
/// How long another's messages are waited for: its devices speak many times in that.
const LISTEN: Duration = Duration::from_millis(1_500);
/// Later than any connection of the process itself.
const EPOCH: u32 = 1_000_000;

/// Publishes a command and a report to the other's topics, and subscribes to them.
pub fn command_and_observe(hand: &Hand) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tried =
        runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(try_all(hand)));
    match tried {
        Ok(outcomes) => outcomes.into_iter().for_each(|(act, outcome)| hand.tried(act, outcome)),
        Err(error) => {
            let outcome = Outcome::Denied(error.to_string());
            hand.tried("connect to the broker once more", outcome);
        }
    }
}

async fn try_all(hand: &Hand) -> anyhow::Result<Vec<(&'static str, Outcome)>> {
    let Targets { base, lock, sensor, addresses, .. } = &hand.targets;
    // The first address is the process's own broker.
    let broker = addresses.first().map(|(_, address)| address.clone()).unwrap_or_default();
    let broker: std::net::SocketAddr = broker.parse()?;
    let id = format!("{}-trespass", hand.vendor);
    let options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
    let (client, mut events) = AsyncClient::new(options, 16);
    client.try_subscribe(format!("{base}/#"), QoS::AtMostOnce)?;
    let command = format!("{{\"state\":\"UNLOCK\",\"{MARK}\":true}}");
    client.try_publish(format!("{base}/{lock}/set"), QoS::AtLeastOnce, false, command)?;
    let report = format!("{{\"contact\":true,\"{MARK}\":true}}");
    client.try_publish(format!("{base}/{}", sensor.0), QoS::AtLeastOnce, false, report)?;
    let answer = |reason: PubAckReason| match reason {
        PubAckReason::NotAuthorized => Outcome::Denied("the broker: not authorized".to_owned()),
        other => Outcome::Allowed(format!("the broker: {other:?}")),
    };
    let mut heard = Outcome::Denied("nothing was heard".to_owned());
    let mut acknowledged = Vec::new();
    let listening = tokio::time::sleep(LISTEN);
    tokio::pin!(listening);
    loop {
        let event = tokio::select! {
            () = &mut listening => break,
            event = events.poll() => event?,
        };
        match event {
            Event::Incoming(Packet::PubAck(ack)) => acknowledged.push(answer(ack.reason)),
            Event::Incoming(Packet::Publish(_)) => {
                heard = Outcome::Allowed("its messages were heard".to_owned());
            }
            _ => {}
        }
    }
    let none = || Outcome::Denied("no answer".to_owned());
    let mut acknowledged = acknowledged.into_iter();
    Ok(vec![
        ("command another vendor's lock", acknowledged.next().unwrap_or_else(none)),
        ("speak for another vendor's sensor", acknowledged.next().unwrap_or_else(none)),
        ("listen to another vendor's devices", heard),
    ])
}

/// Over the link, in order and well formed: a report of another's sensor, then the end of another's
/// command.
pub fn tell(hand: &Hand) {
    let (address, _) = hand.targets.sensor.clone();
    let observation = Observation {
        address,
        device_time: Some(Timestamp::UNIX_EPOCH),
        what: What::Position { position: Position::Open, quality: Quality::Reported },
    };
    let signal = Signal {
        n: 0,
        digest: Digest([0x5a; 16]),
        identified: false,
        epoch: EPOCH,
        lossy: false,
        retained: false,
        received_at: Timestamp::now(),
        observations: vec![observation],
        stands_for: 0,
        evidence: None,
    };
    let _ = hand.frames.blocking_send(VendorFrame::Connection {
        up: true,
        epoch: EPOCH,
        detail: String::new(),
    });
    let _ = hand.frames.blocking_send(VendorFrame::Signal(signal));
    std::thread::sleep(Duration::from_millis(300));
    let told = CommandTold {
        id: hand.targets.command.unwrap_or_else(Uuid::nil),
        state: CommandProgress::Acknowledged,
        detail: String::new(),
    };
    let _ = hand.frames.blocking_send(VendorFrame::Command(told));
    std::thread::sleep(Duration::from_secs(2));
}

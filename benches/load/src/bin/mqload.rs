//! `mqload <port> <count> <rate> [topic] [size] [base]`: publishes as a zigbee2mqtt with many
//! contact sensors does, at `QoS` 1, `rate` messages a second (0: as fast as they are acknowledged).
//!
//! The first level of `topic` is the prefix; devices are `<prefix>/door-000` and on, as many as
//! `MQLOAD_DEVICES` says (200), fewer where `count` is small. Every message of a device flips
//! `contact`, from open to closed and back, and every device is open first and closed last (the
//! last message of an odd `count` excepted), so that in run after run each message is a change.
//! `last_seen` is the mark (`doorward_load::mark`); `load` and `pad` are members that no reader
//! knows, for the device's name and for the size. `base` is taken for the sake of callers that
//! number their runs, and not used: marks are unique without it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use doorward_load::mark::{self, Marker};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use tokio::time::{Instant, sleep, sleep_until, timeout};

const USAGE: &str = "usage: mqload <port> <count> <rate> [topic] [size] [base]";
/// A publication whose acknowledgement went with a killed broker is not waited for for ever.
const LAST_ACKNOWLEDGEMENT: Duration = Duration::from_secs(8);
const INFLIGHT: u16 = 200;

struct Load {
    count: u64,
    rate: u64,
    prefix: String,
    size: usize,
    devices: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).context(USAGE)?.parse::<u64>().context(USAGE);
    let topic = arguments.get(3).map_or("dev/d1/data", String::as_str);
    let load = Load {
        count: number(1)?,
        rate: number(2)?,
        prefix: topic.split('/').next().unwrap_or(topic).to_owned(),
        size: if arguments.len() > 4 { usize::try_from(number(4)?)? } else { 300 },
        devices: std::env::var("MQLOAD_DEVICES").map_or(Ok(200), |devices| devices.parse())?,
    };
    if load.devices == 0 {
        bail!("MQLOAD_DEVICES: at least one");
    }
    let id = format!("load{}", std::process::id());
    let mut options = MqttOptions::new(id, "127.0.0.1", u16::try_from(number(0)?).context(USAGE)?);
    options.set_inflight(INFLIGHT).set_keep_alive(Duration::from_mins(1));
    let (client, events) = AsyncClient::new(options, INFLIGHT.into());
    let count = load.count;
    let started = Instant::now();
    tokio::spawn(async move {
        if let Err(error) = publish(&client, &load, started).await {
            eprintln!("mqload: {error:#}");
        }
        // The client ends its event loop when it is dropped; the acknowledgements are still to come.
        std::future::pending::<()>().await;
    });
    let acknowledged = acknowledgements(events, count).await;
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "the messages of one run fit a float")]
    let rate = acknowledged as f64 / seconds;
    println!("published {count} acked {acknowledged} in {seconds:.3}s = {rate:.0}/s");
    Ok(())
}

async fn publish(client: &AsyncClient, load: &Load, started: Instant) -> Result<()> {
    let mut marker = Marker::default();
    for sequence in 0..load.count {
        if let Some(after) = (sequence * 1_000_000_000).checked_div(load.rate) {
            let due = started + Duration::from_nanos(after);
            if due > Instant::now() {
                sleep_until(due).await;
            }
        }
        let (device, closed) = turn(sequence, load.count, load.devices);
        let device = format!("door-{device:03}");
        let payload = payload(&device, closed, &mark::text(marker.next(mark::now()))?, load.size);
        client
            .publish(format!("{}/{device}", load.prefix), QoS::AtLeastOnce, false, payload)
            .await?;
    }
    Ok(())
}

/// Which device speaks at `sequence`, and whether it is closed: all devices open, then all
/// close, again and again; the last, shorter round has as many devices as still close again.
fn turn(sequence: u64, count: u64, devices: u64) -> (u64, bool) {
    let round = devices * 2;
    let start = sequence - sequence % round;
    let devices = devices.min((count - start) / 2).max(1);
    let within = sequence - start;
    (within % devices, within / devices == 1)
}

fn payload(device: &str, closed: bool, mark: &str, size: usize) -> String {
    let mut payload = format!(
        r#"{{"battery":87,"contact":{closed},"load":"{device}","last_seen":"{mark}","linkquality":113,"voltage":2990,"pad":""#
    );
    let end = "\"}";
    payload.extend(std::iter::repeat_n('x', size.saturating_sub(payload.len() + end.len())));
    payload + end
}

async fn acknowledgements(mut events: EventLoop, count: u64) -> u64 {
    let mut acknowledged = 0;
    let mut last = Instant::now();
    while acknowledged < count && last.elapsed() < LAST_ACKNOWLEDGEMENT {
        match timeout(Duration::from_secs(1), events.poll()).await {
            Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => {
                acknowledged += 1;
                last = Instant::now();
            }
            Ok(Err(_)) => sleep(Duration::from_millis(100)).await,
            _ => {}
        }
    }
    acknowledged
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_message_of_every_run_is_a_change() {
        let mut closed = HashMap::new();
        for count in [20, 1600, 12_000, 20_000, 6000, 402, 2, 1998] {
            for sequence in 0..count {
                let (device, now) = turn(sequence, count, 200);
                assert!(device < 200);
                assert_eq!(closed.insert(device, now).unwrap_or(true), !now, "{count} {sequence}");
            }
            assert!(closed.values().all(|closed| *closed), "{count}");
        }
    }

    #[test]
    fn an_odd_count_leaves_only_its_last_message_open() {
        let turns: Vec<_> = (0..5).map(|sequence| turn(sequence, 5, 200)).collect();
        assert_eq!(turns, [(0, false), (1, false), (0, true), (1, true), (0, false)]);
    }

    #[test]
    fn the_payload_is_json_of_the_size_asked_for() {
        let payload = payload("door-007", true, "2026-11-21T06:52:11.123457Z", 300);
        assert_eq!(payload.len(), 300);
        let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
        assert_eq!(value["contact"], true);
        assert_eq!(value["load"], "door-007");
    }
}

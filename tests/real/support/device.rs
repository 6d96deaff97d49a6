//! Simulated contact sensors behind zigbee2mqtt, each numbering its physical acts inside its
//! messages: `last_seen` is [`EPOCH_MS`] plus the act's number in milliseconds.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

use super::client::Client;

/// 2026-01-01T00:00:00Z.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

/// One physical act: which door, and its running number.
pub type Act = (usize, u64);

/// The IEEE address of a door's contact sensor.
pub fn identity(door: usize) -> String {
    format!("0x{door:016x}")
}

/// Its friendly name.
pub fn address(door: usize) -> String {
    format!("contact-{door}")
}

/// Where it speaks.
pub fn topic(door: usize) -> String {
    format!("zigbee2mqtt/{}", address(door))
}

/// The message of an act: the door opens with odd numbers and closes with even ones.
pub fn payload(act: u64) -> String {
    let time = jiff::Timestamp::from_millisecond(EPOCH_MS + i64::try_from(act).unwrap()).unwrap();
    format!(
        "{{\"battery\":null,\"contact\":{},\"last_seen\":\"{time:.3}\",\"linkquality\":113}}",
        act.is_multiple_of(2)
    )
}

/// The act that an event's `time` tells of.
pub fn act_of(time: &str) -> u64 {
    let time: jiff::Timestamp = time.parse().unwrap();
    u64::try_from(time.as_millisecond() - EPOCH_MS).unwrap()
}

/// Each of `doors` does the acts of these numbers, one at a time, each taken over by the broker.
pub fn act(device: &Client, doors: Range<usize>, numbers: RangeInclusive<u64>) -> BTreeSet<Act> {
    let mut acts = BTreeSet::new();
    for number in numbers {
        for door in doors.clone() {
            let fate = device.tell(&topic(door), payload(number).as_bytes());
            assert!(fate.is_taken(), "{fate:?}");
            acts.insert((door, number));
        }
    }
    acts
}

/// What has been done and what the broker has taken over.
#[derive(Default)]
pub struct Record {
    pub done: u64,
    /// Acts that the broker acknowledged: obligations.
    pub acknowledged: BTreeSet<Act>,
}

/// Devices that act in the background until dropped or told to stop.
pub struct Devices {
    pub record: Arc<Mutex<Record>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Devices {
    /// `doors` sensors act in turn, one act each `pace`, published at `qos`.
    pub fn start(port: u16, doors: usize, pace: Duration, qos: QoS) -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (record, stop) = (Arc::clone(&record), Arc::clone(&stop));
            move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(keep_acting(port, doors, pace, qos, &record, &stop));
            }
        });
        Self { record, stop, thread: Some(thread) }
    }

    /// Stops acting, waits until the broker has taken over everything, and gives the record.
    pub fn finish(mut self) -> Record {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        std::mem::take(&mut *self.record.lock().unwrap())
    }

    /// How many acts there have been.
    pub fn done(&self) -> u64 {
        self.record.lock().unwrap().done
    }
}

async fn keep_acting(
    port: u16,
    doors: usize,
    pace: Duration,
    qos: QoS,
    record: &Mutex<Record>,
    stop: &std::sync::atomic::AtomicBool,
) {
    let mut options = MqttOptions::new("zigbee2mqtt", "127.0.0.1", port);
    options.set_clean_start(true);
    let (client, mut events) = AsyncClient::new(options, 10_000);
    let mut queued: VecDeque<Act> = VecDeque::new();
    let mut in_flight: HashMap<u16, Act> = HashMap::new();
    let mut numbers = vec![0u64; doors];
    let mut next = 0;
    let mut tick = tokio::time::interval(pace);
    loop {
        tokio::select! {
            _ = tick.tick(), if !stop.load(std::sync::atomic::Ordering::Relaxed) => {
                let door = next % doors;
                next += 1;
                numbers[door] += 1;
                let act = numbers[door];
                client.try_publish(topic(door), qos, false, payload(act)).unwrap();
                queued.push_back((door, act));
                record.lock().unwrap().done += 1;
            }
            event = events.poll() => match event.expect("the devices' own broker stays up") {
                Event::Outgoing(Outgoing::Publish(id)) => {
                    let act = queued.pop_front().unwrap();
                    if qos == QoS::AtMostOnce {
                        record.lock().unwrap().acknowledged.insert(act);
                    } else {
                        in_flight.insert(id, act);
                    }
                }
                Event::Incoming(Packet::PubAck(ack)) => {
                    let act = in_flight.remove(&ack.pkid).unwrap();
                    record.lock().unwrap().acknowledged.insert(act);
                }
                _ => {}
            }
        }
        let stopped = stop.load(std::sync::atomic::Ordering::Relaxed);
        if stopped && queued.is_empty() && in_flight.is_empty() {
            // The packets that need no answer must be out of this process.
            client.disconnect().await.unwrap();
            while events.poll().await.is_ok() {}
            return;
        }
    }
}

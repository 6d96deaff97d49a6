//! What a process of its own costs an event of a vendor: `cargo run --release -p
//! doorward-link-bench [ROUNDS]`.
//!
//! `translated`: the translator alone, which any gateway needs. `framed`: the frame is written into
//! a buffer, read back and checked, without a socket. `sent`: the same over a Unix socket pair, a
//! frame a write; `in sixteens`: sixteen frames a write, as they go when many come. The acts take
//! turns in one run; medians of the rounds, and the ratios of each round's.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use anyhow::{Context, bail};
use bytes::BytesMut;
use doorward::link::{CREDIT, Digest, FrameCodec, Order, Signal, VendorFrame};
use doorward_translators::{Message, Setup, Translator, Wire, ecosystem};
use jiff::Timestamp;
use tokio_util::codec::{Decoder, Encoder};

const ROUNDS: usize = 31;
/// Events of one act's turn.
const EVENTS: u64 = 4096;
/// Frames of one write where many come.
const MANY: u64 = 16;
const TOPIC: &str = "zigbee2mqtt/front_contact";
const PAYLOAD: &str = r#"{"battery":87,"contact":true,"device_temperature":21,"last_seen":"2026-11-21T05:00:00.123Z","linkquality":120,"power_outage_count":3,"voltage":3005}"#;

fn main() -> anyhow::Result<()> {
    let rounds = match std::env::args().nth(1) {
        Some(text) => text.parse()?,
        None => ROUNDS,
    };
    let setup = Setup { ecosystem: "zigbee2mqtt".to_owned(), ..Setup::default() };
    let opened = ecosystem::open(&setup)
        .map_err(|faults| anyhow::anyhow!("{} faults in the settings", faults.len()))?;
    let Wire::Mqtt(translator) = opened.wire else { bail!("zigbee2mqtt speaks MQTT") };
    let signal = signal(&*translator)?;
    let names = ["translated", "framed", "sent", "sent in sixteens"];
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    for _ in 0..rounds {
        let acts: [f64; 4] = [
            timed(|| translated(&*translator))?,
            timed(|| framed(&signal))?,
            timed(|| sent(&signal, 1))?,
            timed(|| sent(&signal, MANY))?,
        ];
        times.iter_mut().zip(acts).for_each(|(of, time)| of.push(time));
    }
    println!("| an event of a contact sensor, {rounds} rounds | µs | beside its translation |");
    println!("|---|---|---|");
    let Some(base) = times.first().cloned() else { bail!("no rounds") };
    for (name, times) in names.iter().zip(&times) {
        let ratios = times.iter().zip(&base).map(|(one, base)| one / base);
        println!("| {name} | {:.2} | {:.2} |", median(times.iter().copied()), median(ratios));
    }
    Ok(())
}

fn signal(translator: &dyn Translator) -> anyhow::Result<Signal> {
    let message = Message { topic: TOPIC, payload: PAYLOAD.as_bytes(), retained: false };
    let observations = translator
        .translate(&message)
        .map_err(|refusal| anyhow::anyhow!("the sample is refused: {}", refusal.detail))?;
    Ok(Signal {
        n: 0,
        digest: Digest([7; 16]),
        identified: false,
        epoch: 1,
        lossy: false,
        retained: false,
        received_at: Timestamp::now(),
        observations,
        stands_for: 0,
        evidence: None,
    })
}

/// Microseconds an event.
fn timed(act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    act()?;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let events = EVENTS as f64;
    Ok(begun.elapsed().as_secs_f64() * 1e6 / events)
}

fn translated(translator: &dyn Translator) -> anyhow::Result<()> {
    for _ in 0..EVENTS {
        std::hint::black_box(signal(translator)?);
    }
    Ok(())
}

/// The core's side: frames out of bytes, each checked.
struct Reader {
    codec: FrameCodec<VendorFrame>,
    order: Order,
}

impl Reader {
    fn new() -> Self {
        Self { codec: FrameCodec::default(), order: Order::default() }
    }

    /// Takes the frames that are whole; how many.
    fn take(&mut self, bytes: &mut BytesMut) -> anyhow::Result<u64> {
        let mut taken = 0;
        while let Some(frame) = self.codec.decode(bytes)? {
            if let VendorFrame::Signal(signal) = &frame {
                let acknowledged = signal.n.saturating_sub(CREDIT as u64 / 2);
                self.order.admit(&frame, acknowledged)?;
            }
            std::hint::black_box(frame);
            taken += 1;
        }
        Ok(taken)
    }
}

fn framed(signal: &Signal) -> anyhow::Result<()> {
    let (mut writer, mut reader) = (FrameCodec::<VendorFrame>::default(), Reader::new());
    reader.order.admit(&VendorFrame::Sandbox { layers: Vec::new() }, 0)?;
    let mut bytes = BytesMut::new();
    for n in 1..=EVENTS {
        let frame = VendorFrame::Signal(Signal { n, ..signal.clone() });
        writer.encode(&frame, &mut bytes)?;
        if reader.take(&mut bytes)? != 1 {
            bail!("a frame was not read back");
        }
    }
    Ok(())
}

fn sent(signal: &Signal, at_once: u64) -> anyhow::Result<()> {
    let (mut near, mut far) = UnixStream::pair()?;
    let (mut writer, mut reader) = (FrameCodec::<VendorFrame>::default(), Reader::new());
    reader.order.admit(&VendorFrame::Sandbox { layers: Vec::new() }, 0)?;
    let (mut out, mut inward) = (BytesMut::new(), BytesMut::new());
    let mut buffer = vec![0; 64 << 10];
    let mut n = 0;
    while n < EVENTS {
        for _ in 0..at_once {
            n += 1;
            let frame = VendorFrame::Signal(Signal { n, ..signal.clone() });
            writer.encode(&frame, &mut out)?;
        }
        near.write_all(&out)?;
        out.clear();
        let mut taken = 0;
        while taken < at_once {
            let length = far.read(&mut buffer)?;
            inward.extend_from_slice(buffer.get(..length).context("a length beyond the buffer")?);
            taken += reader.take(&mut inward)?;
        }
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

//! Misbehaviour on order, inside a real vendor process: what `doorward drill` lets go wrong.
//!
//! A process does this only where its setup says that it belongs to a drill, which the core says
//! only when it was started as `doorward run --drill` for a configuration of tests. It listens to a
//! topic of its own at its own broker; until an order comes there it is a vendor process like any.
//! Every fault is bounded, so that one that nothing stops harms no machine for long.

mod burden;
mod death;
mod doors;
mod order;
mod post;
mod trespass;
mod wire;

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use anyhow::Context;
use tokio::sync::mpsc;

pub use doors::MARK;
pub use order::{Fault, Order, Outcome, Said, Targets, ears, said_on};
pub use trespass::PREFIX;

use crate::domain::ids::VendorId;
use crate::link::{Connection, VendorFrame, VendorSetup};

/// Frames that wait for the session's own loop.
const FRAMES: usize = 16;
/// Words on their way to the drill.
const WORDS: usize = 256;

/// What a fault has in hand.
struct Hand {
    vendor: VendorId,
    targets: Targets,
    /// The process's own link, beside its session.
    link: UnixStream,
    /// Into the session's loop, which numbers signals.
    frames: mpsc::Sender<VendorFrame>,
    /// The runtime of the session's loop.
    session: tokio::runtime::Handle,
    words: mpsc::Sender<Said>,
}

impl Hand {
    /// Tells the drill. A drill that hears no more is no reason to stop.
    fn say(&self, said: Said) {
        let _ = self.words.blocking_send(said);
    }

    /// Tells what became of something forbidden.
    fn tried(&self, act: &str, outcome: Outcome) {
        self.say(Said::Tried { act: act.to_owned(), outcome });
    }
}

/// Waits for orders from now on, on a thread of its own: a session that hangs must not keep its
/// fault from being told. What comes out is to be sent over the link as it is, signals numbered.
pub fn listen(
    setup: &VendorSetup,
    link: &impl AsFd,
) -> anyhow::Result<mpsc::Receiver<VendorFrame>> {
    let Connection::Mqtt(connection) = &setup.connection else {
        anyhow::bail!("a drill needs vendors with a broker");
    };
    let (frames, from) = mpsc::channel(FRAMES);
    let (words, told) = mpsc::channel(WORDS);
    let link = link.as_fd().try_clone_to_owned().context("the link, for a drill")?;
    let session = tokio::runtime::Handle::current();
    let (connection, vendor) = (connection.clone(), setup.vendor.clone());
    tracing::warn!("this process misbehaves on order: it belongs to a drill");
    std::thread::Builder::new().name("faults".to_owned()).spawn(move || {
        let session_ends = frames.closed();
        let carried = post::carry(&connection, &vendor, told, session_ends, |order: Order| {
            let hand = Hand {
                vendor: vendor.clone(),
                targets: order.targets,
                link: UnixStream::from(link.try_clone()?),
                frames: frames.clone(),
                session: session.clone(),
                words: words.clone(),
            };
            let fault = order.fault;
            std::thread::Builder::new()
                .name("fault".to_owned())
                .spawn(move || commit(fault, &hand))
                .map(drop)
        });
        if let Err(error) = carried {
            tracing::error!("orders of the drill cannot be heard: {error:#}");
        }
    })?;
    Ok(from)
}

/// Does it. Returns only from what a process survives.
fn commit(fault: Fault, hand: &Hand) {
    tracing::warn!(?fault, "misbehaving, as ordered");
    hand.say(Said::Begun { fault });
    match fault {
        Fault::Exit => death::exit(),
        Fault::Abort => std::process::abort(),
        Fault::Segfault => death::segfault(hand),
        Fault::Hang => burden::hang(hand),
        Fault::Spin => burden::spin(),
        Fault::Leak => burden::leak(hand),
        Fault::ForkBomb => burden::fork_bomb(hand),
        Fault::ThreadBomb => burden::thread_bomb(hand),
        Fault::MalformedFrame => wire::malformed(hand),
        Fault::OversizedFrame => wire::oversized(hand),
        Fault::FrameFlood => wire::flood(hand),
        Fault::FillDisk => trespass::fill_disk(hand),
        Fault::FloodLog => burden::flood_log(hand),
        Fault::ForbiddenFiles => trespass::files(hand),
        Fault::ForbiddenSockets => trespass::sockets(hand),
        Fault::ForeignDoor => doors::command_and_observe(hand),
        Fault::ForeignTale => doors::tell(hand),
    }
    hand.say(Said::Done { fault });
}

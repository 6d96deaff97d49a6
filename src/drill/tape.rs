//! What was seen while one thing went wrong: everything with its moment, on one clock.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::vendor::faults::Said;

/// A request that has not come to its lock in this time never will: statements are believed for
/// less, and so are commands.
const OPEN: Duration = Duration::from_secs(60);
/// So long a door is left alone for a request that is under way: of a vendor whose process ended
/// meanwhile, it never comes.
const BUSY: Duration = Duration::from_secs(2);

/// What a sensor said once: its door, and the time in it in milliseconds.
pub type Reading = (String, i64);

/// How far a reading has come.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub sent: Instant,
    /// The broker has taken it over: from here on it must not be lost.
    pub taken: bool,
    pub arrived: Option<Instant>,
}

/// A request at a door.
#[derive(Debug, Clone)]
pub struct Asked {
    pub door: String,
    pub at: Instant,
    /// When its command stood at the lock.
    pub wire: Option<Instant>,
    /// When it was answered, and with a reason where it was denied.
    pub answered: Option<(Instant, Option<String>)>,
    pub command: Option<Uuid>,
}

/// A vendor's process has ended, as the gateway says.
#[derive(Debug, Clone)]
pub struct Ended {
    pub vendor: String,
    pub at: Instant,
    /// Cause and detail.
    pub cause: String,
}

/// Everything seen so far.
#[derive(Debug, Default)]
pub struct Marks {
    /// The vendor that goes wrong.
    pub target: String,
    pub readings: HashMap<Reading, Told>,
    pub requests: Vec<Asked>,
    pub said: Vec<(String, Instant, Said)>,
    pub ended: Vec<Ended>,
    /// Events of the gateway about its vendors and devices: type, vendor, moment.
    pub events: Vec<(String, String, Instant)>,
    /// Messages of a misbehaving process that came to another's door.
    pub trespasses: usize,
    /// Events of sensors that no sensor of ours has sent.
    pub untrue: usize,
    /// The core's greatest share of memory, in KiB.
    pub core_kib: u64,
}

/// Marks that several tasks write.
#[derive(Debug, Default)]
pub struct Tape(Mutex<Marks>);

impl Tape {
    /// Nothing panics while it holds them, so a poisoned lock is as good.
    pub fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    /// The process of this vendor hears orders, since `after` and from when on.
    pub fn ready(&self, vendor: &str, after: Instant) -> Option<Instant> {
        let mut heard = self.said.iter().filter(|(of, at, _)| of == vendor && *at > after);
        heard.find(|(_, _, said)| matches!(said, Said::Ready { .. })).map(|(_, at, _)| *at)
    }

    /// The process ids of this vendor's lives, the newest first.
    pub fn pids(&self, vendor: &str) -> impl Iterator<Item = u32> {
        self.said.iter().rev().filter_map(move |(of, _, said)| match said {
            Said::Ready { pid } if of == vendor => Some(*pid),
            _ => None,
        })
    }

    /// Whether a door is to be left alone just now.
    pub fn is_busy(&mut self, door: &str) -> bool {
        self.open(door).is_some_and(|asked| asked.at.elapsed() < BUSY)
    }

    /// The newest request at this door that may still come to its lock.
    pub fn open(&mut self, door: &str) -> Option<&mut Asked> {
        let mut of_door = self.requests.iter_mut().rev().filter(|asked| asked.door == door);
        of_door.find(|asked| {
            asked.wire.is_none()
                && asked.at.elapsed() < OPEN
                && asked.answered.as_ref().is_none_or(|(_, reason)| reason.is_none())
        })
    }

    /// The process id that this vendor's process said last.
    pub fn pid(&self, vendor: &str) -> Option<u32> {
        self.pids(vendor).next()
    }
}

//! What must be in the journal and on the bus when a history is over.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use doorward::journal::{EventFilter, Journal, Stored};
use jiff::Timestamp;
use serde_json::json;

use crate::house::House;
use crate::told::Told;
use crate::wire::Wired;

const LOCKS: [&str; 3] = ["locked", "unlocked", "not_fully_locked"];
const LEAVES: [(&str, &str, bool); 3] =
    [("closed", "closed", false), ("open", "open", false), ("error_forced_open", "open", true)];

/// The types by which acts are told.
const ACTS: [&str; 5] = [
    "entry.lock_changed",
    "entry.position_changed",
    "entry.attribution_updated",
    "alarm.raised",
    "alarm.cleared",
];

/// An act as it must be told: entry, time, line.
pub type Act = (&'static str, Timestamp, String);

/// The devices as they are, whether anybody listens or not.
#[derive(Default)]
pub struct Devices {
    locks: BTreeMap<&'static str, &'static str>,
    leaves: BTreeMap<&'static str, &'static str>,
    forced: bool,
    last_user: Option<u8>,
}

impl Devices {
    /// A device says something; what of it is news.
    pub fn act(&mut self, device: u8, a: u8, b: u8, at: Timestamp) -> (Wired, Vec<Act>) {
        let last_seen = at.to_string();
        let lock = LOCKS[usize::from(a) % 3];
        let mut acts = Vec::new();
        let mut told = |entry, line: Option<String>| {
            acts.extend(line.map(|line| (entry, at, line)));
        };
        let (topic, mut message) = match (device, b % 3) {
            (0, _) => {
                let closed = a.is_multiple_of(2);
                told("front", self.leaf("front", if closed { "closed" } else { "open" }));
                ("front_contact", json!({"contact": closed}))
            }
            (1, 0) => {
                told("front", Some(by_keypad("front", a)));
                let state = self.locks.get("front").copied().unwrap_or("unlocked");
                let act = json!({"action": "unlock", "action_source_name": "keypad",
                    "action_user": a, "lock_state": state});
                ("front_door_yale", act)
            }
            (1, 1) => {
                let line = "entry.attribution_updated front failure_reason=invalid_credential \
                    operation=unlock operation_source=keypad outcome=failed";
                told("front", Some(line.to_owned()));
                let act = json!({"action": "unlock_failure_invalid_pin_or_id",
                    "action_source_name": "keypad", "action_user": null});
                ("front_door_yale", act)
            }
            (1, _) => {
                told("front", self.lock("front", lock));
                ("front_door_yale", json!({"lock_state": lock}))
            }
            (2, n) => {
                let (word, position, forced) = LEAVES[usize::from(n)];
                told("back", self.lock("back", lock));
                told("back", self.leaf("back", position));
                if forced != self.forced {
                    let line = if forced {
                        "alarm.raised back alarm=forced_open severity=critical"
                    } else {
                        "alarm.cleared back alarm=forced_open cleared_by=observation"
                    };
                    told("back", Some(line.to_owned()));
                }
                self.forced = forced;
                ("danalock", json!({"lock_state": lock, "door_state": word}))
            }
            (3, _) => {
                let user = b % 5;
                told("side", self.lock("side", lock));
                if self.last_user.is_some_and(|last| last != user) {
                    told("side", Some(by_keypad("side", user)));
                }
                self.last_user = Some(user);
                let latched = json!({"lock_state": lock, "last_unlock_source": "keypad",
                    "last_unlock_user": user.to_string()});
                ("nimly", latched)
            }
            _ => {
                let state = if a.is_multiple_of(2) { "online" } else { "offline" };
                let topic = ["bridge/state", "danalock/availability"][usize::from(b % 2)];
                (topic, json!({"state": state}))
            }
        };
        if device < 4 {
            message["last_seen"] = json!(last_seen);
        }
        (Wired::live(&format!("zigbee2mqtt/{topic}"), message.to_string()), acts)
    }

    fn lock(&mut self, entry: &'static str, now: &'static str) -> Option<String> {
        let before = self.locks.insert(entry, now).unwrap_or("unknown");
        (before != now).then(|| {
            format!(
                "entry.lock_changed {entry} lock={now} \
                 previous={before} quality=observed"
            )
        })
    }

    fn leaf(&mut self, entry: &'static str, now: &'static str) -> Option<String> {
        let before = self.leaves.insert(entry, now).unwrap_or("unknown");
        (before != now).then(|| {
            format!(
                "entry.position_changed {entry} position={now} \
                 previous={before} quality=observed"
            )
        })
    }
}

fn by_keypad(entry: &str, user: u8) -> String {
    format!(
        "entry.attribution_updated {entry} operation=unlock operation_source=keypad \
         outcome=succeeded user_slot={user}"
    )
}

#[derive(Default)]
pub struct Oracle {
    expected: Vec<Act>,
    /// Every event that was ever committed.
    committed: BTreeMap<u64, Told>,
    /// What the bus has got, by sequence.
    bus: HashMap<u64, Arc<str>>,
    finished: BTreeSet<u64>,
    refused: BTreeSet<u64>,
}

impl Oracle {
    pub fn expect(&mut self, acts: Vec<Act>) {
        self.expected.extend(acts);
    }

    pub fn take(&mut self, told: Vec<Told>) {
        for told in told {
            let before = self.committed.insert(told.sequence, told);
            assert!(before.is_none(), "a sequence was given twice");
        }
    }

    /// An event went out; if it went out before, as the same bytes.
    pub fn sent(&mut self, event: &Stored) {
        let before = self.bus.insert(event.slot, Arc::clone(&event.detail));
        assert!(before.is_none_or(|before| before == event.detail), "sent again as another");
    }

    /// The bus's answers are durable: the sequence, and whether it was refused.
    pub fn finished(&mut self, answers: BTreeMap<u64, bool>) {
        for (sequence, refused) in answers {
            self.finished.insert(sequence);
            if refused {
                self.refused.insert(sequence);
            }
        }
    }

    pub fn check_waiting(&self, journal: &Journal) {
        let unfinished: Vec<u64> =
            self.committed.keys().filter(|n| !self.finished.contains(n)).copied().collect();
        assert_eq!(journal.waiting(), unfinished.len() as u64, "waiting");
        let waiting = journal.waiting_events(0, usize::MAX, usize::MAX).unwrap();
        let found: Vec<u64> = waiting.iter().map(|event| event.slot).collect();
        assert_eq!(found, unfinished, "what waits");
        for event in waiting {
            let told = &self.committed[&event.slot].stored;
            assert_eq!(
                (event.detail, event.id, event.lane_key, event.vendor, event.kind),
                (
                    Arc::clone(&told.detail),
                    told.id,
                    Arc::clone(&told.lane_key),
                    told.vendor.clone(),
                    told.kind
                )
            );
        }
    }

    pub fn check(&self, house: &House) {
        self.check_waiting(&house.journal);
        self.check_journal(house);
        self.check_numbers();
        self.check_acts();
        self.check_joins();
        self.check_refusals(house);
    }

    /// The file holds what was committed; what it no longer holds, the bus has.
    fn check_journal(&self, house: &House) {
        let all = EventFilter { limit: usize::MAX, ..EventFilter::default() };
        let rows = house.journal.list_events(&all).unwrap();
        let mut held = HashSet::new();
        for row in rows.rows {
            assert_eq!(row.detail.as_str(), &*self.committed[&row.slot].stored.detail);
            assert_eq!(row.delivered, self.finished.contains(&row.slot));
            held.insert(row.slot);
        }
        for (sequence, told) in &self.committed {
            let on_bus = self.bus.get(sequence).is_some_and(|sent| *sent == told.stored.detail);
            assert!(on_bus || held.contains(sequence), "{sequence} is nowhere");
        }
        let figures = house.journal.statistics().unwrap();
        assert_eq!(figures.slot, self.committed.len() as u64);
        let through = (1..=figures.slot).take_while(|n| self.finished.contains(n)).last();
        let through = through.unwrap_or(0);
        for (kind, delivered) in figures.delivered_through {
            let of_kind = self.committed.range(..=through).filter(|(_, told)| told.kind() == kind);
            assert_eq!(delivered, of_kind.count() as u64, "{kind} delivered through");
        }
    }

    /// Both sequences are gapless, one journal throughout, every id its own.
    fn check_numbers(&self) {
        let mut of_type: HashMap<&str, u64> = HashMap::new();
        let mut ids = HashSet::new();
        let mut journals = HashSet::new();
        for (n, (sequence, told)) in (1..).zip(&self.committed) {
            assert_eq!(*sequence, n, "a gap");
            let count = of_type.entry(told.kind()).or_default();
            *count += 1;
            assert_eq!(told.event["gateway"]["type_sequence"], *count, "{}", told.kind());
            assert!(ids.insert(told.id()), "an id was given twice");
            journals.insert(told.event["gateway"]["journal_id"].to_string());
        }
        assert!(journals.len() <= 1, "{journals:?}");
    }

    /// Per entry exactly the acts that were done, in order; each told from where the last ended.
    fn check_acts(&self) {
        for entry in ["front", "back", "side"] {
            let expected: Vec<(Timestamp, &str)> = self
                .expected
                .iter()
                .filter(|(of, ..)| *of == entry)
                .map(|(_, at, line)| (*at, line.as_str()))
                .collect();
            let told: Vec<(Timestamp, String)> = self
                .committed
                .values()
                .filter(|told| told.subject() == entry && ACTS.contains(&told.kind()))
                // What the gateway infers is no act of a device: it names none.
                .filter(|told| told.event["endpoint_id"].is_string())
                .map(|told| {
                    let line = told.line();
                    let line = line.split(" raised_event_id=").next().unwrap();
                    (told.time(), line.to_owned())
                })
                .collect();
            let told: Vec<(Timestamp, &str)> =
                told.iter().map(|(at, line)| (*at, line.as_str())).collect();
            let mut handed_over = self.handed_over(entry);
            let mut rest = told.iter().peekable();
            let expected: Vec<(Timestamp, &str)> = expected
                .into_iter()
                .filter(|act| {
                    if rest.next_if(|next| *next == act).is_some() {
                        return true;
                    }
                    let inferred = handed_over.iter().position(|line| line == act.1);
                    inferred.is_none_or(|at| {
                        handed_over.remove(at);
                        false
                    })
                })
                .collect();
            assert_eq!(told, expected, "{entry}");
        }
    }

    /// Alarms that the gateway inferred and did not clear itself: when the device tells one of them
    /// too, it is told already.
    fn handed_over(&self, entry: &str) -> Vec<String> {
        let inferred =
            |told: &&Told| told.subject() == entry && told.event["endpoint_id"].is_null();
        let cleared: HashSet<&str> = self
            .committed
            .values()
            .filter(inferred)
            .filter_map(|told| told.data("raised_event_id").as_str())
            .collect();
        self.committed
            .values()
            .filter(inferred)
            .filter(|told| told.kind() == "alarm.raised" && !cleared.contains(told.id()))
            .map(Told::line)
            .collect()
    }

    /// Whatever an event refers to stands before it, of the same entry, and is referred to once.
    fn check_joins(&self) {
        let mut earlier: HashMap<&str, &Told> = HashMap::new();
        let mut joined = HashSet::new();
        for told in self.committed.values() {
            let raised = told.data("raised_event_id").as_str();
            for id in told.correlation().into_iter().chain(raised) {
                let other = earlier.get(id).expect("refers to no earlier event");
                assert_eq!(other.subject(), told.subject());
                assert!(joined.insert(id), "referred to twice");
            }
            assert_eq!(raised.is_some(), told.kind() == "alarm.cleared");
            earlier.insert(told.id(), told);
        }
    }

    /// A refused event is kept as it was, unless a crash undid the refusal.
    fn check_refusals(&self, house: &House) {
        let rows = house.quarantine();
        let kept: HashSet<&str> = rows.iter().filter_map(|row| row.raw.as_deref()).collect();
        for sequence in &self.refused {
            let detail = &*self.committed[sequence].stored.detail;
            assert!(kept.contains(detail), "refused and not kept");
        }
    }
}

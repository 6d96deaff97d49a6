//! What arrived at the sink since the last reset.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::mark::{self, Found};

/// Publications that arrived, by their marks.
#[derive(Debug)]
pub struct Tally {
    floor: i64,
    seen: HashMap<i64, u32>,
    latest_of_device: HashMap<Vec<u8>, i64>,
    latencies: Vec<i64>,
    arrivals: Vec<i64>,
    out_of_order: u64,
    bodies: u64,
}

#[derive(Deserialize)]
struct PutEvents<'a> {
    #[serde(rename = "Entries", borrow)]
    entries: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "Source", borrow, default)]
    source: Cow<'a, str>,
    #[serde(rename = "DetailType", borrow, default)]
    detail_type: Cow<'a, str>,
    #[serde(rename = "Detail", borrow, default)]
    detail: Cow<'a, str>,
}

impl Tally {
    /// An empty tally that takes marks from `floor` on.
    pub fn since(floor: i64) -> Self {
        Self {
            floor,
            seen: HashMap::new(),
            latest_of_device: HashMap::new(),
            latencies: Vec::new(),
            arrivals: Vec::new(),
            out_of_order: 0,
            bodies: 0,
        }
    }

    /// Distinct marks so far.
    pub fn unique(&self) -> usize {
        self.seen.len()
    }

    /// Counts what stands in an HTTP body and answers how many results a `PutEvents` client
    /// expects for it: one for each entry, or one where the body is something else.
    pub fn http_body(&mut self, body: &[u8], now: i64) -> usize {
        let Ok(request) = serde_json::from_slice::<PutEvents<'_>>(body) else {
            self.payload(body, now);
            return 1;
        };
        self.bodies += 1;
        for entry in &request.entries {
            let detail = entry.detail.as_bytes();
            if !entry.source.starts_with("doorward.") {
                self.count(mark::find(detail), now);
            } else if entry.detail_type == "entry.position_changed" {
                // Other events that the same message causes (a battery's first level) carry its time too.
                let device = mark::member(detail, b"\"entry_id\"");
                self.count(mark::find(detail).take(1).map(|found| Found { device, ..found }), now);
            }
        }
        request.entries.len()
    }

    /// Counts a line of a doorward's own list of events.
    pub fn line(&mut self, line: &[u8], now: i64) {
        self.bodies += 1;
        if mark::member(line, b"\"type\"") == Some(b"entry.position_changed") {
            self.count(mark::find(line).take(1), now);
        }
    }

    /// Counts what stands in an MQTT payload, or in a body of any other form.
    pub fn payload(&mut self, body: &[u8], now: i64) {
        self.bodies += 1;
        self.count(mark::find(body), now);
    }

    fn count<'a>(&mut self, marks: impl Iterator<Item = Found<'a>>, now: i64) {
        for Found { micros, device } in marks.filter(|found| found.micros >= self.floor) {
            let times = self.seen.entry(micros).or_default();
            *times += 1;
            if *times > 1 {
                continue;
            }
            self.latencies.push((now - micros).max(0));
            self.arrivals.push(now);
            let Some(device) = device else { continue };
            match self.latest_of_device.get_mut(device) {
                Some(latest) if micros < *latest => self.out_of_order += 1,
                Some(latest) => *latest = micros,
                None => {
                    self.latest_of_device.insert(device.to_vec(), micros);
                }
            }
        }
    }

    /// The figures, against `wanted` publications. `ooo` counts only marks whose device is known.
    pub fn stats(&self, wanted: usize) -> Value {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let mut arrivals = self.arrivals.clone();
        arrivals.sort_unstable();
        let unique = self.unique();
        let total: usize = self.seen.values().map(|times| *times as usize).sum();
        let span = seconds_between(&arrivals);
        let middle = arrivals.get(unique / 10..unique * 9 / 10).unwrap_or_default();
        json!({
            "uniq": unique, "total": total, "dup": total - unique, "lost": wanted.saturating_sub(unique),
            "ooo": self.out_of_order, "bodies": self.bodies, "span_s": round(span, 3),
            "rate": round(rate(unique, span), 0), "mid_rate": round(rate(middle.len(), seconds_between(middle)), 0),
            "p50_ms": permille_ms(&latencies, 500), "p90_ms": permille_ms(&latencies, 900),
            "p99_ms": permille_ms(&latencies, 990), "p999_ms": permille_ms(&latencies, 999),
            "max_ms": permille_ms(&latencies, 1000),
        })
    }
}

fn seconds_between(sorted: &[i64]) -> f64 {
    match (sorted.first(), sorted.last()) {
        (Some(first), Some(last)) => seconds(last - first),
        _ => 0.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of one run fit a float")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "the events of one run fit a float")]
fn rate(events: usize, span: f64) -> f64 {
    if span > 0.0 { events as f64 / span } else { 0.0 }
}

fn permille_ms(sorted: &[i64], permille: usize) -> f64 {
    let at = sorted.len().saturating_sub(1) * permille / 1000;
    round(seconds(sorted.get(at).copied().unwrap_or_default()) * 1e3, 2)
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_243_931_000_007;

    fn payload(device: &str, micros: i64) -> String {
        format!(
            r#"{{"contact":true,"load":"{device}","last_seen":"{}"}}"#,
            mark::text(micros).unwrap()
        )
    }

    fn put_events(entries: &[(&str, &str, &str)]) -> Vec<u8> {
        let entries: Vec<Value> = entries
            .iter()
            .map(|(source, kind, detail)| json!({"Source": source, "DetailType": kind, "Detail": detail}))
            .collect();
        serde_json::to_vec(&json!({"Entries": entries})).unwrap()
    }

    #[test]
    fn counts_unique_duplicate_lost_and_out_of_order() {
        let mut tally = Tally::since(START);
        for (device, offset) in
            [("a", 0), ("b", 10), ("a", 30), ("a", 20), ("b", 40), ("a", 30), ("a", -10)]
        {
            tally.payload(payload(device, START + offset).as_bytes(), START + 1_000);
        }
        let stats = tally.stats(7);
        assert_eq!(stats["uniq"], 5);
        assert_eq!(stats["total"], 6);
        assert_eq!(stats["dup"], 1);
        assert_eq!(stats["lost"], 2);
        assert_eq!(stats["ooo"], 1);
        assert_eq!(stats["max_ms"], 1.0);
    }

    #[test]
    fn counts_a_position_change_of_doorward_once_and_its_other_events_not() {
        let mut tally = Tally::since(START);
        let detail = |entry: &str, offset| {
            let time = mark::text(START + offset).unwrap();
            format!(
                r#"{{"id":"x","time":"{time}","entry_id":"{entry}","gateway":{{"recorded_at":"{time}"}},"data":{{"time":"{time}"}}}}"#
            )
        };
        let body = put_events(&[
            ("doorward.gateway/g1", "entry.position_changed", &detail("e1", 20)),
            ("doorward.gateway/g1", "endpoint.battery_changed", &detail("e1", 20)),
            ("doorward.gateway/g1", "entry.position_changed", &detail("e1", 10)),
        ]);
        assert_eq!(tally.http_body(&body, START + 500), 3);
        let stats = tally.stats(2);
        assert_eq!(
            (&stats["uniq"], &stats["dup"], &stats["lost"], &stats["ooo"]),
            (&json!(2), &json!(0), &json!(0), &json!(1))
        );
    }

    #[test]
    fn counts_a_line_of_the_list_once() {
        let mut tally = Tally::since(START);
        let time = mark::text(START + 10).unwrap();
        for kind in ["entry.position_changed", "endpoint.battery_changed"] {
            let line = format!(
                r#"{{"sequence":7,"delivered":false,"event":{{"type":"{kind}","time":"{time}","gateway":{{"time":"{time}"}}}}}}"#
            );
            tally.line(line.as_bytes(), START + 510);
        }
        assert_eq!(
            (&tally.stats(1)["total"], &tally.stats(1)["p999_ms"]),
            (&json!(1), &json!(0.5))
        );
    }

    #[test]
    fn counts_every_message_that_a_peer_forwards() {
        let mut tally = Tally::since(START);
        let (first, second) = (payload("a", START), payload("a", START + 10));
        assert_eq!(
            tally.http_body(&put_events(&[("x", "y", &first), ("x", "y", &second)]), START + 20),
            2
        );
        assert_eq!(tally.http_body(second.as_bytes(), START + 20), 1);
        assert_eq!(tally.stats(2)["total"], 3);
    }
}

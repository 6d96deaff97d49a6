//! The figures' names, units and text: `OpenMetrics`, as Prometheus reads it. What each means, and
//! which alert looks at it: `docs/metrics.md`.

use std::fmt::Error;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::Seen;
use crate::health::Durations;

/// The text; `None`: the gateway does not answer, and that is all there is to say.
pub fn of(seen: Option<Seen>) -> Result<String, Error> {
    let mut registry = Registry::with_prefix("doorward");
    registry.register_collector(Box::new(Collected(seen)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Collected(Option<Seen>);

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
        let mut page = Page(&mut encoder);
        page.gauge("up", "1: the gateway answers.", None, u64::from(self.0.is_some()))?;
        let Some(seen) = &self.0 else { return Ok(()) };
        page.gateway(seen)?;
        page.journal(seen)?;
        page.bus(seen)?;
        page.vendors(seen)?;
        page.doors(seen)
    }
}

struct Page<'a, 'b>(&'a mut DescriptorEncoder<'b>);

type Label<'a> = (&'static str, &'a str);

impl Page<'_, '_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: u64,
    ) -> Result<(), Error> {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?)
    }

    /// One row a set of labels.
    fn gauges<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        rows: impl IntoIterator<Item = ([Label<'a>; N], u64)>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|(labels, value)| {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)
        })
    }

    fn counters<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([Label<'a>; N], u64)>,
    ) -> Result<(), Error> {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)
        })
    }

    fn durations(&mut self, name: &str, help: &str, took: &Durations) -> Result<(), Error> {
        let mut histogram =
            self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        let (sum, count) = (took.sum_s(), took.count());
        histogram.encode_histogram::<NoLabelSet>(sum, count, &took.buckets(), None)
    }

    fn gateway(&mut self, seen: &Seen) -> Result<(), Error> {
        let status = &seen.queue.status;
        let mut info = self.0.encode_descriptor(
            "build",
            "Which gateway, which version.",
            None,
            MetricType::Info,
        )?;
        info.encode_info(&[("instance_id", &*status.instance), ("version", &*status.version)])?;
        self.gauge("uptime", "Since the gateway started.", Some(&Unit::Seconds), status.uptime_s)?;
        self.gauges(
            "clock_trust",
            "1 beside how far the clock is trusted; untrusted: no door opens by a grant.",
            None,
            ["full", "bounded", "untrusted"]
                .map(|trust| ([("trust", trust)], u64::from(status.clock == trust))),
        )?;
        self.counters(
            "access_denied",
            "Requests that were refused, by reason, since the gateway started.",
            status.denied.iter().map(|(reason, count)| ([("reason", &**reason)], *count)),
        )
    }

    fn journal(&mut self, seen: &Seen) -> Result<(), Error> {
        let (status, journal) = (&seen.queue.status, &seen.queue.journal);
        self.counters(
            "events",
            "Events that this journal recorded, by type; a new journal counts from 0.",
            journal.recorded.iter().map(|(name, count)| ([("type", &**name)], *count)),
        )?;
        self.gauge(
            "events_waiting",
            "Events that the bus has not taken yet.",
            None,
            journal.waiting,
        )?;
        self.gauges(
            "events_waiting_size",
            "What waiting events take, by class.",
            Some(&Unit::Bytes),
            journal.waiting_bytes.iter().map(|(class, bytes)| ([("class", &**class)], *bytes)),
        )?;
        self.gauge(
            "oldest_waiting",
            "Age of the oldest event that the bus has not taken yet; 0: none waits.",
            Some(&Unit::Seconds),
            age(journal.oldest_waiting.as_deref(), seen.at),
        )?;
        self.gauge("quarantined", "Rows in the quarantine.", None, journal.quarantined)?;
        self.gauge("journal_used", "The journal's file.", Some(&Unit::Bytes), journal.bytes_used)?;
        self.gauge("journal_bound", "What it may be.", Some(&Unit::Bytes), journal.bytes_bound)?;
        self.gauge(
            "storage_low",
            "1: the file system has less left than it should.",
            None,
            u64::from(journal.too_little_space().is_some()),
        )?;
        self.gauge(
            "storage_failure",
            "1: the journal cannot be written, and nothing is acknowledged.",
            None,
            u64::from(status.storage_failure.is_some()),
        )?;
        self.gauge(
            "journal_lost",
            "1: the journal was broken, set aside or an older copy when the gateway started.",
            None,
            u64::from(status.journal_lost),
        )?;
        self.durations(
            "commit_duration",
            "How long commits took, the disk's flush included.",
            &status.commit_time,
        )
    }

    fn bus(&mut self, seen: &Seen) -> Result<(), Error> {
        let bus = &seen.queue.status.uplink;
        self.counters(
            "bus_events",
            "What came back for events from the bus, since the gateway started.",
            [("accepted", bus.accepted), ("refused", bus.refused), ("retried", bus.retried)]
                .map(|(outcome, count)| ([("outcome", outcome)], count)),
        )?;
        self.gauge(
            "bus_failing_calls",
            "Calls that failed one after the other, as of now.",
            None,
            u64::from(bus.failing),
        )?;
        self.gauge(
            "bus_denied",
            "1: the bus does not let the gateway publish; a person is needed.",
            None,
            u64::from(bus.denied),
        )?;
        self.durations(
            "bus_call_duration",
            "How long the bus took to answer a call.",
            &bus.call_time,
        )
    }

    fn vendors(&mut self, seen: &Seen) -> Result<(), Error> {
        let status = &seen.queue.status;
        let rows = |value: fn(&crate::local::VendorView) -> u64| {
            seen.vendors.iter().map(move |vendor| ([("vendor", &*vendor.vendor)], value(vendor)))
        };
        self.gauges(
            "vendor_state",
            "1 beside what the vendor's process is doing.",
            None,
            seen.vendors.iter().map(|v| ([("vendor", &*v.vendor), ("state", &*v.state)], 1)),
        )?;
        self.gauges(
            "vendor_connected",
            "1: the connection to its devices' broker or line stands.",
            None,
            rows(|vendor| u64::from(vendor.connected)),
        )?;
        self.gauges(
            "vendor_commands_suspended",
            "1: commands are refused, since too many in a row had no answer.",
            None,
            rows(|vendor| u64::from(vendor.commands_suspended)),
        )?;
        self.gauges(
            "vendor_sandbox_layers_missing",
            "Layers of its process's sandbox that are not in force.",
            None,
            rows(|vendor| {
                u64::try_from(vendor.sandbox.iter().filter(|layer| !layer.in_force).count())
                    .unwrap_or(u64::MAX)
            }),
        )?;
        self.counters(
            "vendor_starts",
            "Processes of the vendor that began since the gateway did.",
            rows(|vendor| vendor.starts),
        )?;
        self.gauges(
            "vendor_held",
            "1: not read, since what waits of it fills its quota.",
            None,
            status.held.iter().map(|vendor| ([("vendor", &**vendor)], 1)),
        )?;
        self.gauges(
            "vendor_throttled",
            "1: sends more than its limit, and is read more slowly.",
            None,
            status.throttled.iter().map(|vendor| ([("vendor", &**vendor)], 1)),
        )?;
        self.gauge(
            "endpoints_flooding",
            "Devices that send more than their limit.",
            None,
            u64::try_from(status.flooding.len()).unwrap_or(u64::MAX),
        )
    }

    fn doors(&mut self, seen: &Seen) -> Result<(), Error> {
        self.gauges(
            "door_alarm",
            "1 beside an alarm that stands.",
            None,
            seen.doors.iter().flat_map(|door| {
                door.alarms.iter().map(|alarm| ([("entry", &*door.entry), ("alarm", &**alarm)], 1))
            }),
        )?;
        self.gauges(
            "door_fact_known",
            "1: the fact was observed and is not stale.",
            None,
            seen.doors.iter().flat_map(|door| {
                [("position", &door.position), ("lock", &door.lock)].map(|(name, fact)| {
                    let known = fact.quality == "observed";
                    ([("entry", &*door.entry), ("fact", name)], u64::from(known))
                })
            }),
        )?;
        self.gauges(
            "endpoint_online",
            "1: the device is there; absent: nothing was said of it yet.",
            None,
            seen.doors.iter().flat_map(|door| {
                door.endpoints.iter().filter_map(|endpoint| {
                    let labels = [
                        ("entry", &*door.entry),
                        ("role", &*endpoint.role),
                        ("endpoint", &*endpoint.endpoint),
                    ];
                    Some((labels, u64::from(endpoint.online?)))
                })
            }),
        )
    }
}

/// Whole seconds from `then` until `now`; 0 where there is no `then`.
fn age(then: Option<&str>, now: Timestamp) -> u64 {
    let then: Option<Timestamp> = then.and_then(|then| then.parse().ok());
    let seconds = then.map_or(0, |then| now.as_second().saturating_sub(then.as_second()));
    u64::try_from(seconds).unwrap_or(0)
}

use doorward_translators::{LockState, Quality};
use proptest::prelude::*;

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn device() -> EndpointId {
    EndpointId::new("v:1")
}

fn report(now: Duration, what: What) -> Held {
    let wall = Timestamp::UNIX_EPOCH;
    Held {
        what,
        device_time: None,
        received: At { monotonic: now, wall },
        received_at: wall,
        retained: false,
        lossy: false,
        answers: false,
    }
}

fn lock(number: usize) -> What {
    let state = if number.is_multiple_of(2) { LockState::Locked } else { LockState::Unlocked };
    What::Lock { state, quality: Quality::Reported }
}

fn battery(percent: Option<f64>, low: Option<bool>) -> What {
    What::Battery { percent, low }
}

#[test]
fn of_a_battery_what_only_the_older_report_said_is_kept() {
    let mut floods = Floods::default();
    for what in [battery(Some(40.0), None), battery(None, Some(true))] {
        floods.hold(MS(0), &device(), report(MS(0), what));
    }
    let held = floods.take(&device());
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].what, battery(Some(40.0), Some(true)));
}

#[test]
fn what_the_broker_kept_does_not_stand_for_what_came_live() {
    let mut floods = Floods::default();
    floods.hold(MS(0), &device(), report(MS(0), lock(0)));
    floods.hold(MS(0), &device(), Held { retained: true, ..report(MS(0), lock(1)) });
    let held = floods.take(&device());
    assert_eq!((held.len(), &held[0].what), (1, &lock(0)));
}

#[test]
fn a_bridge_that_flaps_takes_tokens_for_the_devices_behind_it() {
    let word = |online| What::Availability { part: "bridge".to_owned(), online };
    assert_eq!((cost(&word(true), 0), cost(&word(true), 4800)), (1, 301));
    let (mut floods, bridge) = (Floods::default(), EndpointId::new("v:"));
    assert!(floods.admits(MS(0), &bridge, Lane::States, 301));
    assert!(!floods.admits(MS(1), &bridge, Lane::States, 301));
    floods.hold(MS(1), &bridge, report(MS(1), word(false)));
    // 10 tokens a second, 100 at once: the next word counts after 20 s, and not ten times in each.
    let mut applied = Vec::new();
    for second in 1..=60 {
        let due = floods.due(MS(second * 1000));
        if due.iter().any(|due| matches!(due, Due::Apply(..))) {
            applied.push(second);
            floods.hold(
                MS(second * 1000),
                &bridge,
                report(MS(second * 1000), word(second % 2 == 0)),
            );
        }
    }
    assert_eq!(applied, [21, 51]);
}

#[test]
fn lists_of_devices_add_up_until_a_whole_one_comes() {
    let list = |identities: &[&str], complete| {
        let device = |identity: &&str| doorward_translators::Device {
            identity: (*identity).to_owned(),
            address: (*identity).to_owned(),
            manufacturer: None,
            model: None,
            capabilities: Vec::new(),
        };
        What::Inventory { devices: identities.iter().map(device).collect(), complete }
    };
    let mut floods = Floods::default();
    for what in [list(&["a"], false), list(&["b"], true), list(&["c"], false), list(&["d"], false)]
    {
        floods.hold(MS(0), &device(), report(MS(0), what));
    }
    let mut batch = Batch::default();
    floods.note(&device(), &mut batch);
    let facts: Vec<(String, Vec<u8>)> = batch.facts.into_iter().collect();
    assert!(remembered(&facts)[0].1.held.is_empty(), "the next connection tells them again");
    let held = floods.take(&device());
    assert_eq!((held.len(), &held[0].what), (1, &list(&["b", "c", "d"], true)));
    for number in 0..3 * MAX_DEVICES {
        floods.hold(MS(0), &device(), report(MS(0), list(&[&number.to_string()], false)));
    }
    let held = floods.take(&device());
    assert!(
        matches!(&held[0].what, What::Inventory { devices, .. } if devices.len() == MAX_DEVICES)
    );
}

#[test]
fn what_is_held_of_a_device_is_bounded() {
    let mut floods = Floods::default();
    for number in 0..1000 {
        let what = What::Availability { part: format!("part-{number}"), online: true };
        floods.hold(MS(0), &device(), report(MS(0), what));
    }
    assert_eq!(floods.take(&device()).len(), MAX_HELD);
}

#[test]
fn the_devices_that_are_watched_are_bounded_and_idle_ones_forgotten() {
    let mut floods = Floods::default();
    for number in 0..4 * MAX_WATCHED {
        assert!(floods.admits(MS(0), &EndpointId::new(format!("v:{number}")), Lane::States, 1));
    }
    assert_eq!(floods.watched.len(), MAX_WATCHED);
    assert!(floods.admits(MS(60_000), &EndpointId::new("v:new"), Lane::States, 1));
    assert!(floods.watched.len() <= 1, "{}", floods.watched.len());
}

#[test]
fn a_fact_is_written_once_a_batch_and_ends_with_the_flood() {
    let mut floods = Floods::default();
    let mut batch = Batch::default();
    for number in 0..3 {
        floods.hold(MS(0), &device(), report(MS(0), lock(number)));
        floods.note(&device(), &mut batch);
    }
    floods.complete(&mut batch);
    let facts: Vec<(String, Vec<u8>)> = batch.facts.into_iter().collect();
    let [(name, left)] = &remembered(&facts)[..] else { panic!("{facts:?}") };
    assert_eq!((name, &left.held[0].what, left.held.len()), (&device(), &lock(2), 1));
    // Two were counted; the flood's beginning told of none of them.
    assert_eq!((left.coalesced, left.dropped_acts), (2, 0));

    let mut batch = Batch::default();
    assert!(matches!(&floods.due(MS(200))[..], [Due::Apply(..)]));
    assert!(matches!(&floods.due(MS(60_000))[..], [Due::Tell(_, figures)] if figures.ended));
    floods.note(&device(), &mut batch);
    floods.complete(&mut batch);
    assert_eq!(batch.facts.values().map(Vec::len).collect::<Vec<_>>(), [0]);
    assert_eq!(floods.next_deadline(), None);
}

#[test]
fn a_fact_that_cannot_be_read_is_no_reason_to_stop() {
    let facts = [("flood/v:1".to_owned(), b"{".to_vec())];
    assert_eq!(remembered(&facts), [(device(), Remembered::default())]);
}

proptest! {
    /// Each report passes, is applied later, is counted, or is still held, and nothing twice; the
    /// newest of a kind is never lost; what passes is within the limit; nothing waits longer than
    /// a token takes; counts in events add up.
    #[test]
    fn every_report_has_one_end(
        steps in proptest::collection::vec((0u64..400, 1usize..80), 1..60),
        per_s in 1u64..40,
        burst in 1u64..50,
    ) {
        let mut floods = Floods::default();
        let rate = Rate::new(per_s, burst);
        floods.limit(VendorId::new("v"), Limits { device: rate, ..Limits::default() });
        let (mut now, mut said, mut handled, mut counted) = (MS(0), 0usize, 0u64, 0u64);
        let mut last: Option<What> = None;
        let token = Duration::from_nanos(1_000_000_000u64.div_ceil(per_s));
        let mut tell = |figures: Option<Figures>| counted += figures.map_or(0, |told| told.coalesced);
        let pass = |floods: &mut Floods, now: &mut Duration, until: Duration, last: &mut Option<What>, handled: &mut u64, tell: &mut dyn FnMut(Option<Figures>)| {
            while let Some(due) = floods.next_deadline().filter(|due| *due <= until) {
                *now = (*now).max(due);
                for due in floods.due(*now) {
                    match due {
                        Due::Apply(_, held) => for report in held {
                            assert!(now.saturating_sub(report.received.monotonic) <= token);
                            *handled += 1;
                            *last = Some(report.what);
                        },
                        Due::Tell(_, figures) => tell(Some(figures)),
                    }
                }
                assert!(floods.next_deadline().is_none_or(|due| due > *now), "it stays due");
            }
            *now = until;
        };
        for (wait, reports) in steps {
            let until = now + MS(wait);
            pass(&mut floods, &mut now, until, &mut last, &mut handled, &mut tell);
            for _ in 0..reports {
                said += 1;
                let admitted = floods.admits(now, &device(), Lane::States, 1);
                if admitted && !floods.holds(&device()) {
                    handled += 1;
                    last = Some(lock(said));
                    continue;
                }
                tell(floods.hold(now, &device(), report(now, lock(said))));
                if admitted {
                    for report in floods.take(&device()) {
                        handled += 1;
                        last = Some(report.what);
                    }
                }
            }
            let most = burst + u64::try_from(now.as_millis()).unwrap() * per_s / 1000 + 1;
            prop_assert!(handled <= most, "{handled} of at most {most}");
        }
        let until = now + Duration::from_secs(120);
        pass(&mut floods, &mut now, until, &mut last, &mut handled, &mut tell);
        prop_assert_eq!(last, Some(lock(said)));
        prop_assert_eq!(handled + counted, said as u64);
        prop_assert!(floods.floods.is_empty());
    }
}

//! Each row by its name: every reason of it can be reached, and the first failure wins.

use doorward_translators::{Act, Position};

use super::super::clock::{Reading, Trust};
use super::super::ledger::samples::at;
use super::super::reason::{GrantRemoved, Reason};
use super::super::schedule::{Schedule, Window};
use super::samples::{Case, NOW, PriorCase, WORSE, exact, granted_before, nobody_knows, sound};
use super::*;
use crate::domain::entry::Role;
use crate::domain::fact::FactQuality;
use crate::domain::ids::EntryId;

/// An unlock with this wrong.
fn unlock(change: impl FnOnce(&mut Case)) -> Vec<Reason> {
    act(Act::Unlock, change)
}

fn act(act: Act, change: impl FnOnce(&mut Case)) -> Vec<Reason> {
    let mut case = sound(act);
    change(&mut case);
    case.reasons()
}

fn challenged(signed_at: i64, age: u64, vouches: bool) -> Challenged {
    Challenged { signed_at: at(signed_at), age: Duration::from_secs(age), vouches }
}

#[test]
fn a_sound_request_is_granted_whatever_the_act() {
    for act in Act::ALL {
        let case = sound(*act);
        let Decision::Granted { grant, at: when, within } = case.decide() else {
            panic!("{act}: {:?}", case.reasons());
        };
        assert_eq!(Some(grant), case.credential.map(|held| held.grant.key()));
        assert_eq!((when.earliest, when.latest), (at(NOW), at(NOW + 1)));
        assert_eq!(within, Duration::from_secs(14));
    }
}

#[test]
fn rows_1_and_2_authenticity() {
    for reason in Reason::ALL.iter().filter(|reason| reason.row() <= 2) {
        let mut case = sound(Act::Unlock);
        for (_, worse) in WORSE {
            worse(&mut case);
        }
        case.authenticity = Err(*reason);
        assert_eq!(case.reasons(), [*reason], "and nothing else is told");
    }
}

#[test]
fn row_3_deadline() {
    let late = [Reason::RequestExpired];
    assert_eq!(unlock(|case| case.clock = exact(NOW + 15, NOW + 16)), late);
    assert_eq!(unlock(|case| case.clock = exact(NOW, NOW + 15)), late, "possibly");
    assert_eq!(unlock(|case| case.age = LONGEST_LIFE), late);
    let last = LONGEST_LIFE.saturating_sub(Duration::from_nanos(1));
    assert_eq!(unlock(|case| case.age = last), []);
    // A clock that is not trusted knows still what the floor rules out.
    let floor = unlock(|case| {
        case.clock = nobody_knows(NOW + 15);
        case.challenge = Some(challenged(NOW + 14, 0, true));
    });
    assert_eq!(floor.first(), Some(&Reason::RequestExpired));
}

#[test]
fn row_4_seen_before() {
    assert_eq!(unlock(|case| case.prior = PriorCase::Conflict), [Reason::IdempotencyConflict]);
    let mut case = sound(Act::Unlock);
    case.prior = PriorCase::Same(granted_before());
    assert_eq!(case.decide(), Decision::Repeated(granted_before()));
    // Also when it comes again after its deadline, to a door that has changed.
    for (_, worse) in WORSE {
        worse(&mut case);
    }
    (case.authenticity, case.prior) = (Ok(()), PriorCase::Same(granted_before()));
    assert_eq!(case.decide(), Decision::Repeated(granted_before()));
}

#[test]
fn row_5_attempts() {
    assert_eq!(unlock(|case| case.attempts = Attempts::TooMany), [Reason::TooManyAttempts]);
}

#[test]
fn row_6_entry() {
    assert_eq!(unlock(|case| case.served = Served::Unknown), [Reason::UnknownEntry]);
    assert_eq!(unlock(|case| case.served = Served::Disabled), [Reason::EntryDisabled]);
}

#[test]
fn row_7_grant() {
    assert_eq!(unlock(|case| case.credential = None), [Reason::CredentialNotFound]);
    // Whose grant is over did not guess.
    let over = |case: &mut Case| (case.credential, case.not_taken) = (None, Some(Reason::Expired));
    assert_eq!(unlock(over), [Reason::Expired]);
    assert_eq!(unlock(|case| case.ledger_lost = true), [Reason::LedgerLost]);
    let ended = unlock(|case| case.held().ended = Some(GrantRemoved::LedgerLost));
    assert_eq!(ended.first(), Some(&Reason::LedgerLost));
}

#[test]
fn row_8_proof() {
    assert_eq!(unlock(|case| case.proof = Proof::BadProof), [Reason::InvalidProof]);
    assert_eq!(unlock(|case| case.proof = Proof::BadPin), [Reason::InvalidPin]);
}

#[test]
fn row_9_revoked() {
    let revoked = unlock(|case| case.held().ended = Some(GrantRemoved::Revoked));
    assert_eq!(revoked, [Reason::Revoked, Reason::UsesExhausted]);
    assert_eq!(unlock(|case| case.policy_fresh = false), [Reason::PolicyStale]);
}

#[test]
fn row_10_clock() {
    let lost = [Reason::ClockUntrusted];
    assert_eq!(unlock(|case| case.clock = nobody_knows(0)), lost);
    let fresh = |floor, signed_at, age, vouches| {
        unlock(|case| {
            case.clock = nobody_knows(floor);
            case.challenge = Some(challenged(signed_at, age, vouches));
        })
    };
    assert_eq!(fresh(0, NOW, 3, true), []);
    assert_eq!(fresh(0, NOW, 3, false), lost, "its key may not tell the time");
    assert_eq!(fresh(NOW + 4, NOW, 3, true), lost, "the floor knows better");
    assert_eq!(fresh(NOW + 3, NOW, 3, true), []);
    assert_eq!(fresh(0, NOW, 15, true), [Reason::RequestExpired]);
    // A clock that may be beyond the deadline asks for a challenge too.
    let wide = Reading { trust: Trust::Bounded, ..exact(NOW - 5, NOW + 20) };
    assert_eq!(unlock(|case| case.clock = wide), lost);
    let challenged_too = unlock(|case| {
        case.clock = wide;
        case.challenge = Some(challenged(NOW, 3, false));
    });
    assert_eq!(challenged_too, []);
    let narrow = Reading { trust: Trust::Bounded, ..exact(NOW - 5, NOW + 5) };
    assert_eq!(unlock(|case| case.clock = narrow), []);
    // One that is the wrong way round is none.
    assert_eq!(
        unlock(|case| case.clock = exact(NOW + 1, NOW)).first(),
        Some(&Reason::RequestExpired)
    );
    let wrong = Reading { trust: Trust::Bounded, ..exact(NOW + 1, NOW) };
    assert_eq!(unlock(|case| case.clock = wrong), lost);
}

#[test]
fn row_11_window() {
    let not_before = |second| unlock(|case| case.held().grant.not_before = at(second));
    assert_eq!(not_before(NOW), []);
    assert_eq!(not_before(NOW + 1), [Reason::NotYetActive], "possibly");
    let expires = |second| unlock(|case| case.held().grant.expires_at = at(second));
    assert_eq!(expires(NOW + 1), []);
    assert_eq!(expires(NOW), [Reason::Expired], "possibly");
    assert_eq!(unlock(|case| case.held().grant.believed_until = at(NOW)), [Reason::Expired]);
    let removed = unlock(|case| case.held().ended = Some(GrantRemoved::Expired));
    assert_eq!(removed.first(), Some(&Reason::Expired));
    // What a signer says of the time counts like a clock.
    let early = unlock(|case| {
        case.clock = nobody_knows(0);
        case.challenge = Some(challenged(NOW, 3, true));
        case.held().grant.not_before = at(NOW + 1);
    });
    assert_eq!(early, [Reason::NotYetActive]);
}

#[test]
fn row_12_schedule() {
    let on = |day: u8, zone: Option<jiff::tz::TimeZone>| {
        unlock(|case| {
            let window = Window { day, from_minute: 0, to_minute: 1_440 };
            case.held().grant.schedule = Schedule::new(vec![window], [].into()).ok();
            case.zone = zone;
        })
    };
    let utc = || Some(jiff::tz::TimeZone::UTC);
    assert_eq!(on(5, utc()), [], "the tests' now is a Friday");
    assert_eq!(on(6, utc()), [Reason::NotPermittedAtThisTime]);
    assert_eq!(on(5, None), [Reason::NotPermittedAtThisTime], "a zone that nobody knows");
    let east = jiff::tz::TimeZone::fixed(jiff::tz::offset(20));
    assert_eq!(on(5, Some(east)), [Reason::NotPermittedAtThisTime]);
}

#[test]
fn row_13_scope() {
    let outside = [Reason::NotAuthorized];
    assert_eq!(
        unlock(|case| {
            case.held().grant.actions.remove(&Act::Unlock);
        }),
        outside
    );
    assert_eq!(unlock(|case| case.held().grant.entry = EntryId::new("back")), outside);
    for name in ["another person", "another tenant"] {
        let change = WORSE.iter().find(|(known, _)| *known == name).map(|(_, change)| change);
        assert_eq!(unlock(|case| change.into_iter().for_each(|change| change(case))), outside);
    }
}

#[test]
fn row_14_uses_and_traffic() {
    assert_eq!(unlock(|case| case.held().used = 3), [Reason::UsesExhausted]);
    let removed = unlock(|case| case.held().ended = Some(GrantRemoved::UsedUp));
    assert_eq!(removed, [Reason::UsesExhausted]);
    let interval = |last: i64| {
        unlock(|case| {
            case.held().grant.min_interval_s = 60;
            case.held().last_use = Some(at(last));
        })
    };
    assert_eq!(interval(NOW - 60), []);
    assert_eq!(interval(NOW - 59), [Reason::TooSoon]);
    assert_eq!(interval(NOW + 500), [Reason::TooSoon], "a use from the future");
    let busy = [Reason::EntryBusy];
    assert_eq!(unlock(|case| case.traffic.command_in_flight = true), busy);
    for value in [Position::Opening, Position::Closing] {
        assert_eq!(unlock(|case| case.position.value = value), busy);
        assert_eq!(act(Act::Stop, |case| case.position.value = value), [], "what it is for");
    }
    assert_eq!(act(Act::Stop, |case| case.traffic.command_in_flight = true), []);
    assert_eq!(unlock(|case| case.traffic.passback = true), [Reason::Passback]);
}

#[test]
fn row_15_modes() {
    let table = [
        (Mode::LockedDown, Reason::Lockdown, false),
        (Mode::Privacy, Reason::PrivacyMode, false),
        (Mode::Blocked, Reason::Blocked, true),
        (Mode::Unknown, Reason::Blocked, true),
        (Mode::Fire, Reason::FireActive, true),
    ];
    for (mode, reason, also_securing) in table {
        for asked in Act::ALL {
            let refused = also_securing || !matches!(asked, Act::Lock | Act::Close);
            let expected: &[Reason] = if refused { &[reason] } else { &[] };
            assert_eq!(
                act(*asked, |case| {
                    case.modes.insert(mode);
                }),
                expected,
                "{asked}"
            );
        }
    }
}

#[test]
fn row_16_endpoints() {
    for asked in Act::ALL {
        let role = needs::acting(*asked);
        let with = |state: RoleState| act(*asked, |case| *case.role(role) = state);
        let sound = RoleState::SOUND;
        let offline = [Reason::EndpointOffline];
        assert_eq!(with(RoleState { reach: Reach::Offline, ..sound }), offline);
        assert_eq!(with(RoleState { fresh: false, ..sound }), offline);
        assert_eq!(
            act(*asked, |case| {
                case.roles.remove(&role);
            }),
            offline
        );
        let away = with(RoleState { reach: Reach::VendorUnavailable, ..sound });
        assert_eq!(away, [Reason::VendorUnavailable]);
        assert_eq!(with(RoleState { battery: Battery::Low, ..sound }), [Reason::LowBattery]);
    }
}

#[test]
fn row_17_position_at_a_toggle_opener() {
    let toggle = |asked, change: fn(&mut Case)| {
        act(asked, |case| {
            case.physical.toggle = true;
            change(case);
        })
    };
    let unknown = [Reason::StateUnknown];
    for asked in [Act::Open, Act::Stop, Act::Close] {
        assert_eq!(toggle(asked, |_| {}), []);
        assert_eq!(toggle(asked, |case| case.position.quality = FactQuality::Stale), unknown);
        assert_eq!(toggle(asked, |case| case.position.quality = FactQuality::Assumed), unknown);
        assert_eq!(toggle(asked, |case| case.position.value = Position::Unknown), unknown);
        assert_eq!(toggle(asked, |case| case.position.value = Position::Fault), unknown);
        assert_eq!(toggle(asked, |case| case.role(Role::Position).fresh = false), unknown);
        assert_eq!(
            toggle(asked, |case| {
                case.roles.remove(&Role::Position);
            }),
            unknown
        );
        let same = act(asked, |case| {
            case.roles.remove(&Role::Position);
        });
        assert_eq!(same, [], "another opener does not depend on it");
    }
    assert_eq!(
        toggle(Act::Unlock, |case| {
            case.roles.remove(&Role::Position);
        }),
        []
    );
}

#[test]
fn row_17_closing() {
    let close = |change: fn(&mut Case)| act(Act::Close, change);
    let obstructed = [Reason::Obstructed];
    assert_eq!(close(|case| case.physical.way = Way::Obstructed), obstructed);
    assert_eq!(close(|case| case.physical.way = Way::Unknown), obstructed);
    assert_eq!(close(|case| case.role(Role::Obstruction).fresh = false), obstructed);
    assert_eq!(
        close(|case| {
            case.roles.remove(&Role::Obstruction);
        }),
        obstructed
    );
    let offline = close(|case| case.role(Role::Obstruction).reach = Reach::Offline);
    assert_eq!(offline, [Reason::EndpointOffline, Reason::Obstructed]);
    let unwarned = close(|case| {
        case.roles.remove(&Role::Warning);
    });
    assert_eq!(unwarned, [Reason::WarningUnavailable]);
    let away = close(|case| case.role(Role::Warning).reach = Reach::VendorUnavailable);
    assert_eq!(away, [Reason::VendorUnavailable, Reason::WarningUnavailable]);
    let never = close(|case| case.physical.unattended_close = false);
    assert_eq!(never, [Reason::UnattendedCloseNotEnabled]);
    for other in [Act::Open, Act::Stop, Act::Lock, Act::Unlock] {
        let spared = act(other, |case| {
            case.physical.unattended_close = false;
            case.physical.way = Way::Obstructed;
            case.roles.remove(&Role::Obstruction);
            case.roles.remove(&Role::Warning);
        });
        assert_eq!(spared, [], "{other}");
    }
}

#[test]
fn the_first_failure_wins_and_all_are_listed() {
    let mut case = sound(Act::Close);
    for (name, worse) in WORSE {
        if !["not authentic", "no grant", "ledger lost"].contains(name) {
            worse(&mut case);
        }
    }
    // Where no time is known, nothing is said of windows; of two that exclude each other, one.
    let expected = [
        Reason::IdempotencyConflict,
        Reason::TooManyAttempts,
        Reason::UnknownEntry,
        Reason::LedgerLost,
        Reason::InvalidPin,
        Reason::PolicyStale,
        Reason::ClockUntrusted,
        Reason::NotAuthorized,
        Reason::UsesExhausted,
        Reason::EntryBusy,
        Reason::Passback,
        Reason::Blocked,
        Reason::FireActive,
        Reason::EndpointOffline,
        Reason::StateUnknown,
        Reason::Obstructed,
        Reason::WarningUnavailable,
        Reason::UnattendedCloseNotEnabled,
    ];
    assert_eq!(case.reasons(), expected);
    case.prior = PriorCase::New;
    assert_eq!(case.reasons(), expected[1..]);
}

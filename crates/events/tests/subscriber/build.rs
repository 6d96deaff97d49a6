//! What cannot work is found when the subscriber is built.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::EventType;
use doorward_events::subscribe::store::Memory;
use doorward_events::subscribe::{
    BuildError, Builder, Failure, MAX_HANDLING_TIME, Policies, Retry, Subscriber,
};
use proptest::prelude::*;

use crate::stand::Stand;

fn named(name: &str) -> Builder {
    Subscriber::builder(name, Policies::strict(), Arc::new(Memory::new(1)))
}

#[test]
fn what_cannot_work_is_found() {
    let stand = Stand::new();
    let handler = || stand.secured(|_| Ok::<(), Failure>(()));
    for name in ["", "Billing", "a/b", &"a".repeat(65)] {
        assert_eq!(named(name).on(handler()).build().err(), Some(BuildError::Consumer), "{name}");
    }
    assert_eq!(named("a").build().err(), Some(BuildError::NoHandler));
    let twice = named("a").on(handler()).repeatable_on(handler()).build();
    assert_eq!(twice.err(), Some(BuildError::Twice(EventType::VisitSecured)));
    for time in [Duration::ZERO, MAX_HANDLING_TIME + Duration::from_secs(1)] {
        let built = named("a").on(handler()).handling_time(time).build();
        assert_eq!(built.err(), Some(BuildError::HandlingTime), "{time:?}");
    }
    let second = Duration::from_secs(1);
    for retry in
        [Retry { first: Duration::ZERO, most: second }, Retry { first: second * 2, most: second }]
    {
        let built = named("a").on(handler()).retry(retry).build();
        assert_eq!(built.err(), Some(BuildError::Retry), "{retry:?}");
    }
    for accounts in [&[][..], &["12345678901"], &["123456789012", "12345678901x"]] {
        let built = named("a").on(handler()).platform_accounts(accounts.iter().copied()).build();
        assert_eq!(built.err(), Some(BuildError::PlatformAccounts), "{accounts:?}");
    }
    let trusting = Subscriber::builder("a", Policies::tolerant(), Arc::new(Memory::new(1)));
    let built = trusting.on(handler()).platform_accounts(["123456789012"]).build();
    assert_eq!(built.err(), Some(BuildError::AccountsUnused));
    let good = named(&"a".repeat(64)).on(handler()).build().unwrap();
    assert_eq!(good.types().collect::<Vec<_>>(), [EventType::VisitSecured]);
}

proptest! {
    /// Waits stay between half of what they grow to and that, and within the longest.
    #[test]
    fn waits_grow_and_are_bounded(attempt in any::<u32>(), jitter in 0.0..1.0_f64) {
        let wait = Retry::DEFAULT.after(attempt, jitter);
        prop_assert!(wait >= Retry::DEFAULT.first / 2 && wait <= Retry::DEFAULT.most);
        let full = Retry::DEFAULT.after(attempt, 0.0);
        prop_assert!(wait >= full / 2 && wait <= full);
        prop_assert!(Retry::DEFAULT.after(attempt.saturating_add(1), 0.0) >= full);
    }
}

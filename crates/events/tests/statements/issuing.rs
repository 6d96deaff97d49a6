//! What an issuer signs, and what it refuses to.

use doorward_events::statement::{
    Accepts, Address, Grant, GrantUse, IssueError, Issued, Issuer, KeyId, LocalSigner,
    REQUEST_LIFETIME, Request, Revocation, SignError, SignFuture, Signer,
};
use doorward_events::types::{
    AccessAction, EntryLockRequested, EntryOpenRequested, EntryUnlockRequested, GrantIssued,
    GrantRevoked,
};
use doorward_events::types::{Weekday, WeeklySchedule, WeeklyWindow};
use doorward_events::{Envelope, EventType, Form, PublisherId, validate};
use jiff::SignedDuration;
use proptest::prelude::*;
use uuid::Uuid;

use crate::world::{
    ALL_TYPES, Counting, JOURNAL, accepts, accepts_of, address, arrives, clock, grant, issuer,
    judge, judge_at, now, origin, payload, publisher, request, revocation, started, time,
};

#[test]
fn an_issued_event_is_whole_and_its_copies_are_the_statements() {
    let cause = Envelope::new(Uuid::now_v7(), clock().earliest, publisher(), "acme".into());
    let address = address().caused_by(&cause);
    let issued = now(issuer().grant(&accepts(), Grant { address, ..grant() })).unwrap();
    let text = issued.draft.finish();
    assert_eq!(validate(text.as_bytes(), Form::Writer), Ok(EventType::GrantIssued));
    assert_eq!(issued.data.signed, issued.signed);
    assert_eq!(payload(&issued.signed), serde_json::to_value(&issued.statement).unwrap());
    assert_eq!(issued.statement.journal_id, JOURNAL.to_string());

    let received = arrives::<GrantIssued>(&issued.draft);
    let Envelope { tenant_id, site_id, entry_id, causation_id, correlation_id, test, time, .. } =
        received.envelope.clone();
    assert_eq!(
        (&*tenant_id, site_id.as_deref(), entry_id.as_deref()),
        ("acme", Some("hq"), Some("front-door"))
    );
    assert_eq!((causation_id, correlation_id, test), (Some(cause.id), Some(cause.id), false));
    assert_eq!(time, grant().issued_at);
    assert_eq!(received.envelope.publisher, publisher());
    assert!(judge(&received).is_ok());
}

#[test]
fn each_request_is_of_its_own_type() {
    let unlock = now(issuer().request::<EntryUnlockRequested>(&accepts(), request())).unwrap();
    let open = now(issuer().request::<EntryOpenRequested>(&accepts(), request())).unwrap();
    let lock = now(issuer().request::<EntryLockRequested>(&accepts(), request())).unwrap();
    assert_eq!(unlock.statement.type_, "entry.unlock_requested");
    assert!(judge(&arrives::<EntryUnlockRequested>(&unlock.draft)).is_ok());
    assert!(judge(&arrives::<EntryOpenRequested>(&open.draft)).is_ok());
    assert!(judge(&arrives::<EntryLockRequested>(&lock.draft)).is_ok());
    let new = Request::now(address(), "s");
    assert_eq!(new.lifetime, REQUEST_LIFETIME);
    assert_eq!(REQUEST_LIFETIME, SignedDuration::from_secs(15));
    assert_eq!(unlock.statement.not_after, "2026-11-21T10:00:15Z");
}

/// Whatever is refused was never signed: nobody has a signature of it.
fn refused<T>(ask: impl FnOnce(&Issuer) -> Result<T, IssueError>) -> IssueError {
    let signer = Counting::new();
    let issuer = Issuer::new(signer.clone(), publisher()).unwrap();
    let error = ask(&issuer).err().unwrap_or_else(|| panic!("it is issued"));
    assert_eq!(signer.signatures(), 0, "{error}");
    assert!(!error.is_retryable());
    error
}

fn refused_grant(change: impl FnOnce(&mut Grant)) -> IssueError {
    let mut asked = grant();
    change(&mut asked);
    refused(|issuer| now(issuer.grant(&accepts(), asked)))
}

fn refused_request(change: impl FnOnce(&mut Request)) -> IssueError {
    let mut asked = request();
    change(&mut asked);
    refused(|issuer| now(issuer.request::<EntryUnlockRequested>(&accepts(), asked)))
}

#[test]
fn what_the_schema_refuses_is_not_signed() {
    let pointer = |error: IssueError| match error {
        IssueError::Invalid(invalid) => {
            assert!(!invalid.to_string().contains("hush"), "{invalid}");
            invalid.errors[0].pointer.clone()
        }
        other => panic!("{other}"),
    };
    let other = AccessAction::Other("hush".to_owned());
    assert_eq!(pointer(refused_grant(|g| g.actions = vec![other])), "/actions/0");
    assert_eq!(pointer(refused_grant(|g| g.actions = vec![])), "/actions");
    assert_eq!(pointer(refused_grant(|g| g.actions = vec![AccessAction::Lock; 2])), "/actions");
    assert_eq!(pointer(refused_grant(|g| g.max_uses = 0)), "/max_uses");
    assert_eq!(pointer(refused_grant(|g| g.max_uses = 1_000_001)), "/max_uses");
    assert_eq!(pointer(refused_grant(|g| g.min_interval_s = Some(0))), "/min_interval_s");
    assert_eq!(pointer(refused_grant(|g| g.subject_ref = "hush hush".to_owned())), "/subject_ref");
    assert_eq!(pointer(refused_grant(|g| g.subject_ref = String::new())), "/subject_ref");
    let place = |g: &mut Grant, tenant: &str, entry: &str| {
        (g.address.tenant_id, g.address.entry_id) = (tenant.to_owned(), Some(entry.to_owned()));
    };
    let asked = refused(|issuer| {
        let mut asked = grant();
        place(&mut asked, "hush!", "e");
        now(issuer.grant(&accepts_of("gw-1", "hush!"), asked))
    });
    assert_eq!(pointer(asked), "/tenant_id");
    assert_eq!(pointer(refused_grant(|g| place(g, "acme", &"hush".repeat(17)))), "/entry_id");
    assert_eq!(pointer(refused_request(|r| r.challenge = Some("hush".to_owned()))), "/challenge");
}

#[test]
fn nothing_is_signed_that_counts_for_too_long() {
    assert_eq!(refused_grant(|g| g.not_before = g.expires_at), IssueError::Window);
    assert_eq!(refused_grant(|g| g.expires_at = time("2026-11-21T08:59:59Z")), IssueError::Window);
    let longest = SignedDuration::from_hours(366 * 24);
    let over = longest + SignedDuration::from_nanos(1);
    assert_eq!(
        refused_grant(|g| g.expires_at = g.not_before + over),
        IssueError::TooLong { longest }
    );
    let year = Grant { expires_at: grant().not_before + longest, ..grant() };
    assert!(now(issuer().grant(&accepts(), year.clone())).is_ok());

    let week = SignedDuration::from_hours(7 * 24);
    let issuer = issuer().with_longest_validity(week).unwrap();
    assert_eq!(
        now(issuer.grant(&accepts(), year)).unwrap_err(),
        IssueError::TooLong { longest: week }
    );
    assert!(now(issuer.request::<EntryLockRequested>(&accepts(), request())).is_ok());
    for wrong in [SignedDuration::ZERO, over] {
        assert!(crate::world::issuer().with_longest_validity(wrong).is_err());
    }

    let minute = SignedDuration::from_secs(60);
    let lasting = |lifetime| Request { lifetime, ..request() };
    assert!(
        now(crate::world::issuer().request::<EntryLockRequested>(&accepts(), lasting(minute)))
            .is_ok()
    );
    let over = minute + SignedDuration::from_nanos(1);
    assert_eq!(refused_request(|r| r.lifetime = over), IssueError::TooLong { longest: minute });
    for wrong in [SignedDuration::ZERO, -minute, SignedDuration::MAX] {
        assert_eq!(refused_request(|r| r.lifetime = wrong), IssueError::Window);
    }
}

#[test]
fn nothing_is_signed_that_the_gateway_does_not_read() {
    let gateway = |instance: &str| PublisherId::new("doorward.gateway", instance);
    let says = |types: &[(&str, &str)]| Accepts::from_started(&started(gateway("gw-1"), types));
    let ask = |accepts: &Accepts| refused(|issuer| now(issuer.grant(accepts, grant())));
    let nothing = IssueError::NotAccepted(EventType::GrantIssued);
    assert_eq!(ask(&says(&[]).unwrap()), nothing);
    assert_eq!(ask(&says(&[("grant.issued", "2.0")]).unwrap()), nothing);
    assert_eq!(ask(&says(&[("grant.revoked", "1.0")]).unwrap()), nothing);
    let only_grants = says(&[("grant.issued", "1.0")]).unwrap();
    assert!(now(issuer().grant(&only_grants, grant())).is_ok());
    let asked = refused(|i| now(i.request::<EntryOpenRequested>(&only_grants, request())));
    assert_eq!(asked, IssueError::NotAccepted(EventType::EntryOpenRequested));
    let asked = refused(|i| now(i.revoke(&only_grants, revocation())));
    assert_eq!(asked, IssueError::NotAccepted(EventType::GrantRevoked));

    let other = Accepts::from_started(&started(gateway("gw-2"), &ALL_TYPES)).unwrap();
    assert_eq!(ask(&other), IssueError::OtherGateway);
    // The name fits, and the gateway is somebody else's: neither says anything to it.
    let of_other = accepts_of("gw-1", "other");
    assert_eq!((of_other.gateway(), of_other.tenant_id()), ("gw-1", "other"));
    assert_eq!(ask(&of_other), IssueError::OtherTenant);
    let asked = refused(|i| now(i.request::<EntryOpenRequested>(&of_other, request())));
    assert_eq!(asked, IssueError::OtherTenant);
    let asked = refused(|i| now(i.revoke(&of_other, revocation())));
    assert_eq!(asked, IssueError::OtherTenant);
    assert_eq!(
        refused_grant(|g| g.address.tenant_id = "other".to_owned()),
        IssueError::OtherTenant
    );
    let not_a_gateway = started(publisher(), &ALL_TYPES);
    assert_eq!(Accepts::from_started(&not_a_gateway), None);
    let mut nowhere = started(gateway("gw-1"), &ALL_TYPES);
    nowhere.origin = None;
    assert_eq!(Accepts::from_started(&nowhere), None);
}

#[test]
fn what_a_gateway_said_last_counts() {
    let said = |instance: &str, journal, at: &str, sequence| {
        let mut event = started(PublisherId::new("doorward.gateway", instance), &ALL_TYPES);
        event.origin = Some(origin(journal, at, sequence));
        Accepts::from_started(&event).unwrap()
    };
    let (ten, eleven) = ("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z");
    let first = said("gw-1", JOURNAL, ten, 7);
    assert!(!first.is_newer_than(&first));
    let later = said("gw-1", JOURNAL, ten, 8);
    assert!(later.is_newer_than(&first) && !first.is_newer_than(&later));
    // Within a journal the sequence decides, whatever the clock says.
    let set_back = said("gw-1", JOURNAL, "2020-01-01T00:00:00Z", 9);
    assert!(set_back.is_newer_than(&later) && !later.is_newer_than(&set_back));
    let new_journal = said("gw-1", Uuid::from_u128(9), eleven, 1);
    assert!(new_journal.is_newer_than(&later) && !later.is_newer_than(&new_journal));
    let other = said("gw-2", JOURNAL, eleven, 9);
    assert!(!other.is_newer_than(&first) && !first.is_newer_than(&other));
    assert_eq!((first.gateway(), first.journal_id()), ("gw-1", JOURNAL));
}

#[test]
fn a_request_relies_on_a_grant_of_this_journal_and_door() {
    let right = || now(issuer().grant(&accepts(), grant())).unwrap().to_use().unwrap();
    let issued =
        now(issuer().request::<EntryUnlockRequested>(&accepts(), request().using(right())));
    let Issued { statement, data, .. } = issued.unwrap();
    assert_eq!(statement.grant_id, Some(grant().grant_id.to_string()));
    assert_eq!(data.grant_id, statement.grant_id);
    let by_id = GrantUse { signed: None, ..right() };
    assert!(
        now(issuer().request::<EntryUnlockRequested>(&accepts(), request().using(by_id.clone())))
            .is_ok()
    );

    let lost = Uuid::from_u128(9);
    let ask = |change: &dyn Fn(&mut GrantUse)| {
        let mut right = right();
        change(&mut right);
        refused_request(|r| r.grant = Some(right))
    };
    assert_eq!(ask(&|g| g.journal_id = lost), IssueError::OtherJournal);
    assert_eq!(
        ask(&|g| *g = GrantUse { journal_id: lost, ..by_id.clone() }),
        IssueError::OtherJournal
    );
    assert_eq!(ask(&|g| g.grant_id = lost), IssueError::OtherGrant);
    assert_eq!(ask(&|g| g.signed = Some("e30.e30.AA".to_owned())), IssueError::OtherGrant);

    let of = |grant: Grant| now(issuer().grant(&accepts(), grant)).unwrap().to_use();
    let asked = |right| refused_request(|r| r.grant = right);
    let elsewhere = |entry: &str, tenant: &str| Address::new(tenant, "gw-1", entry).at_site("hq");
    let back = of(Grant { address: elsewhere("back-door", "acme"), ..grant() });
    assert_eq!(asked(back), IssueError::OtherGrant);
    let tenant = Grant { address: elsewhere("front-door", "other"), ..grant() };
    let tenant = now(issuer().grant(&accepts_of("gw-1", "other"), tenant)).unwrap();
    assert_eq!(asked(tenant.to_use()), IssueError::OtherGrant);
    // Of another issuer, and else the very same.
    let property = PublisherId::new("acme.property", "a");
    let property = Issuer::new(crate::world::property(), property).unwrap();
    let others = now(property.grant(&accepts(), grant())).unwrap();
    assert_eq!(asked(others.to_use()), IssueError::OtherGrant);
    let subject = of(Grant { subject_ref: "somebody-else".to_owned(), ..grant() });
    assert_eq!(asked(subject), IssueError::OtherGrant);
    // Said to be of this journal, and signed for another.
    let gateway = PublisherId::new("doorward.gateway", "gw-1");
    let mut before = started(gateway, &ALL_TYPES);
    before.origin = Some(origin(lost, "2026-01-01T00:00:00Z", 1));
    let old = now(issuer().grant(&Accepts::from_started(&before).unwrap(), grant())).unwrap();
    let old = GrantUse { journal_id: JOURNAL, ..old.to_use().unwrap() };
    assert_eq!(asked(Some(old)), IssueError::OtherJournal);
}

#[test]
fn an_issuer_is_registered_for_what_it_says() {
    let made = |name: &str| Issuer::new(crate::world::delivery(), PublisherId::new(name, "a"));
    for name in ["nobody", "doorward.gateway", "", "aws.events"] {
        assert_eq!(made(name).err(), Some(IssueError::NotRegistered), "{name}");
    }
    let signer = Counting::new();
    let property = Issuer::new(signer.clone(), PublisherId::new("acme.property", "a")).unwrap();
    let request = now(property.request::<EntryOpenRequested>(&accepts(), request()));
    let IssueError::Invalid(invalid) = request.unwrap_err() else { panic!() };
    assert_eq!(invalid.errors[0].pointer, "/publisher/name");
    assert_eq!(signer.signatures(), 0);
    assert!(now(property.grant(&accepts(), grant())).is_ok());
}

/// The longest statements that there can be, under the longest key id, fit their bounds, and with
/// them what KMS signs in one call.
#[test]
fn the_longest_statements_fit() {
    const KMS: usize = 4096;
    let signer = || LocalSigner::from_seed(KeyId::new(&"k".repeat(64)).unwrap(), &[2; 32]).unwrap();
    let issuer = Issuer::new(signer(), PublisherId::new("acme.delivery", "i".repeat(64))).unwrap();
    let gateway = "g".repeat(64);
    let accepts = accepts_of(&gateway, &"t".repeat(64));
    let address = Address::new("t".repeat(64), gateway, "e".repeat(64)).at_site("s".repeat(64));
    let nanos = SignedDuration::from_nanos(123_456_789);
    let widest = Grant {
        address: address.clone(),
        subject_ref: "s".repeat(64),
        actions: ["unlock", "lock", "open", "close", "stop", "unlatch"]
            .map(AccessAction::from)
            .to_vec(),
        issued_at: grant().issued_at + nanos,
        not_before: grant().not_before + nanos,
        expires_at: grant().expires_at + nanos,
        max_uses: 1_000_000,
        min_interval_s: Some(86_400),
        ..grant()
    };
    assert_eq!(AccessAction::WORDS.len(), widest.actions.len());
    let issued = now(issuer.grant(&accepts, widest)).unwrap();
    assert!(issued.signed.len() <= 2048, "{}", issued.signed.len());
    let request = Request {
        address,
        subject_ref: "s".repeat(64),
        challenge: Some("c".repeat(128)),
        issued_at: request().issued_at + nanos,
        ..request()
    };
    let request = request.using(issued.to_use().unwrap());
    let issued = now(issuer.request::<EntryUnlockRequested>(&accepts, request)).unwrap();
    let signing_input = issued.signed.len() - 87;
    assert!(signing_input <= KMS, "{signing_input}");
}

struct Failing(LocalSigner, SignError);

impl Signer for Failing {
    fn kid(&self) -> &KeyId {
        self.0.kid()
    }

    fn public_key(&self) -> doorward_events::statement::PublicKey {
        self.0.public_key()
    }

    fn sign<'a>(&'a self, _: &'a [u8]) -> SignFuture<'a> {
        Box::pin(std::future::ready(Err(self.1.clone())))
    }
}

#[test]
fn a_signer_that_fails_says_whether_to_ask_again() {
    let code = || "Throttling".to_owned();
    for (error, again) in [
        (SignError::Retryable { code: code() }, true),
        (SignError::Final { code: code() }, false),
        (SignError::TooLong { bytes: 5000, limit: 4096 }, false),
        (SignError::WrongSignature, false),
    ] {
        let signer = Failing(crate::world::delivery(), error.clone());
        let issuer = Issuer::new(signer, publisher()).unwrap();
        let failed = now(issuer.revoke(&accepts(), revocation())).unwrap_err();
        assert_eq!(failed.is_retryable(), again, "{failed}");
        assert_eq!(failed, IssueError::Sign(error));
    }
}

fn id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

prop_compose! {
    /// The longest one fits a grant that a request brings.
    fn any_schedule()(
        windows in prop::collection::vec(
            (prop::sample::select(WEEK.to_vec()), 0..24_u8, 0..=48_u8, 0..60_u8),
            1..=28,
        ),
        holidays in prop::collection::btree_set((2026..=2100_u16, 1..=12_u8, 1..=28_u8), 0..=40),
    ) -> WeeklySchedule {
        let window = |(day, from, to, minute)| WeeklyWindow {
            day,
            from: format!("{from:02}:{minute:02}"),
            to: format!("{to:02}:00"),
        };
        let date = |(year, month, day)| format!("{year}-{month:02}-{day:02}");
        WeeklySchedule {
            windows: windows.into_iter().map(window).collect(),
            holidays: holidays.into_iter().map(date).collect(),
        }
    }
}

prop_compose! {
    fn any_grant()(
        (entry, site, subject) in (id(), prop::option::of(id()), id()),
        actions in prop::sample::subsequence(AccessAction::WORDS, 1..=AccessAction::WORDS.len()),
        (from, length) in (0..4_000_000_000_i64, 1..=31_622_400_i64),
        (uses, interval) in (1..=1_000_000_u32, prop::option::of(1..=86_400_u32)),
        id in any::<u128>(),
        schedule in prop::option::of(any_schedule()),
    ) -> Grant {
        let mut address = Address::new("acme", "gw-1", entry);
        address.site_id = site;
        let not_before = jiff::Timestamp::from_second(from).unwrap();
        Grant {
            address,
            grant_id: Uuid::from_u128(id),
            subject_ref: subject,
            actions: actions.into_iter().map(AccessAction::from).collect(),
            issued_at: clock().earliest,
            not_before,
            expires_at: not_before + SignedDuration::from_secs(length),
            max_uses: uses,
            min_interval_s: interval,
            schedule,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_issued_is_believed(grant in any_grant(), seconds in 1..=60_i64) {
        let site = grant.address.site_id.as_deref();
        let issued = now(issuer().grant(&accepts(), grant.clone())).unwrap();
        let verified = judge_at(&arrives::<GrantIssued>(&issued.draft), site).unwrap();
        prop_assert_eq!(verified.statement(), &issued.statement);
        let request = Request {
            address: grant.address.clone(),
            subject_ref: grant.subject_ref.clone(),
            lifetime: SignedDuration::from_secs(seconds),
            ..request()
        };
        let request = request.using(issued.to_use().unwrap());
        let asked = now(issuer().request::<EntryOpenRequested>(&accepts(), request)).unwrap();
        let verified = judge_at(&arrives::<EntryOpenRequested>(&asked.draft), site).unwrap();
        prop_assert_eq!(verified.grant().unwrap().statement(), &issued.statement);
        let end = Revocation::now(grant.address.clone(), grant.grant_id, grant.expires_at);
        let ended = now(issuer().revoke(&accepts(), end)).unwrap();
        prop_assert!(judge_at(&arrives::<GrantRevoked>(&ended.draft), site).is_ok());
    }

    /// Any letter of the signed text exchanged, dropped or doubled; any member changed beside it.
    #[test]
    fn whatever_is_changed_is_not_believed(
        grant in any_grant(),
        at in any::<prop::sample::Index>(),
        letter in "[A-Za-z0-9_.=-]",
        how in 0..3,
    ) {
        let site = grant.address.site_id.clone();
        let judge = |event: &_| judge_at(event, site.as_deref());
        let issued = now(issuer().grant(&accepts(), grant)).unwrap();
        let mut received = arrives::<GrantIssued>(&issued.draft);
        let good = received.data.signed.clone();
        let at = at.index(good.len());
        let kept = match how {
            0 => format!("{}{letter}{}", &good[..at], &good[at + 1..]),
            1 => format!("{}{}", &good[..at], &good[at + 1..]),
            _ => format!("{}{letter}{}", &good[..at], &good[at..]),
        };
        prop_assume!(kept != good);
        received.data.signed = kept;
        prop_assert!(judge(&received).is_err());
        received.data.signed = good;
        prop_assert!(judge(&received).is_ok());
    }
}

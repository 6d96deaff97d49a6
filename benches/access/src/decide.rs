//! The decision alone: a request to which nothing is wrong, so that every row is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use doorward::domain::access::ledger::Held;
use doorward::domain::access::{
    Asker, Attempts, BodyDigest, Credential, Deadline, Decision, Grant, IssuerName, Physical,
    Prior, Proof, Question, Reading, RoleState, Served, SubjectRef, TenantId, Traffic, Trust, Way,
    decide,
};
use doorward::domain::entry::Role;
use doorward::domain::fact::{Fact, FactQuality};
use doorward::domain::ids::EntryId;
use doorward_translators::{Act, Position};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use uuid::Uuid;

/// How often each part is done in a round.
const TIMES: u32 = 2_000;
/// The length of a signed request without its grant, in bytes.
const REQUEST: [u8; 700] = [0x61; 700];

/// Measures, and prints a table.
pub fn run(rounds: usize) -> Result<()> {
    let now = Timestamp::from_second(1_800_000_000)?;
    let entry = EntryId::new("front-door");
    let (tenant, subject) = (TenantId::new("acme"), SubjectRef::new("courier-7"));
    let held = held(&entry, &tenant, &subject, now)?;
    let position = Fact { quality: FactQuality::Observed, ..Fact::unknown(Position::Closed) };
    let roles: BTreeMap<Role, RoleState> =
        [Role::Lock, Role::Position].map(|role| (role, RoleState::SOUND)).into();
    let modes = BTreeSet::new();
    let zone = TimeZone::UTC;
    let question = Question {
        authenticity: Ok(()),
        act: Act::Unlock,
        entry: &entry,
        asker: Asker { tenant: &tenant, subject: &subject },
        deadline: Deadline {
            not_after: now.checked_add(SignedDuration::from_secs(15))?,
            age: Duration::from_millis(2),
        },
        clock: Reading { earliest: now, latest: now, trust: Trust::Full },
        challenge: None,
        prior: Prior::New,
        attempts: Attempts::Admitted,
        served: Served::Enabled,
        credential: Credential::Held(&held),
        proof: Proof::Good,
        policy_fresh: true,
        zone: Some(&zone),
        traffic: Traffic::default(),
        position: &position,
        modes: &modes,
        roles: &roles,
        physical: Physical { toggle: false, way: Way::Clear, unattended_close: false },
    };
    let granted = matches!(decide(&question), Decision::Granted { .. });
    ensure!(granted, "nothing should be wrong with it: {:?}", decide(&question));

    let random = SystemRandom::new();
    let document = Ed25519KeyPair::generate_pkcs8(&random)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
        .map_err(|_| anyhow::anyhow!("the key cannot be read"))?;
    let signature = pair.sign(&REQUEST);
    let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref().to_vec());

    let mut times: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        let turn = [
            each(|| matches!(decide(black_box(&question)), Decision::Granted { .. })),
            each(|| public.verify(black_box(&REQUEST), signature.as_ref()).is_ok()),
            each(|| {
                let digest = ring::digest::digest(&ring::digest::SHA256, black_box(&REQUEST));
                digest.as_ref().len() == 32
            }),
        ];
        times.iter_mut().zip(turn).for_each(|(of, time)| of.push(time));
    }
    let [decided, verified, digested] = times.map(|mut of| {
        of.sort_by(f64::total_cmp);
        of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
    });
    println!("| on one core, median of {rounds} rounds | µs | a second |");
    println!("|---|---|---|");
    for (name, time) in [
        ("decision", decided),
        ("verification of one Ed25519 signature (ring)", verified),
        ("SHA-256 of the request, 700 bytes (ring)", digested),
    ] {
        println!("| {name} | {:.3} | {:.0} |", time / 1e3, 1e9 / time);
    }
    println!("- decision / verification {:.4}", decided / verified);
    println!("- decision / SHA-256 {:.2}", decided / digested);
    Ok(())
}

/// Nanoseconds that one takes.
fn each(mut one: impl FnMut() -> bool) -> f64 {
    let begun = Instant::now();
    for _ in 0..TIMES {
        black_box(one());
    }
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
}

fn held(entry: &EntryId, tenant: &TenantId, subject: &SubjectRef, now: Timestamp) -> Result<Held> {
    let expires_at = now.checked_add(SignedDuration::from_hours(1))?;
    let grant = Grant {
        grant_id: Uuid::from_u128(1),
        issuer: IssuerName::new("acme.delivery"),
        tenant: tenant.clone(),
        entry: entry.clone(),
        journal_id: Uuid::from_u128(2),
        subject: subject.clone(),
        actions: BTreeSet::from([Act::Unlock]),
        not_before: now.checked_sub(SignedDuration::from_hours(1))?,
        expires_at,
        max_uses: 1,
        min_interval_s: 0,
        schedule: None,
        believed_until: expires_at,
    };
    Ok(Held {
        keep_until: expires_at,
        grant,
        body: BodyDigest([1; 32]),
        used: 0,
        pending: 0,
        readmitted: 0,
        last_use: None,
        ended: None,
    })
}

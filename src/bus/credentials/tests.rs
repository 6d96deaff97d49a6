#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use doorward_emulator::{Authority, Iot, Mood, ROLE_ALIAS, THING};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::exchange::answer;
use super::*;
use crate::config::IotConfig;

struct Stand {
    folder: TempDir,
    authority: Authority,
    iot: Iot,
}

impl Stand {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let iot = Iot::start(&authority);
        Self { folder, authority, iot }
    }

    fn config(&self, files: (std::path::PathBuf, std::path::PathBuf)) -> IotConfig {
        IotConfig {
            endpoint: self.iot.endpoint(),
            role_alias: ROLE_ALIAS.to_owned(),
            thing_name: THING.to_owned(),
            certificate: files.0,
            key: files.1,
            ca: Some(self.authority.ca()),
        }
    }

    fn good(&self) -> IotConfig {
        self.config(self.authority.client("own", Duration::from_hours(1)))
    }
}

async fn code(config: &IotConfig) -> &'static str {
    match exchange(config, Timestamp::now()).await {
        Ok(exchanged) => panic!("keys for {:?}", exchanged.life),
        Err(failure) => {
            assert!(!failure.to_string().is_empty() && !failure.remedy().is_empty());
            failure.code()
        }
    }
}

#[tokio::test]
async fn a_certificate_is_exchanged_as_documented() {
    let stand = Stand::new();
    let config = stand.good();
    stand.iot.be(Mood::Keys(Duration::from_mins(15)));
    let Exchanged { credentials, life } = exchange(&config, Timestamp::now()).await.unwrap();
    assert_eq!(credentials.access_key_id(), "ASIATESTKEY00001");
    assert_eq!(credentials.session_token(), Some("a-token-of-the-test"));
    assert!(life > Duration::from_mins(14) && life <= Duration::from_mins(15), "{life:?}");
    let asked = stand.iot.asked();
    assert_eq!(asked[0].line, format!("GET /role-aliases/{ROLE_ALIAS}/credentials HTTP/1.1"));
    assert_eq!(asked[0].sni.as_deref(), Some("localhost"));
    assert_eq!(asked[0].thing.as_deref(), Some(THING));
    let shown = format!("{credentials:?}");
    assert!(!shown.contains("a-secret") && !shown.contains("a-token"), "{shown}");
}

#[tokio::test]
async fn each_cause_has_its_own_word() {
    let stand = Stand::new();
    let good = stand.good();
    let other = |change: fn(&mut IotConfig)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    let alias = other(|config| config.role_alias = "none".to_owned());
    assert_eq!(code(&alias).await, "unknown_alias");
    let thing = other(|config| config.thing_name = "somebody".to_owned());
    assert_eq!(code(&thing).await, "refused");
    let nowhere = other(|config| config.endpoint = "nowhere.invalid:443".to_owned());
    assert_eq!(code(&nowhere).await, "name_unknown");
    let absent = other(|config| config.endpoint = "localhost:9".to_owned());
    assert_eq!(code(&absent).await, "endpoint_absent");
    let missing = other(|config| config.certificate = "/nowhere/certificate.pem".into());
    assert_eq!(code(&missing).await, "certificate_unusable");

    let pair = stand.authority.client("another", Duration::from_hours(1));
    let mixed = IotConfig { key: pair.1, ..good.clone() };
    assert_eq!(code(&mixed).await, "certificate_unusable");
    let expired = stand.config(stand.authority.expired_client("expired"));
    assert_eq!(code(&expired).await, "certificate_expired");
    let later = stand.config(stand.authority.later_client("later"));
    assert_eq!(code(&later).await, "certificate_not_yet_valid");

    let strangers = tempfile::tempdir().unwrap();
    let stranger = Authority::new(strangers.path());
    let unknown = stand.config(stranger.client("own", Duration::from_hours(1)));
    assert_eq!(code(&unknown).await, "tls_refused");
    let untrusting = IotConfig { ca: Some(stranger.ca()), ..good.clone() };
    assert_eq!(code(&untrusting).await, "endpoint_untrusted");

    let (certificate, key) = stand.authority.expired_client("server-of-old");
    let old = Iot::start_with(&stand.authority, &certificate, &key);
    let by_its_clock = IotConfig { endpoint: old.endpoint(), ..good.clone() };
    assert_eq!(code(&by_its_clock).await, "clock_wrong");
}

#[tokio::test]
async fn each_answer_has_its_own_word() {
    let stand = Stand::new();
    let config = stand.good();
    for (mood, expected) in [
        (Mood::Answer(403, "{\"message\":\"Access Denied\"}".to_owned()), "refused"),
        (Mood::Answer(400, "not JSON".to_owned()), "refused"),
        (Mood::Answer(404, String::new()), "unknown_alias"),
        (Mood::Answer(500, String::new()), "endpoint_failing"),
        (Mood::Answer(429, String::new()), "endpoint_failing"),
        (Mood::Garbage("<html>".to_owned()), "malformed_answer"),
        (Mood::Garbage("{\"credentials\":{\"accessKeyId\":\"A\"}}".to_owned()), "malformed_answer"),
        (Mood::Garbage("x".repeat(100_000)), "malformed_answer"),
        (Mood::HangUp, "endpoint_absent"),
        (Mood::Ahead(3600), "clock_wrong"),
        (Mood::Ahead(-3600), "clock_wrong"),
        (Mood::Keys(Duration::ZERO), "malformed_answer"),
    ] {
        stand.iot.be(mood.clone());
        assert_eq!(code(&config).await, expected, "{mood:?}");
    }
    // A clock that is off a little costs nothing: the life is counted by the endpoint's.
    stand.iot.be(Mood::Ahead(200));
    let exchanged = exchange(&config, Timestamp::now()).await.unwrap();
    assert!(exchanged.life > Duration::from_mins(59) && exchanged.life <= Duration::from_hours(1));
}

#[tokio::test]
async fn a_silent_endpoint_is_given_up() {
    let stand = Stand::new();
    let config = stand.good();
    stand.iot.be(Mood::Silent);
    let begun = std::time::Instant::now();
    assert_eq!(code(&config).await, "timed_out");
    assert!(begun.elapsed() < Duration::from_secs(14), "{:?}", begun.elapsed());
}

/// Keys of 10 s: they are fetched anew before they end, by one exchange at a time, whoever asks; an
/// absent endpoint costs nothing while they are good, and everything is well after it.
#[tokio::test]
async fn keys_are_kept_fresh_and_outlast_an_outage() {
    let stand = Stand::new();
    stand.iot.be(Mood::Keys(Duration::from_secs(10)));
    let keeper = Keeper::start(stand.good());
    let (one, two) = tokio::join!(keeper.credentials(), keeper.credentials());
    assert_eq!(one.unwrap().access_key_id(), two.unwrap().access_key_id());
    assert_eq!(stand.iot.asked().len(), 1, "one exchange for both");

    stand.iot.be(Mood::Answer(500, String::new()));
    let deadline = std::time::Instant::now() + Duration::from_secs(40);
    while keeper.status().borrow().failed == 0 {
        assert!(std::time::Instant::now() < deadline, "no new keys were asked for");
        keeper.credentials().await.expect("the old keys are good");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let failure = loop {
        match keeper.credentials().await {
            Err(failure) => break failure,
            Ok(_) => assert!(std::time::Instant::now() < deadline, "keys without an end"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(failure.code(), "endpoint_failing");
    assert_eq!(keeper.status().borrow().failure.as_deref(), Some("endpoint_failing"));

    stand.iot.be(Mood::Keys(Duration::from_hours(1)));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while keeper.credentials().await.is_err() {
        assert!(std::time::Instant::now() < deadline, "no keys after the outage");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(keeper.status().borrow().failure, None);
}

/// A new certificate in the old one's place is used at once, though the keys in hand are good.
#[tokio::test]
async fn another_certificate_is_used_without_a_restart() {
    let stand = Stand::new();
    let config = stand.good();
    let keeper = Keeper::start(config.clone());
    keeper.credentials().await.unwrap();
    let before = stand.iot.asked()[0].certificate.clone();
    tokio::time::sleep(Duration::from_millis(20)).await;
    stand.authority.client("own", Duration::from_hours(2));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while stand.iot.asked().len() < 2 {
        assert!(std::time::Instant::now() < deadline, "the new certificate is not used");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(stand.iot.asked()[1].certificate, before);
    assert!(Path::new(&config.certificate).starts_with(stand.folder.path()));
}

#[test]
fn without_the_endpoints_time_ours_counts() {
    let body = |expiration: &str| {
        format!(
            "{{\"credentials\":{{\"accessKeyId\":\"A\",\"secretAccessKey\":\"B\",\
             \"sessionToken\":\"C\",\"expiration\":\"{expiration}\"}}}}"
        )
    };
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let life = |expiration: &str, date| {
        answer(200, body(expiration).as_bytes(), date, now, "a").map(|exchanged| exchanged.life)
    };
    assert_eq!(life("2026-11-22T13:00:00Z", None), Ok(Duration::from_hours(1)));
    assert_eq!(life("2030-11-22T13:00:00Z", None), Ok(Duration::from_hours(12)));
    assert_eq!(life("2026-11-22T11:00:00Z", None).unwrap_err().code(), "clock_wrong");
    let date = now.checked_add(SignedDuration::from_secs(60)).ok();
    assert_eq!(life("2026-11-22T12:31:00Z", date), Ok(Duration::from_mins(30)));
    assert_eq!(life("2026-11-22T12:01:00Z", date).unwrap_err().code(), "malformed_answer");
}

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use doorward_emulator::Authority;
use tempfile::TempDir;

use super::*;
use crate::identity::chain_and_key;

struct Stand {
    place: TempDir,
    authority: Authority,
}

impl Stand {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let authority = Authority::new(&place.path().join("authority"));
        Self { place, authority }
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("identity")
    }

    fn renew(&self, script: &str, if_due: bool) -> Result<Renewal, RenewalError> {
        let command = ["/bin/sh", "-c", script, "renew"].map(str::to_owned);
        let renewing = Renewing {
            folder: &self.folder(),
            instance: "gw-1",
            command: Some(&command),
            timeout: Duration::from_secs(2),
        };
        renew(&renewing, if_due, false)
    }

    /// A certificate in use that lives this long.
    fn first(&self, life: Duration) -> Certificate {
        let folder = Folder::new(self.folder());
        let key = folder.request("gw-1").unwrap().key;
        let file = self.place.path().join("first.pem");
        self.authority.sign(&key, "gw-1", life, &file);
        folder.install(&file, Timestamp::now()).unwrap().certificate
    }

    /// One for the pending key, which the command then hands over.
    fn prepared(&self, life: Duration) -> String {
        let key = Folder::new(self.folder()).pending("gw-1").unwrap().key;
        let file = self.place.path().join("next.pem");
        self.authority.sign(&key, "gw-1", life, &file);
        format!("cp {} \"$2\"", file.display())
    }

    fn in_use(&self) -> Certificate {
        let folder = Folder::new(self.folder());
        chain_and_key(&folder.certificate(), &folder.key()).unwrap();
        Certificate::read(&folder.certificate()).unwrap()
    }
}

const HOUR: Duration = Duration::from_hours(1);

#[test]
fn it_is_renewed_when_two_thirds_of_its_life_are_over() {
    let stand = Stand::new();
    let first = stand.first(HOUR);
    let early = stand.renew("exit 9", true).unwrap();
    assert_eq!(early, Renewal::NotDue { at: first.renewal_due() });
    // The authority's certificates begin a minute before now: of 70 s, 60 are over.
    let stand = Stand::new();
    stand.first(Duration::from_secs(10));
    let script = stand.prepared(HOUR);
    let Renewal::Renewed(installed) = stand.renew(&script, true).unwrap() else {
        panic!("it was due")
    };
    assert_eq!(stand.in_use(), installed.certificate);
    assert!(matches!(stand.renew(&script, true).unwrap(), Renewal::NotDue { .. }));
}

#[test]
fn what_the_command_does_wrong_leaves_the_pair_in_use() {
    let stand = Stand::new();
    let first = stand.first(HOUR);
    let shorter = stand.prepared(Duration::from_secs(60));
    let begun = Instant::now();
    for (script, expected) in [
        ("exit 3", "exit status: 3"),
        ("true", "there is no"),
        ("echo nonsense > \"$2\"", "holds no certificate"),
        ("sleep 60 & sleep 60", "took longer than 2 s"),
        (shorter.as_str(), "before the one in use"),
        ("cp \"$DOORWARD_CERTIFICATE\" \"$2\"; cp \"$DOORWARD_REQUEST\" /dev/null", ""),
    ] {
        match stand.renew(script, false) {
            Err(error) => assert!(error.to_string().contains(expected), "{script}: {error}"),
            // The old certificate again changes nothing.
            Ok(renewal) => assert!(expected.is_empty(), "{script}: {renewal:?}"),
        }
        assert_eq!(stand.in_use(), first, "{script}");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "the command was not ended");
}

#[test]
fn the_first_certificate_is_for_the_first_key() {
    let stand = Stand::new();
    let key = Folder::new(stand.folder()).request("gw-1").unwrap().key;
    let file = stand.place.path().join("first.pem");
    stand.authority.sign(&key, "gw-1", HOUR, &file);
    let renewal = stand.renew(&format!("cp {} \"$2\"", file.display()), true).unwrap();
    assert!(matches!(renewal, Renewal::Renewed(_)), "{renewal:?}");
    stand.in_use();
}

#[test]
fn without_a_command_or_in_a_rehearsal_nothing_is_changed() {
    let stand = Stand::new();
    let first = stand.first(HOUR);
    let command = ["/bin/false".to_owned()];
    let folder = stand.folder();
    let renewing = Renewing { folder: &folder, instance: "gw-1", command: None, timeout: HOUR };
    assert!(matches!(renew(&renewing, false, false), Err(RenewalError::NoCommand)));
    let renewing = Renewing { command: Some(&command), ..renewing };
    let would = renew(&renewing, false, true).unwrap();
    assert_eq!(would, Renewal::WouldRenew { not_after: Some(first.not_after) });
    assert!(!folder.join("pending").exists());
}

//! Passwords of devices that have no TLS: one a vendor, in a file beside its certificate, and its
//! hash in the broker's list (`mosquitto_passwd(1)`).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::pbkdf2;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::written::{Files, Readers, read};

/// Characters of a password: 20 of 32 are 100 bits.
const LENGTH: usize = 20;
/// None is taken for another on paper.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Rounds of the hash. The password is random: more would slow the broker down and nobody else.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);
/// Bytes of salt, as Mosquitto 2.0 wants them.
const SALT: usize = 12;

/// Gives each user a password that has none yet. What else stands in the list stays.
///
/// # Errors
/// A file cannot be read or written, or the system has no random numbers.
pub(super) fn write(
    list: &Path,
    devices: &Path,
    users: &[String],
    group: Option<u32>,
    files: &mut Files,
) -> anyhow::Result<()> {
    let there = read(list)?.unwrap_or_default();
    let known: BTreeSet<&str> =
        there.lines().filter_map(|line| Some(line.split_once(':')?.0)).collect();
    let mut text = there.clone();
    for user in users {
        let own = devices.join(format!("{user}.password"));
        let password = read(&own)?;
        if known.contains(user.as_str()) {
            // Without a file a person chose it.
            if password.is_some() {
                files.unchanged(&own);
            }
            continue;
        }
        let password = if let Some(password) = password {
            files.unchanged(&own);
            password
        } else {
            let made = random_password()?;
            files.put_new(&own, &format!("{made}\n"), Readers::Owner)?;
            made
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        writeln!(text, "{user}:{}", hash(password.trim(), random()?))?;
    }
    if text == there {
        files.unchanged(list);
        return Ok(());
    }
    files.replace(list, &text, Readers::Group(group))
}

fn random<const BYTES: usize>() -> anyhow::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.ok().context("the system gives no random numbers")?;
    Ok(bytes)
}

fn random_password() -> anyhow::Result<String> {
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('a', char::from);
    Ok(random::<LENGTH>()?.iter().map(letter).collect())
}

/// As `mosquitto_passwd` writes it: kind, rounds, salt, PBKDF2 with HMAC-SHA-512.
fn hash(password: &str, salt: [u8; SALT]) -> String {
    let mut hash = [0; 64];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, ROUNDS, &salt, password.as_bytes(), &mut hash);
    format!("$7${ROUNDS}${}${}", STANDARD.encode(salt), STANDARD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_made_once_and_a_persons_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (list, devices) = (folder.path().join("passwords"), folder.path().join("devices"));
        std::fs::write(&list, "console:$7$101$c2FsdA==$aGFzaA==").unwrap();
        let users = ["garage", "console"].map(str::to_owned);
        let run = |dry: bool| {
            let mut files = Files::open(folder.path(), dry).unwrap();
            write(&list, &devices, &users, None, &mut files).unwrap();
            (files.differs(), std::fs::read_to_string(&list).unwrap())
        };
        let (differs, text) = run(true);
        assert!(differs && text.lines().count() == 1 && !devices.exists());
        let (differs, text) = run(false);
        assert!(differs && text.starts_with("console:$7$101$c2FsdA==$aGFzaA==\ngarage:$7$1000$"));
        assert!(!devices.join("console.password").exists());
        let password = std::fs::read_to_string(devices.join("garage.password")).unwrap();
        assert_eq!(password.trim().len(), LENGTH);
        assert!(!text.contains(password.trim()));
        assert_eq!(run(false), (false, text));
    }
}

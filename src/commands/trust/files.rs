//! Keys and lists as files. A private key is its owner's alone, and is never overwritten.

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context, bail};
use doorward_events::statement::{Interval, IssuerList, KeyId, LocalSigner, PublicKey, SecretKey};
use jiff::{Timestamp, Unit};

/// Longest key or list that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Writes a private key into a new file that only its owner can read.
pub fn keep_secret(file: &Path, secret: &SecretKey) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(file);
    let mut made = made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => anyhow::anyhow!(
            "{} exists, and a key is never overwritten\n  remedy: another name, or doorward trust \
             public {0}",
            file.display()
        ),
        _ => anyhow::anyhow!("{} cannot be made: {error}", file.display()),
    })?;
    made.write_all(secret.expose_pem().as_bytes())?;
    made.sync_all()?;
    Ok(())
}

/// The private key in this file, which nobody but its owner may read.
pub fn signer(file: &Path) -> anyhow::Result<LocalSigner> {
    let text = read(file)?.with_context(|| {
        format!("there is no {}\n  remedy: doorward trust key {0}", file.display())
    })?;
    let mode = std::fs::metadata(file)?.mode();
    if mode & 0o077 != 0 {
        bail!("others can read {}\n  remedy: chmod 600 {0}", file.display());
    }
    let kid = KeyId::new(super::ROOT)?;
    LocalSigner::from_pkcs8_pem(kid, &text).with_context(|| format!("{}", file.display()))
}

/// The list in this file, if the root key signed it; `None` if there is no file. Whether its time
/// is over is not asked: an old list is where the next one begins.
pub fn list(file: &Path, root: &PublicKey) -> anyhow::Result<Option<IssuerList>> {
    let Some(text) = read(file)? else { return Ok(None) };
    let at_any_time = Interval::exactly(Timestamp::UNIX_EPOCH);
    let list = IssuerList::open(text.trim(), root, 1, at_any_time);
    Ok(Some(list.with_context(|| format!("{}", file.display()))?))
}

/// Puts a text into the place of a file, whole or not at all.
pub fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let write = || -> std::io::Result<()> {
        let mut written = std::fs::File::create(&beside)?;
        writeln!(written, "{text}")?;
        written.sync_all()?;
        std::fs::rename(&beside, file)
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}

/// An instant to the second, as lists write it.
pub fn second(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

fn read(file: &Path) -> anyhow::Result<Option<String>> {
    let failed = || format!("{} cannot be read", file.display());
    let length = match std::fs::metadata(file) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(failed),
    };
    if length > MAX_FILE {
        bail!("{} has {length} bytes, more than a key or a list", file.display());
    }
    std::fs::read_to_string(file).map(Some).with_context(failed)
}

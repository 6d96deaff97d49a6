//! Files that setup writes. It overwrites only what it wrote itself and nobody changed since: the
//! digest of each file is kept beside the configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::accounts::Account;

/// The digests, one a line as `sha256sum` writes them.
const DIGESTS: &str = "setup.sha256";
/// Longest file that is compared, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Most lines of a difference that are told.
const MAX_LINES: usize = 40;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Created,
    Unchanged,
    /// It was ours, and is another now.
    Updated,
    /// A person changed it; what we would write is what we wrote before.
    Theirs,
    /// A person changed it, and we would write something else now: the lines that differ.
    Differs(Vec<String>),
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    Everybody,
    /// Its owner and this group; where the system has no such group, its owner.
    Group(Option<u32>),
    /// This user, whose the file is then; where the system has no such user, who writes it.
    User(Option<Account>),
    Owner,
}

/// Files written, or with `dry` only looked at.
pub(super) struct Files {
    ledger: PathBuf,
    digests: BTreeMap<PathBuf, String>,
    pub(super) dry: bool,
    pub(super) told: Vec<(PathBuf, Fate)>,
}

impl Files {
    pub(super) fn open(folder: &Path, dry: bool) -> anyhow::Result<Self> {
        let ledger = folder.join(DIGESTS);
        let text = read(&ledger)?.unwrap_or_default();
        let digests = text
            .lines()
            .filter_map(|line| line.split_once("  "))
            .map(|(digest, path)| (PathBuf::from(path), digest.to_owned()))
            .collect();
        Ok(Self { ledger, digests, dry, told: Vec::new() })
    }

    /// Puts a text into a file, unless a person changed that.
    pub(super) fn put(&mut self, file: &Path, text: &str, readers: Readers) -> anyhow::Result<()> {
        let digest = digest(text);
        let fate = match read(file)? {
            None => Fate::Created,
            Some(there) if there == text => Fate::Unchanged,
            Some(there) => match self.digests.get(file) {
                Some(ours) if *ours == self::digest(&there) => Fate::Updated,
                Some(ours) if *ours == digest => Fate::Theirs,
                _ => Fate::Differs(difference(&there, text)),
            },
        };
        if matches!(fate, Fate::Created | Fate::Updated) && !self.dry {
            replace(file, text, readers)?;
        }
        if matches!(fate, Fate::Created | Fate::Updated | Fate::Unchanged) {
            self.digests.insert(file.to_owned(), digest);
        }
        self.told.push((file.to_owned(), fate));
        Ok(())
    }

    /// Puts a text into a file that is not there; one that is there stays, whatever it holds.
    pub(super) fn put_new(
        &mut self,
        file: &Path,
        text: &str,
        readers: Readers,
    ) -> anyhow::Result<()> {
        let there = std::fs::symlink_metadata(file).is_ok();
        if !there && !self.dry {
            replace(file, text, readers)?;
        }
        let fate = if there { Fate::Unchanged } else { Fate::Created };
        self.told.push((file.to_owned(), fate));
        Ok(())
    }

    /// Puts a text into a file of setup's own that no person writes, as a certificate.
    pub(super) fn replace(
        &mut self,
        file: &Path,
        text: &str,
        readers: Readers,
    ) -> anyhow::Result<()> {
        let there = std::fs::symlink_metadata(file).is_ok();
        if !self.dry {
            replace(file, text, readers)?;
        }
        self.told.push((file.to_owned(), if there { Fate::Updated } else { Fate::Created }));
        Ok(())
    }

    /// A key that is as it should be, but for who may read it: others cannot any more.
    pub(super) fn guard(&mut self, key: &Path, readers: Readers) -> anyhow::Result<()> {
        let (Readers::User(_) | Readers::Owner) = readers else { return Ok(()) };
        let failed = || format!("{} cannot be kept from others", key.display());
        let mode = std::fs::metadata(key).with_context(failed)?.permissions().mode();
        let others = mode & 0o077;
        if others == 0 {
            return Ok(());
        }
        if !self.dry {
            let open = std::fs::File::open(key).with_context(failed)?;
            own(&open, readers).with_context(failed)?;
            open.set_permissions(std::fs::Permissions::from_mode(0o600)).with_context(failed)?;
        }
        self.told.push((key.to_owned(), Fate::Updated));
        Ok(())
    }

    /// A file is as it should be.
    pub(super) fn unchanged(&mut self, file: &Path) {
        self.told.push((file.to_owned(), Fate::Unchanged));
    }

    /// Whether anything was written, or would be.
    pub(super) fn differs(&self) -> bool {
        self.told.iter().any(|(_, fate)| matches!(fate, Fate::Created | Fate::Updated))
    }

    /// Keeps the digests.
    pub(super) fn close(&self) -> anyhow::Result<()> {
        let mut text = String::new();
        for (path, digest) in &self.digests {
            let _ = writeln!(text, "{digest}  {}", path.display());
        }
        if self.dry || read(&self.ledger)?.as_deref() == Some(&text) {
            return Ok(());
        }
        replace(&self.ledger, &text, Readers::Everybody)
    }
}

fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file's text; `None`: there is none.
pub(super) fn read(file: &Path) -> anyhow::Result<Option<String>> {
    let failed = || format!("{} cannot be read", file.display());
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(failed),
        Ok(found) if found.len() > MAX_BYTES => {
            anyhow::bail!("{} is longer than {MAX_BYTES} bytes", file.display())
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(file).map(Some).with_context(failed)
}

/// Puts a text into the place of a file, whole or not at all, and its folder where that is missing.
fn replace(file: &Path, text: &str, readers: Readers) -> anyhow::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let mode = match readers {
        Readers::Everybody => 0o644,
        Readers::Group(Some(_)) => 0o640,
        Readers::Group(None) | Readers::User(_) | Readers::Owner => 0o600,
    };
    let write = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = std::fs::OpenOptions::new();
        let mut made = options.write(true).create_new(true).mode(mode).open(&beside)?;
        own(&made, readers)?;
        made.write_all(text.as_bytes())?;
        made.sync_all()?;
        std::fs::rename(&beside, file)
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}

/// Gives a file to those who are to read it. Only root may.
fn own(file: &std::fs::File, readers: Readers) -> std::io::Result<()> {
    let (user, group) = match readers {
        Readers::Group(group) => (None, group),
        Readers::User(account) => account.unzip(),
        Readers::Everybody | Readers::Owner => return Ok(()),
    };
    if (user, group) == (None, None) || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, user, group)
}

/// The lines that only one of the two has: `-` of the file as it is, `+` of what would be written.
fn difference(there: &str, ours: &str) -> Vec<String> {
    let only = |a: &str, b: &str, mark: char| -> Vec<String> {
        let known: std::collections::HashSet<&str> = b.lines().collect();
        a.lines()
            .filter(|line| !known.contains(line))
            .map(|line| format!("{mark} {line}"))
            .collect()
    };
    let mut lines = only(there, ours, '-');
    lines.extend(only(ours, there, '+'));
    let more = lines.len().saturating_sub(MAX_LINES);
    lines.truncate(MAX_LINES);
    if more > 0 {
        lines.push(format!("and {more} more lines"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, text: &str, dry: bool) -> Fate {
        let mut files = Files::open(folder, dry).unwrap();
        files.put(&folder.join("a/b.conf"), text, Readers::Group(None)).unwrap();
        files.close().unwrap();
        files.told.pop().unwrap().1
    }

    #[test]
    fn what_a_person_changed_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, file) = (folder.path(), folder.path().join("a/b.conf"));
        assert_eq!(put(folder, "one\n", true), Fate::Created);
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0, "a dry run writes nothing");
        assert_eq!(put(folder, "one\n", false), Fate::Created);
        assert_eq!(put(folder, "one\n", false), Fate::Unchanged);
        assert_eq!(put(folder, "two\n", false), Fate::Updated);
        std::fs::write(&file, "two\nmine\n").unwrap();
        assert_eq!(put(folder, "two\n", false), Fate::Theirs);
        let differs = Fate::Differs(vec!["- two".into(), "- mine".into(), "+ three".into()]);
        assert_eq!(put(folder, "three\n", false), differs);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two\nmine\n");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(put(folder, "three\n", false), Fate::Created);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_was_there_before_is_a_persons() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::create_dir(folder.join("a")).unwrap();
        std::fs::write(folder.join("a/b.conf"), "theirs\n").unwrap();
        assert!(matches!(put(folder, "ours\n", false), Fate::Differs(_)));
        assert_eq!(std::fs::read_to_string(folder.join("a/b.conf")).unwrap(), "theirs\n");
    }
}

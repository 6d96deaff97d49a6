//! The users and groups of the system that share files with us.

use std::path::Path;

use anyhow::Context;

use crate::local::Accounts;

/// The number of the group of this name; `None`: there is none.
pub(super) fn group(root: &Path, name: &str) -> Option<u32> {
    Accounts::read(root).group(name).map(|group| group.gid)
}

/// A user's own number and its group's.
pub(super) type Account = (u32, u32);

/// The user of this name; `None`: there is none.
pub(super) fn user(root: &Path, name: &str) -> Option<Account> {
    Accounts::read(root).user(name).map(|user| (user.uid, user.gid))
}

/// Gives a folder and what is in it to the user of this name, where root asks and there is one.
pub(super) fn give(root: &Path, folder: &Path, name: &str) -> anyhow::Result<()> {
    let found = user(root, name);
    let Some((uid, gid)) = found.filter(|_| rustix::process::geteuid().is_root()) else {
        return Ok(());
    };
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        // A link is given itself, not what it points to.
        std::os::unix::fs::lchown(&path, Some(uid), Some(gid))
            .with_context(|| format!("{} cannot be given to {name}", path.display()))?;
        if std::fs::symlink_metadata(&path)?.is_dir() {
            for item in std::fs::read_dir(&path)? {
                waiting.push(item?.path());
            }
        }
    }
    Ok(())
}

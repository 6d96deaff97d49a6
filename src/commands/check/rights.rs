//! Whose rights count. The one who asks is an operator, root or the gateway's own user, and each
//! sees another machine: a key that an operator may not read is no fault of the gateway's, and a
//! port that root may use need not be one that the gateway may.

use std::error::Error;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::pki_types::pem;

use super::surroundings::Surroundings;
use crate::local::Accounts;

/// Said where a file is there, and not for the one who asks.
pub(super) const NOT_OURS: &str = "its key or certificate is not ours to read; sudo doorward check";
/// As whom the gateway runs.
const SERVICE: &str = "doorward";
/// Reading and writing, of one of a file's three sets of rights.
const READ_AND_WRITE: u32 = 0o6;

/// Whether a key or certificate could not be read for lack of rights.
pub(super) fn withheld(error: &anyhow::Error) -> bool {
    error.chain().filter_map(kind).any(|kind| kind == ErrorKind::PermissionDenied)
}

/// Whether a file may not be opened for lack of rights.
pub(super) fn is_closed(file: &Path) -> bool {
    std::fs::File::open(file).is_err_and(|error| withheld(&error.into()))
}

fn kind(cause: &(dyn Error + 'static)) -> Option<ErrorKind> {
    // An error of PEM files does not name its cause as its source.
    let of_pem = match cause.downcast_ref() {
        Some(pem::Error::Io(error)) => Some(error),
        _ => None,
    };
    cause.downcast_ref().or(of_pem).map(std::io::Error::kind)
}

/// A user and the groups it is in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User {
    uid: u32,
    groups: Vec<u32>,
}

impl User {
    /// The gateway's user, where root asks and there is one: its rights count then, not root's. A
    /// gateway whose state is root's runs as root.
    pub(super) fn in_place_of_root(around: &Surroundings, state: &Path) -> Option<Self> {
        let is_roots = std::fs::metadata(state).is_ok_and(|folder| folder.uid() == 0);
        if is_roots || !rustix::process::geteuid().is_root() {
            return None;
        }
        Self::named(SERVICE, &Accounts::read(&around.root))
    }

    fn named(name: &str, accounts: &Accounts) -> Option<Self> {
        let user = accounts.user(name)?;
        Some(Self { uid: user.uid, groups: accounts.groups_of(user) })
    }

    /// Whether it may read and write a file of this owner, group and mode.
    pub(super) fn may_use(&self, owner: u32, group: u32, mode: u32) -> bool {
        let rights = if self.uid == owner {
            mode >> 6
        } else if self.groups.contains(&group) {
            mode >> 3
        } else {
            mode
        };
        rights & READ_AND_WRITE == READ_AND_WRITE
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;

    use super::*;

    #[test]
    fn lack_of_rights_is_told_from_every_other_fault() {
        let of = |kind: ErrorKind| -> [anyhow::Error; 3] {
            [
                io::Error::from(kind).into(),
                Err::<(), _>(io::Error::from(kind)).context("a key").unwrap_err(),
                Err::<(), _>(pem::Error::Io(kind.into())).context("a key").unwrap_err(),
            ]
        };
        assert!(of(ErrorKind::PermissionDenied).iter().all(withheld));
        for kind in [ErrorKind::NotFound, ErrorKind::InvalidData] {
            assert!(!of(kind).iter().any(withheld), "{kind}");
        }
        assert!(!withheld(&pem::Error::NoItemsFound.into()));
        assert!(!withheld(&anyhow::anyhow!("Permission denied")), "words alone are no reason");
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_closed(folder.path()) && !is_closed(&folder.path().join("none")));
    }

    #[test]
    fn a_users_rights_are_its_owners_its_groups_or_everybodys() {
        let users = "root:x:0:0::/root:/bin/sh\ndoorward:x:990:980::/nonexistent:/bin/false\n";
        let groups = "broken\ndialout:x:20:pi,doorward\nvideo:x:44:pi\ndoorward:x:980:\n";
        let accounts = Accounts::of(users, groups);
        let user = User::named("doorward", &accounts).unwrap();
        assert_eq!(user, User { uid: 990, groups: vec![980, 20] });
        assert_eq!(User::named("door", &accounts), None);
        for (owner, group, mode, may) in [
            (0, 20, 0o020_660, true),
            (0, 44, 0o020_660, false),
            (0, 20, 0o020_640, false),
            (0, 44, 0o020_666, true),
            (0, 20, 0o020_606, false),
            (990, 20, 0o020_060, false),
            (990, 44, 0o020_600, true),
        ] {
            assert_eq!(user.may_use(owner, group, mode), may, "{owner} {group} {mode:o}");
        }
    }
}

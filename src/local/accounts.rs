//! Users and groups of the system, as its two files list them (passwd(5), group(5)). Other
//! directories of users are not asked.

use std::path::Path;

/// Who is listed. Lines that are none are passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    /// Its own group.
    pub gid: u32,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub gid: u32,
    /// The names of those who are in it beside those whose own it is.
    pub members: Vec<String>,
}

impl Accounts {
    /// Those of this machine, whose files begin at `root`. A file that cannot be read lists nobody.
    pub fn read(root: &Path) -> Self {
        let text = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
        Self::of(&text("etc/passwd"), &text("etc/group"))
    }

    /// Those that the texts of the two files list.
    pub fn of(users: &str, groups: &str) -> Self {
        Self {
            users: users.lines().filter_map(User::of).collect(),
            groups: groups.lines().filter_map(Group::of).collect(),
        }
    }

    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// The user of this number.
    pub fn numbered(&self, uid: u32) -> Option<&User> {
        self.users.iter().find(|user| user.uid == uid)
    }

    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The group of this number.
    pub fn group_numbered(&self, gid: u32) -> Option<&Group> {
        self.groups.iter().find(|group| group.gid == gid)
    }

    /// The numbers of the groups that a user is in, its own first.
    pub fn groups_of(&self, user: &User) -> Vec<u32> {
        let further = self.groups.iter().filter(|group| group.members.contains(&user.name));
        std::iter::once(user.gid).chain(further.map(|group| group.gid)).collect()
    }
}

impl User {
    fn of(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { name, uid, gid })
    }
}

impl Group {
    fn of(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let gid = fields.nth(1)?.parse().ok()?;
        let members = fields.next().unwrap_or_default().split(',');
        let members = members.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Some(Self { name, gid, members })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn lines_that_are_none_are_passed_over_and_the_first_of_a_name_counts() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\n:\nanna:x:many:1000::/:/bin/sh\n\
                     anna:x:1000:1001::/home/anna:/bin/sh\nanna:x:7:7::/:/bin/sh\n+::::::\n";
        let groups = "broken\nanna:x:1001:\ndialout:x:20:pi,anna\nvideo:x:44:pi\ndial:x:no:anna\n\
                      doorward:x:991";
        let accounts = Accounts::of(users, groups);
        let anna = accounts.user("anna").unwrap();
        assert_eq!((anna.uid, anna.gid), (1000, 1001));
        assert_eq!(accounts.numbered(1000), Some(anna));
        assert_eq!(accounts.groups_of(anna), [1001, 20]);
        assert_eq!(accounts.groups_of(accounts.user("root").unwrap()), [0]);
        for nobody in ["", "broken", "ann", "dora"] {
            assert_eq!(accounts.user(nobody), None, "{nobody}");
        }
        assert_eq!(accounts.group("dialout").unwrap().members, ["pi", "anna"]);
        assert_eq!(accounts.group_numbered(44).unwrap().name, "video");
        assert_eq!(accounts.group("doorward").unwrap().gid, 991);
        assert!(accounts.group("doorward").unwrap().members.is_empty());
        assert_eq!(accounts.group("dial"), None);

        let root = tempfile::tempdir().unwrap();
        assert_eq!(Accounts::read(root.path()), Accounts::default());
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/passwd"), users).unwrap();
        std::fs::write(root.path().join("etc/group"), groups).unwrap();
        assert_eq!(Accounts::read(root.path()), accounts);
    }
}

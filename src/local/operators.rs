//! Who may act at the gateway itself: root, the user it runs as, and the members of one group of
//! the system. Others may read.

use std::path::Path;

/// Where users and groups are listed (passwd(5), group(5)).
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Whether the user `uid` may act; `group`: the operators'.
pub fn may_act(uid: u32, group: &str) -> bool {
    if uid == 0 || uid == rustix::process::geteuid().as_raw() {
        return true;
    }
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    is_member(uid, group, &read(USERS), &read(GROUPS))
}

/// Whether `users` and `groups` say so.
fn is_member(uid: u32, group: &str, users: &str, groups: &str) -> bool {
    let user = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let own: u32 = fields.nth(1)?.parse().ok()?;
        let gid: u32 = fields.next()?.parse().ok()?;
        (own == uid).then_some((name, gid))
    });
    let Some((name, primary)) = user else { return false };
    groups.lines().any(|line| {
        let mut fields = line.split(':');
        fields.next() == Some(group)
            && (fields.nth(1).and_then(|gid| gid.parse().ok()) == Some(primary)
                || fields.next().is_some_and(|members| members.split(',').any(|one| one == name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n\
                         bert:x:1001:990::/:/bin/sh\nbroken\ncarl:x:1002:1002::/:/bin/sh";
    const GROUPS: &str =
        "anna:x:1000:\ndoorward:x:991:carl\ndoorward-operator:x:990:anna,dora\nbroken:";

    #[test]
    fn members_by_name_and_by_their_own_group_may_and_nobody_else() {
        for (uid, may) in [(1000, true), (1001, true), (1002, false), (1003, false), (4711, false)]
        {
            assert_eq!(is_member(uid, "doorward-operator", USERS, GROUPS), may, "{uid}");
        }
        assert!(!is_member(1000, "nobody", USERS, GROUPS));
        assert!(!is_member(1000, "doorward-operator", "", ""));
    }
}

//! Who may act at the gateway itself: root, the user it runs as, and the members of one group of
//! the system. Others may read.

use std::path::Path;

use super::accounts::Accounts;

/// Whether the user `uid` may act; `group`: the operators'.
pub fn may_act(uid: u32, group: &str) -> bool {
    uid == 0
        || uid == rustix::process::geteuid().as_raw()
        || is_member(uid, group, &Accounts::read(Path::new("/")))
}

/// Whether the system's files say so.
fn is_member(uid: u32, group: &str, accounts: &Accounts) -> bool {
    let (Some(user), Some(group)) = (accounts.numbered(uid), accounts.group(group)) else {
        return false;
    };
    accounts.groups_of(user).contains(&group.gid)
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
        let listed = Accounts::of(USERS, GROUPS);
        for (uid, may) in [(1000, true), (1001, true), (1002, false), (1003, false), (4711, false)]
        {
            assert_eq!(is_member(uid, "doorward-operator", &listed), may, "{uid}");
        }
        assert!(!is_member(1000, "nobody", &listed));
        assert!(!is_member(1000, "doorward-operator", &Accounts::default()));
    }
}

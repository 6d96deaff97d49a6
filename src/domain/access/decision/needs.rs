//! Which roles an act needs.

use doorward_translators::Act;

use crate::domain::entry::Role;

/// The role whose endpoint does it.
pub const fn acting(act: Act) -> Role {
    match act {
        Act::Lock | Act::Unlock => Role::Lock,
        Act::Open | Act::Close | Act::Stop => Role::Actuator,
    }
}

/// Whether it moves the leaf.
pub(super) const fn moves(act: Act) -> bool {
    matches!(act, Act::Open | Act::Close | Act::Stop)
}

/// Whether it makes the door more secure. What does not may be abused to hold a door open.
pub(super) const fn secures(act: Act) -> bool {
    matches!(act, Act::Lock | Act::Close)
}

/// The roles whose endpoints must be reached.
pub(super) fn needed(act: Act, toggle: bool) -> Vec<Role> {
    let mut roles = vec![acting(act)];
    if toggle && moves(act) {
        roles.push(Role::Position);
    }
    if act == Act::Close {
        roles.extend([Role::Obstruction, Role::Warning]);
    }
    roles
}

//! Which commands may be under way beside each other, and which may be sent twice.

use doorward_translators::{Act, Position};
use uuid::Uuid;

use super::{Command, Order};
use crate::domain::fact::Fact;
use crate::domain::ids::EntryId;
use crate::domain::operation::observed;

/// Whether a new command may be accepted beside those under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Nothing is in its way.
    Free,
    /// It takes the place of this one of the same entry: [`Command::cancel`] that first, as
    /// superseded. Only `stop` does, and only of motion.
    Supersedes(Uuid),
    /// This one is under way: `entry_busy`.
    Busy(Uuid),
}

/// The command that is under way at `entry`, or else in its interlock group.
pub fn in_flight<'a>(
    entry: &EntryId,
    group: Option<&str>,
    commands: impl IntoIterator<Item = &'a Command>,
) -> Option<&'a Command> {
    let under_way = |command: &&Command| !command.state().is_terminal();
    let mut in_group = None;
    for command in commands.into_iter().filter(under_way) {
        let order: &Order = command.order();
        if order.entry == *entry {
            return Some(command);
        }
        if group.is_some() && order.interlock_group.as_deref() == group {
            in_group = Some(command);
        }
    }
    in_group
}

/// One command in flight per entry, and per interlock group. What stops motion is never kept
/// waiting for the motion, nor for another entry.
pub fn admission<'a>(
    act: Act,
    entry: &EntryId,
    group: Option<&str>,
    commands: impl IntoIterator<Item = &'a Command>,
) -> Admission {
    let Some(command) = in_flight(entry, group, commands) else { return Admission::Free };
    let order = command.order();
    if act != Act::Stop {
        return Admission::Busy(order.id);
    }
    match order.act {
        _ if order.entry != *entry => Admission::Free,
        Act::Open | Act::Close => Admission::Supersedes(order.id),
        Act::Stop | Act::Lock | Act::Unlock => Admission::Busy(order.id),
    }
}

/// Whether an act may be sent again without a new decision: only `lock`, and only while the door is
/// observed closed. Everything else is at most once.
pub fn may_repeat(act: Act, position: &Fact<Position>) -> bool {
    act == Act::Lock && observed(position) == Some(Position::Closed)
}

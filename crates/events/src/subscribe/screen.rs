//! Everything that is decided before a handler is asked: pure, and the same for every path.

use super::delivery::{Delivery, Head, Version};
use super::handlers::{Handler, Handlers};
use super::hooks::About;
use super::policies::{Accounts, Aside, Newer, Policies, Unread};
use super::verdict::{Reason, Why};
use crate::publishers::RegisteredPublisher;
use crate::types::EventType;

/// A delivery that may be looked into further.
pub(super) struct Screened<'a, 'h> {
    pub(super) delivery: Delivery<'a>,
    pub(super) head: Head,
    pub(super) event_type: EventType,
    /// `None`: a heartbeat that only the gap tracker reads.
    pub(super) handler: Option<&'h Handler>,
    /// What the policies make of its version.
    pub(super) version: Result<(), Turned>,
}

/// What is decided without a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turned {
    Ignore(Why),
    Again(Why),
    DeadLetter(Reason),
}

impl Screened<'_, '_> {
    pub(super) fn about(&self) -> About {
        About { event_type: Some(self.event_type), id: self.head.id }
    }
}

/// Looks at the size, the form, who sent it, its type and its version, in this order.
/// `platform`: the platform's accounts, where they are known. `heartbeats`: they are read even
/// without a handler.
pub(super) fn screen<'a, 'h>(
    bytes: &'a [u8],
    policies: Policies,
    platform: Option<&[String]>,
    handlers: &'h Handlers,
    heartbeats: bool,
) -> Result<Screened<'a, 'h>, (About, Turned)> {
    let nothing = About::default();
    let delivery =
        Delivery::parse(bytes).map_err(|why| (nothing, Turned::DeadLetter(Reason::bare(why))))?;
    let head = Head::parse(delivery.detail).map_err(|(why, pointer)| {
        let pointer = pointer.map(str::to_owned);
        (nothing, Turned::DeadLetter(Reason { pointer, ..Reason::bare(why) }))
    })?;
    let event_type = head.event_type.parse::<EventType>().ok();
    let about = About { event_type, id: head.id };
    let dead = |why, pointer| (about, Turned::DeadLetter(reason(&head, why, pointer)));

    if head.event_type != delivery.detail_type {
        return Err(dead(Why::WrongType, Some("/type")));
    }
    if head.source != delivery.source {
        return Err(dead(Why::WrongSource, Some("/publisher")));
    }
    let registered = RegisteredPublisher::find(&head.name);
    if policies.accounts == Accounts::Check
        && let Some(registered) = registered
        && !may_come_from(registered, delivery.account.as_deref(), platform)
    {
        return Err(dead(Why::WrongAccount, None));
    }
    let unread = |policy, why| match policy {
        Unread::Ignore => (about, Turned::Ignore(why)),
        Unread::Again => (about, Turned::Again(why)),
        Unread::DeadLetter => dead(why, Some("/type")),
    };
    let aside = |policy, why, pointer| match policy {
        Aside::Again => (about, Turned::Again(why)),
        Aside::DeadLetter => dead(why, Some(pointer)),
    };
    let Some(event_type) = event_type else {
        return Err(unread(policies.unknown_type, Why::UnknownType));
    };
    let handler = handlers.get(event_type);
    if handler.is_none() && !(heartbeats && event_type == EventType::GatewayHeartbeat) {
        return Err(unread(policies.unhandled_type, Why::UnhandledType));
    }
    if registered.is_none_or(|publisher| !publisher.may_publish(event_type)) {
        return Err(aside(policies.unregistered, Why::Unregistered, "/publisher/name"));
    }
    let version = match handler.and_then(|handler| other(&head, handler)) {
        None => Ok(()),
        Some(Why::OtherMajor) => {
            Err(aside(policies.other_major, Why::OtherMajor, "/schema_version").1)
        }
        Some(why) => match policies.newer_minor {
            Newer::Accept => Ok(()),
            Newer::Again => Err(Turned::Again(why)),
            Newer::DeadLetter => Err(dead(why, Some("/schema_version")).1),
        },
    };
    Ok(Screened { delivery, head, event_type, handler, version })
}

/// Whether it may be this publisher's, from this account. Where the platform's accounts are not
/// known, neither what has no account nor who has none listed can be judged.
fn may_come_from(
    publisher: &RegisteredPublisher,
    account: Option<&str>,
    platform: Option<&[String]>,
) -> bool {
    let Some(account) = account else { return platform.is_none() };
    if publisher.accounts.is_empty() {
        platform.is_none_or(|platform| platform.iter().any(|own| own == account))
    } else {
        publisher.accounts.contains(&account)
    }
}

/// A version that cannot be read is the schema's to refuse.
fn other(head: &Head, handler: &Handler) -> Option<Why> {
    let theirs = head.version?;
    let ours = Version::parse(handler.schema_version)?;
    if theirs.major != ours.major {
        Some(Why::OtherMajor)
    } else if theirs > ours {
        Some(Why::NewerMinor)
    } else {
        None
    }
}

/// A reason with what the head tells.
pub(super) fn reason(head: &Head, why: Why, pointer: Option<&str>) -> Reason {
    Reason {
        why,
        pointer: pointer.map(str::to_owned),
        event_type: head.type_name(),
        schema_version: head.version.map(|Version { major, minor }| format!("{major}.{minor}")),
        event_id: head.id,
    }
}

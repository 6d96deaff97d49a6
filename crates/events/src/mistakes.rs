//! Mistakes that do not compile: each beside a twin that does, one line apart.
//!
//! `docs/integration-mistakes.md` names these and the others.

/// A required member is missing.
///
/// ```
/// use doorward_events::types::DeliveryCompleted;
/// let _ = DeliveryCompleted {
///     delivery_id: "d-1".to_owned(),
///     outcome: "delivered".into(),
///     reason: None,
///     visit_id: None,
/// };
/// ```
///
/// ```compile_fail,E0063
/// use doorward_events::types::DeliveryCompleted;
/// let _ = DeliveryCompleted {
///     delivery_id: "d-1".to_owned(),
///     reason: None,
///     visit_id: None,
/// };
/// ```
mod a_missing_member {}

/// A member has another kind.
///
/// ```
/// use doorward_events::types::{DeliveryScheduled, DeliveryWindow};
/// fn scheduled(window: DeliveryWindow) -> DeliveryScheduled {
///     DeliveryScheduled {
///         delivery_id: "d-1".to_owned(),
///         subject_ref: "s-7f3k9q2m".to_owned(),
///         window,
///         parcels: 2,
///     }
/// }
/// ```
///
/// ```compile_fail,E0308
/// use doorward_events::types::{DeliveryScheduled, DeliveryWindow};
/// fn scheduled(window: DeliveryWindow) -> DeliveryScheduled {
///     DeliveryScheduled {
///         delivery_id: "d-1".to_owned(),
///         subject_ref: "s-7f3k9q2m".to_owned(),
///         window,
///         parcels: "2",
///     }
/// }
/// ```
mod a_member_of_another_kind {}

/// A member is misspelt.
///
/// ```
/// use doorward_events::types::DeliveryCompleted;
/// let _ = DeliveryCompleted {
///     delivery_id: "d-1".to_owned(),
///     outcome: "delivered".into(),
///     reason: None,
///     visit_id: None,
/// };
/// ```
///
/// ```compile_fail,E0560
/// use doorward_events::types::DeliveryCompleted;
/// let _ = DeliveryCompleted {
///     delivery_id: "d-1".to_owned(),
///     outcome: "delivered".into(),
///     reason: None,
///     visitid: None,
/// };
/// ```
mod a_misspelt_member {}

/// A word of an enumeration is misspelt.
///
/// ```
/// use doorward_events::types::DeliveryOutcome;
/// let _ = DeliveryOutcome::Delivered;
/// ```
///
/// ```compile_fail,E0599
/// use doorward_events::types::DeliveryOutcome;
/// let _ = DeliveryOutcome::Deliverd;
/// ```
mod a_misspelt_word {}

/// A wall clock's time, of no zone, as the time of an event.
///
/// ```
/// use doorward_events::Envelope;
/// use jiff::tz::TimeZone;
/// fn at_nine(envelope: Envelope) -> Result<Envelope, jiff::Error> {
///     let wall = jiff::civil::date(2026, 11, 21).at(9, 0, 0, 0);
///     let time = wall.to_zoned(TimeZone::UTC)?.timestamp();
///     Ok(Envelope { time, ..envelope })
/// }
/// ```
///
/// ```compile_fail,E0308
/// use doorward_events::Envelope;
/// use jiff::tz::TimeZone;
/// fn at_nine(envelope: Envelope) -> Result<Envelope, jiff::Error> {
///     let wall = jiff::civil::date(2026, 11, 21).at(9, 0, 0, 0);
///     let time = wall;
///     Ok(Envelope { time, ..envelope })
/// }
/// ```
mod a_time_without_zone {}

/// No tenant.
///
/// ```
/// use doorward_events::{Envelope, PublisherId};
/// let publisher = PublisherId::new("acme.delivery", "blue-1");
/// let _ = Envelope::now(publisher, "acme");
/// ```
///
/// ```compile_fail,E0061
/// use doorward_events::{Envelope, PublisherId};
/// let publisher = PublisherId::new("acme.delivery", "blue-1");
/// let _ = Envelope::now(publisher);
/// ```
mod a_missing_tenant {}

/// A text that nobody validated, as an event: only [`Envelope::seal`](crate::Envelope::seal) makes
/// a [`Draft`](crate::Draft).
///
/// ```
/// use doorward_events::types::DeliveryScheduled;
/// use doorward_events::{Draft, Envelope, Invalid};
/// fn event(envelope: Envelope, data: &DeliveryScheduled, text: &str) -> Result<Draft, Invalid> {
///     envelope.seal(data)
/// }
/// ```
///
/// ```compile_fail,E0308
/// use doorward_events::types::DeliveryScheduled;
/// use doorward_events::{Draft, Envelope, Invalid};
/// fn event(envelope: Envelope, data: &DeliveryScheduled, text: &str) -> Result<Draft, Invalid> {
///     Ok(text.to_owned())
/// }
/// ```
mod a_text_as_an_event {}

/// Loose JSON, as the data of an event.
///
/// ```
/// use doorward_events::publish::{Fate, Publisher};
/// use doorward_events::types::DeliveryScheduled;
/// async fn publish(publisher: &Publisher, data: serde_json::Value) -> Fate {
///     let data: DeliveryScheduled = serde_json::from_value(data).unwrap();
///     publisher.publish(publisher.envelope("acme"), &data).await
/// }
/// ```
///
/// ```compile_fail,E0277
/// use doorward_events::publish::{Fate, Publisher};
/// use doorward_events::types::DeliveryScheduled;
/// async fn publish(publisher: &Publisher, data: serde_json::Value) -> Fate {
///     publisher.publish(publisher.envelope("acme"), &data).await
/// }
/// ```
mod loose_json_as_data {}

/// Nobody looks at what became of an event.
///
/// ```
/// #![deny(unused_must_use)]
/// use doorward_events::publish::{Publisher, Refusal};
/// use doorward_events::types::DeliveryScheduled;
/// async fn publish(publisher: &Publisher, data: &DeliveryScheduled) -> Result<(), Refusal> {
///     publisher.publish(publisher.envelope("acme"), data).await?;
///     Ok(())
/// }
/// ```
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// use doorward_events::publish::{Publisher, Refusal};
/// use doorward_events::types::DeliveryScheduled;
/// async fn publish(publisher: &Publisher, data: &DeliveryScheduled) -> Result<(), Refusal> {
///     publisher.publish(publisher.envelope("acme"), data).await;
///     Ok(())
/// }
/// ```
mod a_fate_that_nobody_looks_at {}

/// Nobody chose what becomes of what cannot simply be handled.
///
/// ```
/// use doorward_events::subscribe::store::Memory;
/// use doorward_events::subscribe::{Policies, Subscriber};
/// let store = std::sync::Arc::new(Memory::new(100));
/// let _ = Subscriber::builder("billing", Policies::strict(), store);
/// ```
///
/// ```compile_fail,E0061
/// use doorward_events::subscribe::store::Memory;
/// use doorward_events::subscribe::{Policies, Subscriber};
/// let store = std::sync::Arc::new(Memory::new(100));
/// let _ = Subscriber::builder("billing", store);
/// ```
mod no_policies {}

/// A handler takes one type and uses another one's members.
///
/// ```
/// use doorward_events::Received;
/// use doorward_events::subscribe::{Builder, Context, Failure};
/// use doorward_events::types::{DeliveryCompleted, DeliveryScheduled};
/// fn on(builder: Builder) -> Builder {
///     builder.on(|event: Received<DeliveryScheduled>, _: Context| async move {
///         let _parcels = event.data.parcels;
///         Ok::<(), Failure>(())
///     })
/// }
/// ```
///
/// ```compile_fail,E0609
/// use doorward_events::Received;
/// use doorward_events::subscribe::{Builder, Context, Failure};
/// use doorward_events::types::{DeliveryCompleted, DeliveryScheduled};
/// fn on(builder: Builder) -> Builder {
///     builder.on(|event: Received<DeliveryCompleted>, _: Context| async move {
///         let _parcels = event.data.parcels;
///         Ok::<(), Failure>(())
///     })
/// }
/// ```
mod a_handler_of_another_type {}

/// A handler does not say whether it succeeded.
///
/// ```
/// use doorward_events::Received;
/// use doorward_events::subscribe::{Builder, Context, Failure};
/// use doorward_events::types::DeliveryScheduled;
/// fn on(builder: Builder) -> Builder {
///     builder.on(|event: Received<DeliveryScheduled>, _: Context| async move {
///         println!("{} parcels", event.data.parcels);
///         Ok::<(), Failure>(())
///     })
/// }
/// ```
///
/// ```compile_fail,E0271
/// use doorward_events::Received;
/// use doorward_events::subscribe::{Builder, Context, Failure};
/// use doorward_events::types::DeliveryScheduled;
/// fn on(builder: Builder) -> Builder {
///     builder.on(|event: Received<DeliveryScheduled>, _: Context| async move {
///         println!("{} parcels", event.data.parcels);
///     })
/// }
/// ```
mod a_handler_without_an_answer {}

/// A door opens for the copies in a grant, not for what was signed and verified.
///
/// ```
/// use doorward_events::statement::{Audience, Denial, Interval, Verified, Verifier};
/// use doorward_events::types::{GrantIssued, GrantStatement};
/// use doorward_events::Received;
/// fn install(_: &Verified<GrantStatement>) {}
/// fn decide(
///     verifier: &Verifier,
///     received: &Received<GrantIssued>,
///     audience: &Audience,
///     now: Interval,
/// ) -> Result<(), Denial> {
///     install(&verifier.verify(received, audience, now)?);
///     Ok(())
/// }
/// ```
///
/// ```compile_fail,E0308
/// use doorward_events::statement::{Audience, Denial, Interval, Verified, Verifier};
/// use doorward_events::types::{GrantIssued, GrantStatement};
/// use doorward_events::Received;
/// fn install(_: &Verified<GrantStatement>) {}
/// fn decide(
///     verifier: &Verifier,
///     received: &Received<GrantIssued>,
///     audience: &Audience,
///     now: Interval,
/// ) -> Result<(), Denial> {
///     install(&received.data);
///     Ok(())
/// }
/// ```
mod believing_a_copy {}

/// A grant is issued without knowing what its gateway reads.
///
/// ```
/// use doorward_events::statement::{Accepts, Grant, IssueError, Issuer};
/// async fn issue(issuer: &Issuer, accepts: &Accepts, grant: Grant) -> Result<(), IssueError> {
///     issuer.grant(accepts, grant).await?;
///     Ok(())
/// }
/// ```
///
/// ```compile_fail,E0061
/// use doorward_events::statement::{Accepts, Grant, IssueError, Issuer};
/// async fn issue(issuer: &Issuer, accepts: &Accepts, grant: Grant) -> Result<(), IssueError> {
///     issuer.grant(grant).await?;
///     Ok(())
/// }
/// ```
mod a_grant_into_the_blue {}

/// A request of a type that is none.
///
/// ```
/// use doorward_events::statement::{Accepts, IssueError, Issuer, Request};
/// use doorward_events::types::{EntryUnlockRequested, GrantIssued};
/// async fn ask(issuer: &Issuer, accepts: &Accepts, request: Request) -> Result<(), IssueError> {
///     issuer.request::<EntryUnlockRequested>(accepts, request).await?;
///     Ok(())
/// }
/// ```
///
/// ```compile_fail,E0271
/// use doorward_events::statement::{Accepts, IssueError, Issuer, Request};
/// use doorward_events::types::{EntryUnlockRequested, GrantIssued};
/// async fn ask(issuer: &Issuer, accepts: &Accepts, request: Request) -> Result<(), IssueError> {
///     issuer.request::<GrantIssued>(accepts, request).await?;
///     Ok(())
/// }
/// ```
mod a_request_of_another_type {}

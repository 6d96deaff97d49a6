//! The schemas' examples of the types that were not recorded.

macro_rules! examples {
    ($($event_type:literal / $file:literal,)+) => {
        /// The type's name, the file's, and its content: the data of an event.
        pub(super) const EXAMPLES: &[(&str, &str, &str)] = &[$((
            $event_type,
            $file,
            include_str!(concat!("../../../../schemas/", $event_type, "/examples/", $file)),
        )),+];
    };
}

examples! {
    "access.denied" / "clock-untrusted-with-challenge.json",
    "access.denied" / "grant-expired.json",
    "access.denied" / "wrong-code-at-the-keypad.json",
    "access.granted" / "courier-by-signed-request.json",
    "access.granted" / "resident-locks-by-console.json",
    "access.requested" / "code-at-the-keypad.json",
    "access.requested" / "courier-by-signed-request.json",
    "audit.checkpoint" / "one-refused-and-some-dropped.json",
    "command.state_changed" / "confirmed-by-observation.json",
    "command.state_changed" / "connection-lost-after-dispatch.json",
    "credential.removed" / "pin-of-slot-at-keypad.json",
    "credential.set" / "pin-of-slot-at-keypad.json",
    "delivery.completed" / "came-too-late.json",
    "delivery.completed" / "handed-in-and-locked.json",
    "delivery.scheduled" / "two-parcels-before-noon.json",
    "endpoint.battery_changed" / "falling.json",
    "endpoint.battery_changed" / "only-the-flag.json",
    "endpoint.flooding" / "contact-chatters.json",
    "entry.lock_requested" / "courier-at-the-door.json",
    "entry.open_requested" / "courier-at-the-door.json",
    "entry.unlock_requested" / "courier-at-the-door.json",
    "gateway.events_dropped" / "disk-full.json",
    "gateway.subject_erased" / "two-had-not-left.json",
    "grant.consumed" / "the-only-use.json",
    "grant.installed" / "one-delivery.json",
    "grant.issued" / "one-delivery.json",
    "grant.rejected" / "issued-against-an-older-journal.json",
    "grant.rejected" / "unknown-restriction.json",
    "grant.removed" / "revoked-by-its-issuer.json",
    "grant.removed" / "used-up.json",
    "grant.revoked" / "delivery-cancelled.json",
    "grant.use_restored" / "lock-refused.json",
    "residency.ended" / "moves-out-at-the-end-of-may.json",
    "residency.started" / "moves-in-on-the-first.json",
    "vendor.isolated" / "killed-for-memory.json",
    "vendor.recovered" / "after-ten-minutes.json",
    "visit.interrupted" / "next-courier-before-it-locked.json",
    "visit.interrupted" / "power-cut-while-open.json",
    "visit.left_insecure" / "bolt-jammed.json",
    "visit.not_taken" / "courier-did-not-pull-the-door.json",
    "visit.opened" / "courier-opens.json",
    "visit.secured" / "code-at-the-keypad.json",
    "visit.secured" / "courier-left-and-it-locked.json",
    "visit.unverified" / "lock-went-offline.json",
    "visit.unverified" / "no-position-sensor.json",
}

//! The translators' words are the schemas' words.

use doorward_events::types as schema;
use doorward_translators as translators;

macro_rules! known {
    ($($vocabulary:ident),+) => {
        $(for word in translators::$vocabulary::ALL {
            let known = schema::$vocabulary::WORDS.contains(&word.as_str());
            assert!(known, "{} {word}", stringify!($vocabulary));
        })+
    };
}

#[test]
fn every_word_of_a_translator_is_a_word_of_the_schemas() {
    known!(
        LockState,
        Position,
        OperationSource,
        OperationKind,
        CredentialKind,
        AlarmKind,
        Capability
    );
}

#[test]
fn every_reason_of_a_refusal_is_a_reason_of_quarantine() {
    use translators::RefusalReason;
    let all = [
        RefusalReason::TooLarge,
        RefusalReason::InvalidUtf8,
        RefusalReason::MalformedJson,
        RefusalReason::UnexpectedShape,
        RefusalReason::UnknownTopic,
        RefusalReason::RetainedCommand,
        RefusalReason::MalformedFrame,
        RefusalReason::DeviceException,
    ];
    for reason in all {
        // A reason that is new must be added above.
        match reason {
            RefusalReason::TooLarge
            | RefusalReason::InvalidUtf8
            | RefusalReason::MalformedJson
            | RefusalReason::UnexpectedShape
            | RefusalReason::UnknownTopic
            | RefusalReason::RetainedCommand
            | RefusalReason::MalformedFrame
            | RefusalReason::DeviceException => {}
        }
        let word = serde_json::to_value(reason).unwrap();
        assert!(schema::QuarantineReason::WORDS.contains(&word.as_str().unwrap()), "{word}");
    }
    for own in ["unmapped_value", "unknown_endpoint", "refused_by_bus"] {
        assert!(schema::QuarantineReason::WORDS.contains(&own), "{own}");
    }
}

#[test]
fn every_word_of_the_domain_is_a_word_of_the_schemas() {
    use doorward::domain::entry::{EntryKind, Role};
    use doorward::domain::fact::FactQuality;
    for role in Role::ALL {
        assert!(schema::EntryRole::WORDS.contains(&role.as_str()));
    }
    for kind in [EntryKind::Door, EntryKind::GarageDoor, EntryKind::Gate, EntryKind::Other] {
        assert!(schema::EntryKind::WORDS.contains(&kind.as_str()));
    }
    for quality in
        [FactQuality::Observed, FactQuality::Assumed, FactQuality::Stale, FactQuality::Unknown]
    {
        assert!(schema::FactQuality::WORDS.contains(&quality.as_str()));
    }
}

//! What an error code of the bus means for an entry.
//!
//! A code that no rule knows means `Retry`: nothing is lost on a guess.

use crate::aws::bare_code;
use crate::bus::Outcome;
use crate::text::bounded_text;

/// The longest message that is kept.
const MAX_MESSAGE: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Retry,
    Denied,
    Refused,
}

/// Beginnings of codes: AWS names the same fault with and without `Exception`.
const RULES: &[(&str, Meaning)] = &[
    ("InternalFailure", Meaning::Retry),
    ("InternalException", Meaning::Retry),
    ("InternalServer", Meaning::Retry),
    ("Throttl", Meaning::Retry),
    ("TooManyRequests", Meaning::Retry),
    ("ServiceUnavailable", Meaning::Retry),
    ("RequestTimeout", Meaning::Retry),
    ("AccessDenied", Meaning::Denied),
    ("ExpiredToken", Meaning::Denied),
    ("UnrecognizedClient", Meaning::Denied),
    ("InvalidClientTokenId", Meaning::Denied),
    ("InvalidSignature", Meaning::Denied),
    ("IncompleteSignature", Meaning::Denied),
    ("SignatureDoesNotMatch", Meaning::Denied),
    ("RequestExpired", Meaning::Denied),
    ("RequestTimeTooSkewed", Meaning::Denied),
    ("MissingAuthenticationToken", Meaning::Denied),
    ("NotAuthorized", Meaning::Denied),
    ("OptInRequired", Meaning::Denied),
    ("InvalidAccountId", Meaning::Denied),
    ("OperationDisabled", Meaning::Denied),
    // A fault of the account's set-up, not of the entry.
    ("RedactionFailure", Meaning::Denied),
    // The bus is missing: every entry fares alike until somebody makes it.
    ("ResourceNotFound", Meaning::Denied),
    ("InvalidArgument", Meaning::Refused),
    ("MalformedDetail", Meaning::Refused),
    ("Validation", Meaning::Refused),
    ("PayloadTooLarge", Meaning::Refused),
    ("RequestEntityTooLarge", Meaning::Refused),
];

/// The outcome for an error code, with or without a namespace before `#` or a type after `:`.
pub(super) fn outcome(code: &str, message: &str) -> Outcome {
    let code = bare_code(code);
    let rule = RULES.iter().find(|(beginning, _)| code.starts_with(beginning));
    build(rule.map_or(Meaning::Retry, |(_, meaning)| *meaning), code, message)
}

/// The outcome of an answer without a code.
pub(super) fn of_status(status: u16) -> Outcome {
    let meaning = match status {
        401 | 403 => Meaning::Denied,
        413 => Meaning::Refused,
        _ => Meaning::Retry,
    };
    build(meaning, &format!("Http{status}"), "an answer without an error code")
}

pub(super) fn retry(code: &str, message: &str) -> Outcome {
    build(Meaning::Retry, code, message)
}

pub(super) fn denied(code: &str, message: &str) -> Outcome {
    build(Meaning::Denied, code, message)
}

fn build(meaning: Meaning, code: &str, message: &str) -> Outcome {
    let code = bounded_text(code, MAX_MESSAGE);
    let message = bounded_text(message, MAX_MESSAGE);
    match meaning {
        Meaning::Retry => Outcome::Retry { code, message },
        Meaning::Denied => Outcome::Denied { code, message },
        Meaning::Refused => Outcome::Refused { code, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Accepted { .. } => "accepted",
            Outcome::Retry { .. } => "retry",
            Outcome::Denied { .. } => "denied",
            Outcome::Refused { .. } => "refused",
        }
    }

    #[test]
    fn every_code_has_its_meaning() {
        let table = [
            ("InternalFailure", "retry"),
            ("InternalException", "retry"),
            ("ThrottlingException", "retry"),
            ("Throttling", "retry"),
            ("ServiceUnavailable", "retry"),
            ("AccessDenied", "denied"),
            ("AccessDeniedException", "denied"),
            ("ExpiredTokenException", "denied"),
            ("UnrecognizedClientException", "denied"),
            ("InvalidSignatureException", "denied"),
            ("IncompleteSignature", "denied"),
            ("MissingAuthenticationToken", "denied"),
            ("NotAuthorizedForSourceException", "denied"),
            ("NotAuthorizedForDetailTypeException", "denied"),
            ("ResourceNotFoundException", "denied"),
            ("com.amazonaws.events#ResourceNotFoundException:http://x/", "denied"),
            ("InvalidArgument", "refused"),
            ("MalformedDetail", "refused"),
            ("ValidationException", "refused"),
            ("PayloadTooLarge", "refused"),
            ("SomethingNewException", "retry"),
            ("", "retry"),
        ];
        for (code, expected) in table {
            assert_eq!(meaning(&outcome(code, "m")), expected, "{code}");
        }
    }

    #[test]
    fn statuses_without_a_code_lose_nothing_on_a_guess() {
        for (status, expected) in
            [(400, "retry"), (403, "denied"), (413, "refused"), (429, "retry"), (503, "retry")]
        {
            assert_eq!(meaning(&of_status(status)), expected, "{status}");
        }
    }

    #[test]
    fn messages_are_bounded() {
        let Outcome::Retry { message, .. } = outcome("Odd", &"x\n".repeat(10_000)) else {
            panic!("an unknown code is retried")
        };
        assert_eq!(message.len(), MAX_MESSAGE);
        assert!(!message.contains('\n'));
    }
}

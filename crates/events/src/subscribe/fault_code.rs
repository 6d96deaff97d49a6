//! What a failed call of AWS is called in hooks and errors.

use aws_smithy_runtime_api::client::result::SdkError;

use crate::text::bounded_text;

/// The longest code that is passed on, in characters.
const MAX_CODE: usize = 128;

/// The service's error code, bounded.
pub(super) fn bounded(code: &str) -> String {
    bounded_text(code, MAX_CODE)
}

/// The service's error code, or ours: `Timeout`, `Transport`. `code`: where the service's stands in
/// its error.
pub(super) fn fault_code<E, R>(
    error: &SdkError<E, R>,
    code: impl FnOnce(&E) -> Option<&str>,
) -> String {
    match error {
        SdkError::ServiceError(service) => bounded(code(service.err()).unwrap_or("Unknown")),
        SdkError::TimeoutError(_) => "Timeout".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "Timeout".to_owned(),
        _ => "Transport".to_owned(),
    }
}

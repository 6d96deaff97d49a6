//! What a program that runs for years gives back once it has begun.

use std::time::Duration;

use doorward_sandbox::ProgramText;

/// After so long, what only the beginning needed is no longer needed.
const SETTLED: Duration = Duration::from_secs(30);

/// Once the process has settled, gives back the pages of its program that only its beginning needed:
/// of a program of several MiB little is used from then on. Where it lies was looked up before the
/// process could no longer read `/proc`.
pub async fn settle(text: Option<ProgramText>) {
    tokio::time::sleep(SETTLED).await;
    if let Some(text) = text {
        text.give_back();
    }
}

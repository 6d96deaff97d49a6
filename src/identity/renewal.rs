//! A new certificate, got by the operator's own command: for a new key, looked at before it is
//! taken, and put into place together with that key.
//!
//! The gateway runs none of this: a timer does, as a program of its own, so that the core starts
//! no program but its vendors'.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::certificate::{Certificate, Standing};
use super::folder::{Folder, FolderError, Installed, Requested};

/// How often it is looked whether the command has ended.
const LOOK: Duration = Duration::from_millis(20);
/// The file for the new certificate, in the identity's folder.
const ISSUED: &str = "issued.pem";

/// What came of a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// There is no certificate of its own, and no command that would get one.
    NoneHere,
    /// Two thirds of its life are not over.
    NotDue {
        /// When they are.
        at: Timestamp,
    },
    /// It would be renewed; nothing was changed.
    WouldRenew {
        /// The end of the one in use, if there is one.
        not_after: Option<Timestamp>,
    },
    /// The new one is in place.
    Renewed(Installed),
}

/// Why a certificate was not renewed. The one in use stays.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// Nobody said how.
    #[error("identity.renew_command is not set")]
    NoCommand,
    /// Another renewal is under way.
    #[error("another renewal is under way")]
    UnderWay,
    /// The command cannot be run.
    #[error("{program} cannot be run: {error}")]
    CannotRun {
        /// The program.
        program: String,
        /// The system's error.
        error: std::io::Error,
    },
    /// It was ended, with all that it had started.
    #[error("{program} took longer than {} s and was ended", timeout.as_secs())]
    TooLong {
        /// The program.
        program: String,
        /// `identity.renew_timeout_s`.
        timeout: Duration,
    },
    /// It says that it failed.
    #[error("{program} failed: {status}")]
    Failed {
        /// The program.
        program: String,
        /// Its end.
        status: ExitStatus,
    },
    /// What it left is not to be taken, or the folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// What a renewal needs to know.
#[derive(Debug, Clone)]
pub struct Renewing<'a> {
    /// Where the identity is.
    pub folder: &'a Path,
    /// The subject's common name.
    pub instance: &'a str,
    /// The program with its arguments; request and output are appended.
    pub command: Option<&'a [String]>,
    /// For how long it may run.
    pub timeout: Duration,
}

/// Renews the certificate; `if_due`: only if two thirds of its life are over. `dry_run`: only says
/// what it would do. It blocks.
///
/// # Errors
/// There is no new certificate, and why; the one in use stays.
pub fn renew(
    renewing: &Renewing<'_>,
    if_due: bool,
    dry_run: bool,
) -> Result<Renewal, RenewalError> {
    let folder = Folder::new(renewing.folder);
    let now = Timestamp::now();
    let current = Certificate::read(&folder.certificate()).ok();
    if let Some(current) = current.as_ref().filter(|_| if_due)
        && current.standing(now) != Standing::Expired
        && now < current.renewal_due()
    {
        return Ok(Renewal::NotDue { at: current.renewal_due() });
    }
    let Some([program, arguments @ ..]) = renewing.command else {
        let is_there = std::fs::symlink_metadata(folder.certificate()).is_ok();
        return if if_due && !is_there {
            Ok(Renewal::NoneHere)
        } else {
            Err(RenewalError::NoCommand)
        };
    };
    if dry_run {
        return Ok(Renewal::WouldRenew { not_after: current.map(|current| current.not_after) });
    }
    // The first certificate is for the first key.
    let first = folder.request(renewing.instance)?;
    let _lock = lock(renewing.folder)?;
    let requested = if current.is_some() { folder.pending(renewing.instance)? } else { first };
    let issued = renewing.folder.join(ISSUED);
    let _ = std::fs::remove_file(&issued);
    let run = Run { program, arguments, folder: &folder, requested: &requested, issued: &issued };
    run.to_its_end(renewing.timeout)?;
    let installed = folder.install(&issued, Timestamp::now());
    let _ = std::fs::remove_file(&issued);
    Ok(Renewal::Renewed(installed?))
}

/// Held until it is dropped.
fn lock(folder: &Path) -> Result<std::fs::File, RenewalError> {
    let path = folder.join("renewal.lock");
    let io = |error| FolderError::Io { path: path.clone(), error };
    let opened = std::fs::File::create(&path).map_err(io)?;
    rustix::fs::flock(&opened, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| RenewalError::UnderWay)?;
    Ok(opened)
}

struct Run<'a> {
    program: &'a String,
    arguments: &'a [String],
    folder: &'a Folder,
    requested: &'a Requested,
    issued: &'a PathBuf,
}

impl Run<'_> {
    fn to_its_end(&self, timeout: Duration) -> Result<(), RenewalError> {
        let program = self.program.clone();
        let spawned = Command::new(self.program)
            .args(self.arguments)
            .arg(&self.requested.request)
            .arg(self.issued)
            .env("DOORWARD_REQUEST", &self.requested.request)
            .env("DOORWARD_NEW_CERTIFICATE", self.issued)
            // With these it can show who asks.
            .env("DOORWARD_CERTIFICATE", self.folder.certificate())
            .env("DOORWARD_KEY", self.folder.key())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn();
        let mut child =
            spawned.map_err(|error| RenewalError::CannotRun { program: program.clone(), error })?;
        match end(&mut child, timeout) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(RenewalError::Failed { program, status }),
            None => Err(RenewalError::TooLong { program, timeout }),
        }
    }
}

/// How it ended; `None`: it did not in time, and was ended with its whole group.
fn end(child: &mut Child, timeout: Duration) -> Option<ExitStatus> {
    let begun = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if begun.elapsed() >= timeout {
            if let Some(group) =
                i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw)
            {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a command of its own, with no runtime to hold up"
        )]
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests;

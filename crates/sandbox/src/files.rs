//! Landlock (`landlock(7)`): which files may be opened, which TCP port connected to.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, Scope,
};

use crate::{Layer, Profile, Refused};

const FILES: &str = "landlock_files";
const TCP: &str = "landlock_tcp";
const SCOPE: &str = "landlock_scope";
/// The rights that we know of; older kernels hold those that they know.
const KNOWN: ABI = ABI::V6;
/// A file that every system has and no translator needs.
const FORBIDDEN: &str = "/proc/self/status";

/// What the resolver of the C library reads to look a name up. A folder where the file is another
/// program's, which replaces it.
const RESOLVER: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/run/systemd/resolve",
    "/run/resolvconf",
];

/// The resolver's files and folders that are there.
pub fn resolver_files() -> Vec<PathBuf> {
    RESOLVER.iter().map(PathBuf::from).filter(|path| path.exists()).collect()
}

pub(crate) fn restrict(profile: &Profile) -> Result<Vec<Layer>, Refused> {
    let cannot = |reason: String| Refused::CannotApply { layer: FILES, reason };
    let status = apply(profile).map_err(|error| cannot(error.to_string()))?;
    let number = match status {
        LandlockStatus::NotImplemented => {
            return Ok(none("this kernel has no Landlock (5.13 has, where it is built in)"));
        }
        LandlockStatus::NotEnabled => {
            return Ok(none("Landlock is switched off at boot (add landlock to lsm=)"));
        }
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            kernel_abi.unwrap_or(effective_abi as i32)
        }
    };
    let mut layers = vec![probe_files(number)?];
    layers.push(if number >= 4 {
        probe_tcp(profile)?
    } else {
        Layer::lacks(TCP, format!("Landlock ABI {number} knows no ports (kernel 6.7 does)"))
    });
    layers.push(if number >= 6 {
        probe_scope()?
    } else {
        Layer::lacks(SCOPE, format!("Landlock ABI {number} knows no scopes (kernel 6.12 does)"))
    });
    Ok(layers)
}

fn none(reason: &str) -> Vec<Layer> {
    [FILES, TCP, SCOPE].into_iter().map(|name| Layer::lacks(name, reason)).collect()
}

fn apply(profile: &Profile) -> Result<LandlockStatus, landlock::RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    let resolver = if profile.names { resolver_files() } else { Vec::new() };
    for path in resolver.iter().chain(&profile.readable) {
        // One that is not there, or cannot be opened, cannot be read anyway.
        if let Ok(opened) = PathFd::new(path) {
            let read = AccessFs::ReadFile | AccessFs::ReadDir;
            let read = if path.is_dir() { read } else { AccessFs::ReadFile.into() };
            ruleset = ruleset.add_rule(PathBeneath::new(opened, read))?;
        }
    }
    if let Some(port) = profile.tcp_port {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(ruleset.restrict_self()?.landlock)
}

fn probe_files(number: i32) -> Result<Layer, Refused> {
    match std::fs::File::open(FORBIDDEN) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Ok(Layer::holds(FILES, format!("ABI {number}: none but its own can be opened")))
        }
        other => Err(Refused::DoesNotHold {
            layer: FILES,
            reason: format!("{FORBIDDEN} could be opened, or not for that reason: {other:?}"),
        }),
    }
}

/// Asks whether its parent could be sent a signal, without sending one.
fn probe_scope() -> Result<Layer, Refused> {
    let Some(parent) = rustix::process::getppid() else {
        return Ok(Layer::lacks(SCOPE, "applied, and not tried: its parent cannot be seen"));
    };
    match rustix::process::test_kill_process(parent) {
        Err(rustix::io::Errno::PERM) => {
            Ok(Layer::holds(SCOPE, "no signal and no abstract socket leaves it"))
        }
        other => Err(Refused::DoesNotHold {
            layer: SCOPE,
            reason: format!("a signal to its parent: {other:?}"),
        }),
    }
}

/// Tries a port of this machine that it has no business with. A socket that may not is refused
/// before anything is sent.
fn probe_tcp(profile: &Profile) -> Result<Layer, Refused> {
    let port = if profile.tcp_port == Some(1) { 2 } else { 1 };
    let forbidden = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpStream::connect_timeout(&forbidden, Duration::from_secs(1)) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(Layer::holds(
            TCP,
            profile.tcp_port.map_or_else(
                || "no connection at all".to_owned(),
                |port| format!("connections to port {port} alone"),
            ),
        )),
        Err(error) => Err(Refused::DoesNotHold {
            layer: TCP,
            reason: format!("port {port} failed for another reason: {error}"),
        }),
        Ok(_) => Err(Refused::DoesNotHold {
            layer: TCP,
            reason: format!("port {port} could be connected to"),
        }),
    }
}

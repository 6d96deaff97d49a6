//! What a vendor process keeps when it locks itself down: the way to its broker, and no more.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use doorward_sandbox::{Profile, resolver_files};

use crate::link::{Connection, VendorSetup};

/// What this vendor's process needs from here on. Its TLS files are read by then, and a serial port
/// comes as a descriptor.
pub fn profile(setup: &VendorSetup) -> Profile {
    match &setup.connection {
        Connection::Mqtt(broker) => Profile {
            tcp_port: Some(broker.port),
            names: broker.host.parse::<IpAddr>().is_err(),
            ..Profile::default()
        },
        Connection::Serial(_) => Profile::default(),
    }
}

/// The resolver's files as this process was let in to them: one that is replaced by another is
/// closed to it, since the kernel knows files and not their names.
pub struct Resolver {
    files: Vec<(PathBuf, Option<Which>)>,
}

/// Device and inode.
type Which = (u64, u64);

impl Resolver {
    /// As they are now, where names are looked up at all.
    pub fn now(profile: &Profile) -> Self {
        let found = if profile.names { resolver_files() } else { Vec::new() };
        let (folders, files): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| path.is_dir());
        // What lies in a folder that it was let in to may be replaced.
        let alone = |path: &PathBuf| {
            let real = std::fs::canonicalize(path).unwrap_or_default();
            !folders.iter().any(|folder| real.starts_with(folder))
        };
        let files = files.into_iter().filter(alone);
        Self { files: files.map(|path| (path.clone(), which(&path))).collect() }
    }

    /// Whether one is another now, which only another process can read.
    pub fn is_replaced(&self) -> bool {
        // One that is gone for a moment is on its way to being replaced.
        self.files.iter().any(|(path, was)| which(path).is_some_and(|is| Some(is) != *was))
    }
}

fn which(path: &PathBuf) -> Option<Which> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn a_file_that_is_replaced_is_noticed_and_one_that_is_written_or_gone_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        std::fs::write(&file, "nameserver 192.0.2.1\n").unwrap();
        let resolver = Resolver { files: vec![(file.clone(), which(&file))] };
        std::fs::write(&file, "nameserver 192.0.2.2\n").unwrap();
        assert!(!resolver.is_replaced(), "it is the same file");
        let new = folder.path().join("new");
        std::fs::write(&new, "nameserver 192.0.2.3\n").unwrap();
        std::fs::rename(&new, &file).unwrap();
        assert!(resolver.is_replaced());
        std::fs::remove_file(&file).unwrap();
        assert!(!resolver.is_replaced());
        let by_address = Profile { names: false, ..Profile::default() };
        assert!(Resolver::now(&by_address).files.is_empty());
    }
}

//! The gateway's key, its request and its certificate as files.
//!
//! ```text
//! identity/current -> 1
//! identity/1/key.pem  request.pem  certificate.pem
//! identity/pending/key.pem  request.pem          while a renewal is under way
//! ```
//!
//! Key and certificate change together, by one rename of the link `current`: whatever is cut off,
//! the pair that is read belongs together. A key is never overwritten; the folder of the pair
//! before stays, and older ones go.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject as _;

use super::certificate::{Certificate, CertificateError, Standing};
use super::pem_file::{self, PemError};

/// The private key, PKCS#8 in PEM, ECDSA P-256, its owner's alone.
pub const KEY: &str = "key.pem";
/// The certificate request.
pub const REQUEST: &str = "request.pem";
/// The certificate, with its chain where there is one.
pub const CERTIFICATE: &str = "certificate.pem";

const CURRENT: &str = "current";
const PENDING: &str = "pending";
/// The link before it has its name.
const NEXT_LINK: &str = "current.new";
/// A folder before it has its name.
const UNFINISHED: &str = "unfinished";

/// Why something of the identity cannot be made or taken.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The disk or the rights.
    #[error("{}: {error}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The key cannot be made or used.
    #[error("{}: {why}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// Nothing of the key itself.
        why: String,
    },
    /// A file of PEM is of no use.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate is of no use.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No request was made yet.
    #[error("{} holds no key yet", .0.display())]
    NoKey(PathBuf),
    /// The certificate is nobody's here.
    #[error("the certificate is of none of the keys in {}", .0.display())]
    ForeignCertificate(PathBuf),
    /// The certificate is not to be taken.
    #[error("the new certificate {0}")]
    Unfit(String),
}

/// What a request consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The key's file.
    pub key: PathBuf,
    /// The request's file.
    pub request: PathBuf,
    /// The request in PEM; nothing secret.
    pub pem: String,
    /// Whether the key was made just now.
    pub made: bool,
}

/// What was put into place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The certificate.
    pub certificate: Certificate,
    /// Where it is, under a name that stays.
    pub file: PathBuf,
}

/// The folder of an identity.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The identity in this folder, which need not be there yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The certificate's file under a name that stays.
    pub fn certificate(&self) -> PathBuf {
        self.root.join(CURRENT).join(CERTIFICATE)
    }

    /// The key's file under a name that stays.
    pub fn key(&self) -> PathBuf {
        self.root.join(CURRENT).join(KEY)
    }

    /// The key and the request, which are made where they are missing.
    ///
    /// # Errors
    /// They cannot be read or made.
    pub fn request(&self, instance: &str) -> Result<Requested, FolderError> {
        let existing = self.root.join(CURRENT).join(KEY);
        let made = !there(&existing);
        if made {
            // If there is one, a cut came between the folder and the link.
            let name = if let Some(number) = self.newest() {
                number.to_string()
            } else {
                self.make(instance, "1")?;
                "1".to_owned()
            };
            self.switch(&name)?;
        }
        self.requested(&self.root.join(CURRENT), instance, made)
    }

    /// A second key and its request, beside those in use. They stay until a certificate comes for
    /// them, so that a renewal that failed goes on with the same request.
    ///
    /// # Errors
    /// There is no first key, or they cannot be read or made.
    pub fn pending(&self, instance: &str) -> Result<Requested, FolderError> {
        if !there(&self.root.join(CURRENT).join(KEY)) {
            return Err(FolderError::NoKey(self.root.clone()));
        }
        let folder = self.root.join(PENDING);
        let made = !there(&folder.join(KEY));
        if made {
            self.make(instance, PENDING)?;
        }
        self.requested(&folder, instance, made)
    }

    /// Takes a certificate, of the key in use or of the pending one: looks whether it fits, and
    /// puts it into place with its key, both or neither.
    ///
    /// # Errors
    /// It is of no key here, is not good now, ends before the one in use, is another's, or cannot
    /// be written.
    pub fn install(&self, pem: &Path, now: Timestamp) -> Result<Installed, FolderError> {
        let certificate = Certificate::read(pem)?;
        match certificate.standing(now) {
            Standing::Valid => {}
            Standing::Expired => {
                let why = format!("was over at {}", certificate.not_after);
                return Err(FolderError::Unfit(why));
            }
            Standing::NotYetValid => {
                let why = format!(
                    "begins at {}, and here it is {now:.0}: is the clock right?",
                    certificate.not_before
                );
                return Err(FolderError::Unfit(why));
            }
        }
        if let Ok(old) = Certificate::read(&self.certificate()) {
            if old.subject != certificate.subject {
                let why = format!("is of {}, not of {}", certificate.subject, old.subject);
                return Err(FolderError::Unfit(why));
            }
            if certificate.not_after < old.not_after {
                let why = format!(
                    "ends at {}, before the one in use ({})",
                    certificate.not_after, old.not_after
                );
                return Err(FolderError::Unfit(why));
            }
        }
        let belongs = |folder: &Path| match pem_file::chain_and_key(pem, &folder.join(KEY)) {
            Ok(_) => Ok(true),
            Err(PemError::Mismatch { .. }) => Ok(false),
            Err(error) => Err(error),
        };
        let text = pem_file::read_bounded(pem)?;
        let (pending, current) = (self.root.join(PENDING), self.root.join(CURRENT));
        if there(&pending.join(KEY)) && belongs(&pending)? {
            self.write(&pending.join(CERTIFICATE), &text, 0o644)?;
            let number = self.newest().map_or(1, |newest| newest.saturating_add(1)).to_string();
            let io = |error| FolderError::Io { path: pending.clone(), error };
            std::fs::rename(&pending, self.root.join(&number)).map_err(io)?;
            self.switch(&number)?;
            self.forget_older();
        } else if belongs(&current)? {
            self.write(&current.join(CERTIFICATE), &text, 0o644)?;
        } else {
            return Err(FolderError::ForeignCertificate(self.root.clone()));
        }
        Ok(Installed { certificate, file: self.certificate() })
    }

    /// Makes a key and its request in a folder of this name.
    fn make(&self, instance: &str, name: &str) -> Result<(), FolderError> {
        let unfinished = self.root.join(UNFINISHED);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| FolderError::Io { path, error }
        };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.root).map_err(io(&self.root))?;
        self.own(&self.root);
        if there(&unfinished) {
            std::fs::remove_dir_all(&unfinished).map_err(io(&unfinished))?;
        }
        builder.create(&unfinished).map_err(io(&unfinished))?;
        self.own(&unfinished);
        let file = unfinished.join(KEY);
        let failed =
            |error: rcgen::Error| FolderError::Key { path: file.clone(), why: error.to_string() };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        self.write(&file, key.serialize_pem().as_bytes(), 0o600)?;
        let pem = request(&key, instance).map_err(failed)?;
        self.write(&unfinished.join(REQUEST), pem.as_bytes(), 0o644)?;
        let named = self.root.join(name);
        std::fs::rename(&unfinished, &named).map_err(io(&named))?;
        sync(&self.root);
        Ok(())
    }

    fn requested(
        &self,
        folder: &Path,
        instance: &str,
        made: bool,
    ) -> Result<Requested, FolderError> {
        let (key, file) = (folder.join(KEY), folder.join(REQUEST));
        if !there(&file) {
            let failed = |why: String| FolderError::Key { path: key.clone(), why };
            let text = String::from_utf8(pem_file::read_bounded(&key)?)
                .map_err(|_| failed("it is no PEM".to_owned()))?;
            let pair = KeyPair::from_pem(&text).map_err(|error| failed(error.to_string()))?;
            let pem = request(&pair, instance).map_err(|error| failed(error.to_string()))?;
            self.write(&file, pem.as_bytes(), 0o644)?;
        }
        let pem = pem_file::read_bounded(&file)?;
        rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(&pem).map_err(|_| {
            FolderError::Key {
                path: file.clone(),
                why: "it is no certificate request; remove it for a new one".to_owned(),
            }
        })?;
        Ok(Requested { key, request: file, pem: String::from_utf8_lossy(&pem).into_owned(), made })
    }

    /// Makes `current` point to this folder, in one step.
    fn switch(&self, name: &str) -> Result<(), FolderError> {
        let (link, current) = (self.root.join(NEXT_LINK), self.root.join(CURRENT));
        let io = |error| FolderError::Io { path: link.clone(), error };
        match std::fs::remove_file(&link) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        // What the link leads to is durable before the link is.
        sync(&self.root.join(name));
        sync(&self.root);
        std::os::unix::fs::symlink(name, &link).map_err(io)?;
        std::fs::rename(&link, &current).map_err(io)?;
        sync(&self.root);
        Ok(())
    }

    /// The highest number of a folder with a key.
    fn newest(&self) -> Option<u64> {
        self.numbers().into_iter().max()
    }

    fn numbers(&self) -> Vec<u64> {
        let Ok(found) = std::fs::read_dir(&self.root) else { return Vec::new() };
        let number = |name: &str| name.parse::<u64>().ok().filter(|n| n.to_string() == name);
        found
            .filter_map(|entry| number(entry.ok()?.file_name().to_str()?))
            .filter(|number| there(&self.root.join(number.to_string()).join(KEY)))
            .collect()
    }

    /// The pair before the one in use stays; those before it go.
    fn forget_older(&self) {
        let mut numbers = self.numbers();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        for old in numbers.into_iter().skip(2) {
            let _ = std::fs::remove_dir_all(self.root.join(old.to_string()));
        }
    }

    /// Writes a file whole or not at all, for the owner of the folder.
    fn write(&self, file: &Path, bytes: &[u8], mode: u32) -> Result<(), FolderError> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let put = || -> std::io::Result<()> {
            if there(&beside) {
                std::fs::remove_file(&beside)?;
            }
            let mut options = std::fs::OpenOptions::new();
            let mut made = options.write(true).create_new(true).mode(mode).open(&beside)?;
            made.write_all(bytes)?;
            made.sync_all()?;
            self.own(&beside);
            std::fs::rename(&beside, file)?;
            file.parent().map(sync);
            Ok(())
        };
        put().map_err(|error| FolderError::Io { path: file.to_owned(), error })
    }

    /// What root makes here belongs to whom the folder above does: the gateway runs as that user.
    fn own(&self, path: &Path) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let Some(above) = self.root.parent().and_then(|above| std::fs::metadata(above).ok()) else {
            return;
        };
        let (user, group) =
            (rustix::fs::Uid::from_raw(above.uid()), rustix::fs::Gid::from_raw(above.gid()));
        if let Err(error) = rustix::fs::chown(path, Some(user), Some(group)) {
            tracing::warn!(path = %path.display(), %error, "its owner stays root");
        }
    }
}

fn there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

/// Makes names durable; a file system that cannot is not at fault here.
fn sync(folder: &Path) {
    if let Ok(opened) = std::fs::File::open(folder) {
        let _ = opened.sync_all();
    }
}

fn request(key: &KeyPair, instance: &str) -> Result<String, rcgen::Error> {
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name = DistinguishedName::new();
    wanted.distinguished_name.push(DnType::CommonName, instance);
    wanted.serialize_request(key)?.pem()
}

#[cfg(test)]
mod tests;

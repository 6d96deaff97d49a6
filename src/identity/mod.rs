//! Who this gateway is to the outside: its key, the request for its certificate, the certificate
//! itself, and the end that each of these and of all others that it relies on has.
//!
//! Not to be mixed up with the keys that it signs with (`audit.key`, `console.key`): those are
//! believed by name and never leave it, and nobody certifies them.

mod authority;
mod certificate;
mod folder;
mod inventory;
mod pem_file;
mod renewal;
mod stamp;

pub use authority::{Authority, AuthorityError, Signed};
pub use certificate::{Certificate, CertificateError, Standing, days_until};
pub use folder::{CERTIFICATE, Folder, FolderError, Installed, KEY, REQUEST, Requested};
pub use inventory::{
    DEVICES, Ends, Item, Kind, broker_certificate, devices_certificate, inventory,
};
pub use pem_file::{MAX_PEM, PemError, certificates, chain_and_key, read_bounded};
pub use renewal::{Renewal, RenewalError, Renewing, renew};
pub use stamp::{Stamp, stamp};

//! Profiles: ecosystems that a text describes.

use crate::ecosystem::{Fault, Opened, Setup};

/// The profiles that come with doorward: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[];

/// Opens the profile that the setup names or brings along.
pub fn open(setup: &Setup) -> Result<Opened, Vec<Fault>> {
    let message = format!("there is no ecosystem {:?}", setup.ecosystem);
    Err(vec![Fault::error("ecosystem", message, "use one of the list, or add its profile")])
}

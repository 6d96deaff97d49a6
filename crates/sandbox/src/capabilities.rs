//! Capabilities: the super-user's powers, for who starts the gateway as that.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
};

use crate::{Layer, Refused};

const NAME: &str = "capabilities";
/// More than any kernel knows.
const BITS: u32 = 64;

pub(crate) fn drop_all() -> Result<Layer, Refused> {
    let reason = |error: rustix::io::Errno| error.to_string();
    let cannot = |reason: String| Refused::CannotApply { layer: NAME, reason };
    let held = capabilities(None).map_err(|error| cannot(reason(error)))?;
    let had = !held.permitted.is_empty();
    if held.effective.contains(CapabilitySet::SETPCAP) {
        for capability in each() {
            // Told below, where it stays.
            if capability_is_in_bounding_set(capability).unwrap_or(false) {
                let _ = remove_capability_from_bounding_set(capability);
            }
        }
    }
    // A kernel before 4.3 has no such set.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).map_err(|error| cannot(reason(error)))?;
    let left = capabilities(None).map_err(|error| cannot(reason(error)))?;
    if !(left.effective | left.permitted | left.inheritable).is_empty() {
        return Err(Refused::DoesNotHold { layer: NAME, reason: format!("{left:?}") });
    }
    let bounding = each().any(|one| capability_is_in_bounding_set(one).unwrap_or(false));
    let detail = match (had, bounding) {
        (true, false) => "all dropped, for good",
        (true, true) => "all dropped",
        (false, _) => "it had none",
    };
    Ok(Layer::holds(NAME, detail))
}

fn each() -> impl Iterator<Item = CapabilitySet> {
    (0..BITS).map(|bit| CapabilitySet::from_bits_retain(1 << bit))
}

//! Who is who in a drill: four vendors, each with sensors and locks, each device a door's.

/// The vendors, which are all of one kind.
pub const VENDORS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
/// Locks of each vendor.
pub const LOCKS: usize = 3;
/// The sensor of each vendor at whose topic it is seen who else speaks there. Not the first, which
/// may go mad.
pub const WATCHED: usize = 1;

/// The door of a sensor, and the sensor's name at the broker.
pub fn sensor(vendor: &str, number: usize) -> String {
    format!("{vendor}-sensor-{number}")
}

/// The door of a lock, and the lock's name at the broker.
pub fn lock(vendor: &str, number: usize) -> String {
    format!("{vendor}-lock-{number}")
}

/// A device's own identity; no two vendors have the same.
pub fn identity(vendor: &str, number: usize) -> String {
    let place = VENDORS.iter().position(|name| *name == vendor).unwrap_or(VENDORS.len());
    format!("0x{:016x}", (place + 1) * 0x1_0000 + number)
}

/// The vendor of a door or device.
pub fn vendor_of(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_vendor_and_identities_are_apart() {
        assert_eq!(vendor_of(&sensor("beta", 3)), "beta");
        assert_eq!(vendor_of(&lock("delta", 0)), "delta");
        let all: std::collections::BTreeSet<String> = VENDORS
            .iter()
            .flat_map(|vendor| (0..500).map(|number| identity(vendor, number)))
            .collect();
        assert_eq!(all.len(), 4 * 500);
    }
}

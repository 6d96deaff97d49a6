//! What the disk and the clock are told to do: the text of the control file, read.

use std::time::Duration;

/// How the folder's files misbehave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// `none`: they do not.
    #[default]
    None,
    /// `enospc`: no block is left. A write beyond a file's end fails with `ENOSPC`, and so does
    /// the making of a file; a write into a file goes on.
    Full,
    /// `enospc-all`: the same, and every write fails, as where a file system never writes in
    /// place.
    FullForAll,
    /// `eio`: every write, change of length and sync fails with `EIO`.
    Broken,
    /// `erofs`: the file system was mounted read-only anew. What would change it fails with
    /// `EROFS`; a sync, which finds nothing to do, does not.
    ReadOnly,
    /// `sync-eio`: a sync does nothing and fails with `EIO`. With a number: so many syncs of a
    /// process, counted from these orders; the later ones work.
    SyncFails(Option<u32>),
    /// `rename-eio NUMBER`: the rename of this number, counted from 1 and from these orders on,
    /// fails with `EIO`.
    RenameFails(u32),
    /// `rename-kill NUMBER`: the process is killed when it begins this rename.
    RenameKills(u32),
    /// `stall MILLISECONDS`: a write, change of length or sync is held back so long before it is
    /// done, or until the orders change.
    Stall(Duration),
}

/// The control file: one order a line.
///
/// At most one line is a [`Fault`]. Beside it there may be `delay MICROSECONDS`, `clock SECONDS`
/// and `serial NUMBER`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Orders {
    pub fault: Fault,
    /// `delay`: every sync takes so much longer.
    pub delay: Duration,
    /// `clock`: seconds by which the time of day is off. Clocks that only run are right.
    pub clock: i64,
    /// `serial`: tells orders apart that are the same in all else, for what is counted.
    pub serial: u32,
}

/// The control file cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadOrders {
    #[error("`{0}` is no order")]
    Unknown(String),
    #[error("there is more than one fault")]
    TwoFaults,
}

impl Orders {
    /// Reads the text of a control file. An empty one orders nothing.
    pub fn parse(text: &str) -> Result<Self, BadOrders> {
        let mut orders = Self::default();
        let mut fault = None;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if orders.set(line).is_none() {
                let named = named(line).ok_or_else(|| BadOrders::Unknown(line.to_owned()))?;
                if fault.replace(named).is_some() {
                    return Err(BadOrders::TwoFaults);
                }
            }
        }
        orders.fault = fault.unwrap_or_default();
        Ok(orders)
    }

    /// Takes a line that stands beside a fault; `None` if it is no such line.
    fn set(&mut self, line: &str) -> Option<()> {
        let (word, number) = line.split_once(' ')?;
        match word {
            "delay" => self.delay = Duration::from_micros(number.parse().ok()?),
            "clock" => self.clock = number.parse().ok()?,
            "serial" => self.serial = number.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}

fn named(line: &str) -> Option<Fault> {
    Some(match line.split_once(' ') {
        None => match line {
            "none" => Fault::None,
            "enospc" => Fault::Full,
            "enospc-all" => Fault::FullForAll,
            "eio" => Fault::Broken,
            "erofs" => Fault::ReadOnly,
            "sync-eio" => Fault::SyncFails(None),
            _ => return None,
        },
        Some(("sync-eio", number)) => Fault::SyncFails(Some(number.parse().ok()?)),
        Some(("rename-eio", number)) => Fault::RenameFails(number.parse().ok()?),
        Some(("rename-kill", number)) => Fault::RenameKills(number.parse().ok()?),
        Some(("stall", number)) => Fault::Stall(Duration::from_millis(number.parse().ok()?)),
        Some(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_read() {
        for (text, fault) in [
            ("", Fault::None),
            ("none\n", Fault::None),
            ("enospc", Fault::Full),
            ("enospc-all\n", Fault::FullForAll),
            ("eio", Fault::Broken),
            ("erofs", Fault::ReadOnly),
            ("sync-eio", Fault::SyncFails(None)),
            ("sync-eio 1", Fault::SyncFails(Some(1))),
            ("rename-eio 1", Fault::RenameFails(1)),
            ("rename-kill 2", Fault::RenameKills(2)),
            ("stall 20000", Fault::Stall(Duration::from_secs(20))),
        ] {
            let orders = Orders { fault, ..Orders::default() };
            assert_eq!(Orders::parse(text), Ok(orders), "{text}");
        }
        assert_eq!(
            Orders::parse("serial 7\neio\ndelay 250\n\nclock -60\n"),
            Ok(Orders {
                fault: Fault::Broken,
                delay: Duration::from_micros(250),
                clock: -60,
                serial: 7,
            })
        );
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for text in ["full", "stall", "stall soon", "sync-eio -1", "delay -1", "clock", "none 1"] {
            assert_eq!(Orders::parse(text), Err(BadOrders::Unknown(text.to_owned())), "{text}");
        }
        assert_eq!(Orders::parse("eio\nenospc"), Err(BadOrders::TwoFaults));
    }
}

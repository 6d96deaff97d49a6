//! How long bytes take on the line, and the silence between frames (MODBUS over Serial Line V1.02
//! §2.5.1.1).

use std::time::Duration;

/// Bits of a character on the line: start, eight of data, parity or a second stop, stop.
const BITS: u64 = 11;

/// The rate above which the silence no longer shrinks, in baud.
const FAST: u32 = 19_200;
const SILENCE_WHEN_FAST: Duration = Duration::from_micros(1750);

const NANOS: u64 = 1_000_000_000;

/// The times of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    character: Duration,
    /// t3.5: this long nothing is heard before a frame begins.
    pub(super) silence: Duration,
}

impl Timing {
    /// `baud` is not 0.
    pub(super) fn new(baud: u32) -> Self {
        let rate = u64::from(baud.max(1));
        let silence = if baud > FAST {
            SILENCE_WHEN_FAST
        } else {
            Duration::from_nanos((7 * BITS * NANOS).div_ceil(2 * rate))
        };
        Self { character: Duration::from_nanos((BITS * NANOS).div_ceil(rate)), silence }
    }

    /// How long this many bytes take.
    pub(super) fn characters(&self, count: usize) -> Duration {
        self.character.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_by_rate() {
        for (baud, micros) in
            [(1200, 32_083), (9600, 4010), (19_200, 2005), (19_201, 1750), (115_200, 1750)]
        {
            assert_eq!(Timing::new(baud).silence.as_micros(), micros, "{baud}");
        }
    }

    #[test]
    fn characters_take_eleven_bits() {
        assert_eq!(Timing::new(11_000).characters(8), Duration::from_millis(8));
        assert_eq!(Timing::new(9600).characters(255).as_millis(), 292);
    }
}

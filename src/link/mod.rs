//! The link between the core and a vendor process: versioned, length-capped JSON frames over
//! an inherited Unix socket pair.
//!
//! A signal carries a number that grows by one; [`CoreFrame::Ack`] is cumulative, so MQTT's
//! ordered PUBACKs follow the core's commits. The vendor process never has more than
//! [`CREDIT`] signals unacknowledged.

mod bounds;
mod codec;
mod frames;
mod given;
mod setup;

pub use doorward_sandbox::Layer;

pub use bounds::{MAX_ADDRESS, Order, Violation};
pub use codec::{FrameCodec, FrameError, MAX_COMMAS, MAX_FRAME_BYTES};
pub use frames::{
    CommandOrder, CommandProgress, CommandRefusal, CommandTold, CoreFrame, Digest, Evidence,
    MAX_VALID, ReadRequest, Signal, VendorFrame,
};
pub use given::{Given, MAX_GIVEN, since_boot_ms};
pub use setup::{Connection, MqttConnection, Parity, SerialLine, TlsFiles, VendorSetup};

/// The version of the frames below. Both sides come of one build, so any difference is refused.
pub const PROTOCOL: u32 = 5;

/// Most signals that a vendor process may have sent and not seen acknowledged. At the bound
/// it stops reading from the broker, which then stops at its own in-flight limit; a serial line is
/// polled on, and what changes meanwhile is told as it is then.
pub const CREDIT: usize = 1024;

//! Tests against real parts: Mosquitto, the gateway's own binary, and a bus over HTTP.

#![expect(clippy::disallowed_methods, reason = "a test waits on its own thread")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its parts too"
)]

mod access;
mod attacks;
mod broker;
mod bus;
mod checks;
mod clock;
mod commands;
mod connect;
mod disk;
mod full;
mod hostile;
mod identity;
mod kill;
mod metrics;
mod modbus;
mod moto;
mod planted;
mod profiles;
mod renewal;
mod replaced;
mod resume;
mod sandbox;
mod serial_load;
mod setup;
mod stalled;
mod support;
mod tls;
mod vendors;
mod watched;

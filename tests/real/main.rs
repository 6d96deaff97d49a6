//! Tests against real parts: Mosquitto, the gateway's own binary, and a bus over HTTP.

mod bus;
mod kill;
mod support;

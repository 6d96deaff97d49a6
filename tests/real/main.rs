//! Tests against real parts: Mosquitto, the gateway's own binary, and a bus over HTTP.

mod broker;
mod bus;
mod hostile;
mod kill;
mod moto;
mod resume;
mod support;
mod tls;

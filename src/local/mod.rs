//! The core's Unix socket: HTTP with JSON, for the command line, the console and metrics.

mod access;
mod api;
mod client;
mod server;
mod view;

pub use access::{Access, Request};
pub use api::{EventLine, EventQuery, QueueView};
pub use client::{Client, ClientError};
pub use server::serve;
pub use view::{DoorView, EndpointView, FactView};

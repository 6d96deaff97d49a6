//! The core's Unix socket: HTTP with JSON, for the command line, the console and metrics.

mod access;
mod accounts;
mod acts;
mod api;
mod asking;
mod client;
mod erasure;
mod journal;
mod listing;
mod operators;
mod reload;
mod server;
mod socket;
mod view;

pub use access::{Access, Request};
pub(crate) use accounts::Accounts;
pub use api::{
    AuditKey, AuditView, ClosedView, EraseLine, EraseRequest, ErasedView, EventLine, EventQuery,
    ExportHeader, ExportQuery, QueueView, VerifyQuery,
};
pub use asking::{Answer, Ask, GrantView, VendorOrder, VisitView};
pub use client::{Client, ClientError, ListEnd};
pub(crate) use journal::{export_lines, header as export_header};
pub use reload::Reloaded;
pub use server::serve;
pub use socket::Socket;
pub use view::{DoorView, EndpointView, FactView, VendorEnd, VendorView};

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test waits on its own thread")]
mod tests;

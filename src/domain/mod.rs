//! Doors, their facts and what changes them. Pure: time and randomness come in as values, and
//! nothing here knows a socket, a file or a process.

pub mod access;
pub mod attribution;
pub mod audit;
pub mod endpoint;
pub mod entry;
pub mod expiry;
pub mod fact;
pub mod ids;
pub mod operation;
pub mod rate;

//! doorward: the gateway between the locks, openers and readers of a building and an event bus.
//!
//! What happens to a signal, folder by folder: `vendor` → `link` → `gateway` → `domain` →
//! `journal` → `bus`. See `docs/ARCHITECTURE.md`.

pub mod bus;
pub mod commands;
pub mod config;
pub mod domain;
pub mod drill;
pub mod gateway;
pub mod health;
pub mod identity;
pub mod journal;
pub mod link;
pub mod local;
pub mod supervisor;
pub mod vendor;

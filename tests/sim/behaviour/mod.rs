//! What the gateway does, each as WHEN something arrives THEN this is told.

mod assumptions;
mod availability;
mod contacts;
mod expiry;
mod floods;
mod gaps;
mod hostile;
mod inventory;
mod locks;
mod operations;
mod quarantine;
mod restarts;
mod retained;
mod schedule;
mod security;
mod vendors;

//! The journal's proof: a model of it beside the real one, and cuts of the power.
#![allow(
    clippy::needless_pass_by_value,
    clippy::needless_for_each,
    clippy::default_trait_access,
    clippy::unwrap_or_default,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod access;
mod audit;
mod compare;
mod cut_salvage;
mod cut_upgrade;
mod cuts;
mod damage;
mod figures;
mod found;
mod layout_1;
mod model;
mod opening;
mod oracle;
mod planted;
mod power;
mod raw;
mod run;
mod sample;
mod steps;
mod workload;

//! The crate from the outside: real HTTP over TCP and over the in-memory network.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod actions;
mod answers;
mod app;
mod causes;
mod config;
mod drain;
mod follow_ups;
mod fuzz_corpora;
mod harness;
mod headers;
mod identity;
mod left;
mod limits;
mod routes;
mod spawned;
mod triggers;
mod upgrades;
mod wire;

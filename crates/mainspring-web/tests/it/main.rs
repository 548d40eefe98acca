//! The crate from the outside: real HTTP over TCP and over the in-memory network.

mod actions;
mod config;
mod drain;
mod follow_ups;
mod harness;
mod left;
mod routes;
mod triggers;
mod wire;

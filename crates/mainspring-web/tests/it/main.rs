//! The crate from the outside: real HTTP over TCP and over the in-memory network.

mod actions;
mod harness;

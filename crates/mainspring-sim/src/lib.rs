//! Internal to `mainspring`: what every store must pass.
//!
//! [`mod@conformance`] is the suite of named cases; [`operations`] does random operations on two
//! stores and finds the first reply in which they differ.

pub mod conformance;
pub mod operations;

//! The quickstart from outside: as a real process with real requests and signals, and its app on
//! virtual time where days have to pass.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod http;
mod kills;
mod load;
mod mail;
mod register;
mod reports;
mod service;
mod start;
mod stop;
mod trigger;
mod virtual_time;

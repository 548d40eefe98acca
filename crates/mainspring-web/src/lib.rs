//! Internal to `mainspring`: actions and triggers on axum.
//!
//! This crate follows no semantic versioning of its own; use the `mainspring` crate.

pub mod action;
pub mod app;
pub mod context;
pub mod error;
pub mod http;
mod limit;
pub mod trigger;

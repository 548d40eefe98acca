//! mainspring-core.

pub mod health;
pub mod lifecycle;

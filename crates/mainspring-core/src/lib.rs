//! mainspring-core.

pub mod duration_text;
pub mod periodic;

//! Internal to `mainspring`: actions and triggers on axum.
//!
//! This crate follows no semantic versioning of its own; use the `mainspring` crate.

pub mod action;
pub mod app;
pub mod context;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
mod limit;
mod text;
pub mod trigger;

/// What a user's program names; the facade's prelude passes all of it on.
pub mod prelude {
    pub use crate::action::{Action, Limits, Rate};
    pub use crate::app::Web;
    pub use crate::context::{ActionContext, FollowUps, RequestContext};
    pub use crate::error::{ActionError, Invalid, Validate};
    pub use crate::http::HttpLimits;
    pub use crate::trigger::{TriggerKey, TriggerKeys};
}

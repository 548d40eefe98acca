//! Actions: typed HTTP endpoints whose dependencies are fields.

mod admit;
pub mod decode;
mod entry;
mod limits;
mod run;
mod words;

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use entry::{DynAction, Entry, Prepared};
pub use limits::{BODY_MAX, Limits, Rate, SLOW, TIMEOUT};
pub(crate) use run::catch;

use crate::context::ActionContext;
use crate::error::{ActionError, Validate};

/// A typed HTTP endpoint: `POST /actions/<name>`, JSON in, JSON out.
///
/// The struct holds what the action needs; the context and the input come by value. Use a plain
/// axum route (`App::routes`) for anything that is not JSON in and out, such as pages, files or
/// streams.
///
/// ```
/// use mainspring_web::action::Action;
/// use mainspring_web::context::ActionContext;
/// use mainspring_web::error::{ActionError, Validate};
///
/// struct Greet { greeting: String }
///
/// #[derive(serde::Deserialize)]
/// struct Name { name: String }
///
/// impl Validate for Name {}
///
/// impl Action for Greet {
///     const NAME: &'static str = "demo.greet";
///     type Input = Name;
///     type Output = String;
///
///     async fn call(&self, _ctx: ActionContext, input: Name) -> Result<String, ActionError> {
///         Ok(format!("{}, {}!", self.greeting, input.name))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an action",
    label = "an action is needed here",
    note = "implement `Action` for it: `const NAME`, `type Input` (`Deserialize`, `Validate`), \
            `type Output` (`Serialize`) and `async fn call(&self, ctx: ActionContext, \
            input: Self::Input) -> Result<Self::Output, ActionError>`",
    note = "a plain axum handler goes to `App::routes`"
)]
pub trait Action: Send + Sync + 'static {
    /// The action's name in its path, in logs and in metrics: letters, digits, `.`, `-` and `_`.
    const NAME: &'static str;

    /// What the client sends. Fields it does not have are refused, with their path; then it is
    /// asked whether it is [valid](Validate).
    type Input: DeserializeOwned + Validate + Send + 'static;

    /// What the client gets.
    type Output: Serialize + Send + 'static;

    /// Does the work.
    ///
    /// It is not cut off when the client leaves: the context is cancelled and the future runs on.
    /// Only the action's own limit drops it.
    ///
    /// # Errors
    /// What the client sees; see [`ActionError`].
    fn call(
        &self,
        ctx: ActionContext,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, ActionError>> + Send;

    /// What one call may use; [`Limits::default`] unless it says otherwise.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

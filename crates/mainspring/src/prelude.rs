//! What most files need: `use mainspring::prelude::*;`.

#[doc(no_inline)]
pub use mainspring_core::context::Context;
#[doc(no_inline)]
pub use mainspring_core::error::BoxError;
#[doc(no_inline)]
pub use mainspring_core::health::Health;
#[doc(no_inline)]
pub use mainspring_core::identity::RequestId;
#[doc(no_inline)]
pub use mainspring_core::job::Outcome::Done;
#[doc(no_inline)]
pub use mainspring_core::job::{Gate, Job, JobId, Outcome, Priority, Retry, Unique};
#[doc(no_inline)]
pub use mainspring_core::lifecycle::{ShutdownReport, Signal};
#[doc(no_inline)]
pub use mainspring_core::periodic::{Cron, DstGap, DstOverlap, Every, Missed, Overlap};
#[doc(no_inline)]
pub use mainspring_core::spawn::OnPanic;
#[doc(no_inline)]
pub use mainspring_core::time::Timestamp;
#[cfg(feature = "macros")]
#[doc(no_inline)]
pub use mainspring_macros::Job;
#[doc(no_inline)]
pub use mainspring_runtime::app::{App, AppHandle};
#[doc(no_inline)]
pub use mainspring_runtime::component::Component;
#[doc(no_inline)]
pub use mainspring_runtime::jobs::{JobContext, JobHandle, Jobs, Worker};
#[doc(no_inline)]
pub use mainspring_runtime::periodic::Tick;
#[cfg(feature = "web")]
#[doc(no_inline)]
pub use mainspring_web::prelude::*;

//! Jobs: durable work. What a job is, which states it passes through, what an attempt may end in.
//!
//! A [`Job`] is data with a kind; a worker (in the runtime) does it; a
//! [`Store`](crate::store::Store) keeps it. This module holds what all three agree on, without I/O.

mod definition;
mod gate;
mod id;
mod name;
mod outcome;
mod payload;
mod priority;
mod record;
mod retry;
mod state;
mod unique;

pub use definition::{Job, JobOptions};
pub use gate::{Gate, Rate};
pub use id::{JobId, JobIdError, SessionId, Token};
pub use name::{KIND_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_DEFAULT, check_kind, check_queue};
pub use outcome::{Outcome, Output, Verdict};
pub use payload::{PAYLOAD_BYTES_MAX, Payload};
pub use priority::{AGE_STEP, Priority};
pub use record::{Attempt, JobRecord, Meta, OUTPUT_BYTES_MAX, TAG_BYTES_MAX, TAGS_MAX};
pub use record::{ERROR_BYTES_MAX, cut_text};
pub use record::{META_KEY_BYTES_MAX, META_VALUE_BYTES_MAX, META_VALUES_MAX};
pub use retry::{Backoff, ErrorClass, Retry};
pub use state::{Change, Illegal, State};
pub use unique::{KEY_BYTES_MAX, OnConflict, Scope, Unique, key_of};

/// Any JSON, as the payload of an older version is given to an upgrade.
pub use serde_json::Value;

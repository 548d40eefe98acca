//! What a store tells about a job and its past.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{JobId, Payload, Priority, SessionId, State};
use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;

/// The most bytes of an error's text that are kept: enough for a chain of causes, too little for a
/// downloaded page.
pub const ERROR_BYTES_MAX: usize = 8 * 1024;

/// The most bytes of a job's output.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// The most tags a job may have.
pub const TAGS_MAX: usize = 16;

/// The longest tag, in bytes.
pub const TAG_BYTES_MAX: usize = 64;

/// The most values beside tags, trace and request that may go along with a job: they are read with
/// every claim.
pub const META_VALUES_MAX: usize = 16;

/// The longest name of such a value, in bytes.
pub const META_KEY_BYTES_MAX: usize = 64;

/// The longest such value, in bytes: enough for an id or an address.
pub const META_VALUE_BYTES_MAX: usize = 256;

/// What goes along with a job beside its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Meta {
    /// Words to find the job by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// The W3C trace context of whoever enqueued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Arc<str>>,
    /// The request from which it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Arc<str>>,
    /// Anything else, such as a tenant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<Arc<str>, Arc<str>>,
}

/// A job as a store knows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// Its kind, as it was enqueued.
    pub kind: Arc<str>,
    /// Its queue.
    pub queue: Arc<str>,
    /// Where it is.
    pub state: State,
    /// Its priority.
    pub priority: Priority,
    /// When it was enqueued.
    pub enqueued_at: Timestamp,
    /// When it is or was due.
    pub due: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// The schedule and instant that asked for it.
    pub scheduled_by: Option<(Arc<str>, Timestamp)>,
    /// How often it has been claimed.
    pub claims: u32,
    /// How many attempts have been charged.
    pub attempts: u32,
    /// How many attempts it has in all.
    pub max_attempts: u32,
    /// How many processes have died while it ran.
    pub deaths: u32,
    /// Who runs it.
    pub session: Option<SessionId>,
    /// Whether it waits behind its gate.
    pub held: bool,
    /// Whether somebody wants it cancelled while it runs.
    pub cancelling: bool,
    /// The concurrency key.
    pub gate: Option<Arc<str>>,
    /// The unique key it holds.
    pub unique: Option<Arc<str>>,
    /// What goes along with it.
    pub meta: Meta,
    /// Its data.
    pub payload: Payload,
    /// What its worker last said about how far it is, as JSON.
    pub progress: Option<Bytes>,
    /// Where its next attempt goes on, as JSON.
    pub cursor: Option<Bytes>,
    /// What it returned, as JSON.
    pub output: Option<Bytes>,
    /// How it failed last, or why it was cancelled.
    pub error: Option<Arc<str>>,
}

/// One attempt of a job, or one claim that was none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The number of its claim; each claim has its own.
    pub claim: u32,
    /// The number of the attempt, which a snooze or a release does not use up.
    pub attempt: u32,
    /// Who ran it.
    pub session: Option<SessionId>,
    /// When it was claimed.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<Timestamp>,
    /// `running`, `succeeded`, `retried`, `snoozed`, `cancelled`, `failed`, `released`, `rescued`
    /// or `quarantined`.
    pub outcome: Arc<str>,
    /// How it failed, or why it was cancelled.
    pub error: Option<Arc<str>>,
}

impl Attempt {
    /// The attempt that began with this claim and runs.
    pub fn running(claim: u32, attempt: u32, session: SessionId, started_at: Timestamp) -> Self {
        Self {
            claim,
            attempt,
            session: Some(session),
            started_at,
            ended_at: None,
            outcome: Arc::from("running"),
            error: None,
        }
    }

    /// The same attempt, ended.
    #[must_use]
    pub fn ended(mut self, at: Timestamp, outcome: &str, error: Option<Arc<str>>) -> Self {
        self.ended_at = Some(at);
        self.outcome = Arc::from(outcome);
        self.error = error;
        self
    }
}

impl JobRecord {
    /// A job that has just been enqueued; a store changes what differs.
    pub fn new(id: JobId, kind: Arc<str>, queue: Arc<str>, at: Timestamp, data: Payload) -> Self {
        Self {
            id,
            kind,
            queue,
            state: State::Ready,
            priority: Priority::default(),
            enqueued_at: at,
            due: at,
            started_at: None,
            ended_at: None,
            scheduled_by: None,
            claims: 0,
            attempts: 0,
            max_attempts: super::Retry::MAX_ATTEMPTS,
            deaths: 0,
            session: None,
            held: false,
            cancelling: false,
            gate: None,
            unique: None,
            meta: Meta::default(),
            payload: data,
            progress: None,
            cursor: None,
            output: None,
            error: None,
        }
    }
}

impl Meta {
    /// Checks the number and length of tags and values.
    ///
    /// # Errors
    /// When there are more than [`TAGS_MAX`] tags, or one is empty or longer than
    /// [`TAG_BYTES_MAX`]; when there are more than [`META_VALUES_MAX`] values, a name is empty or
    /// longer than [`META_KEY_BYTES_MAX`], or a value longer than [`META_VALUE_BYTES_MAX`].
    pub fn check(&self) -> Result<(), Error> {
        let fits = |tag: &Arc<str>| (1..=TAG_BYTES_MAX).contains(&tag.len());
        if self.tags.len() > TAGS_MAX || !self.tags.iter().all(fits) {
            let hint = format!("at most {TAGS_MAX} tags of 1 to {TAG_BYTES_MAX} bytes");
            let message = "the job's tags are too many or too long";
            return Err(Error::new(ErrorKind::Limit, message).with_hint(hint));
        }
        let fits = |(key, value): (&Arc<str>, &Arc<str>)| {
            (1..=META_KEY_BYTES_MAX).contains(&key.len()) && value.len() <= META_VALUE_BYTES_MAX
        };
        if self.values.len() > META_VALUES_MAX || !self.values.iter().all(fits) {
            let message = "the values that go along with the job are too many or too long";
            return Err(Error::new(ErrorKind::Limit, message).with_hint(format!(
                "at most {META_VALUES_MAX} of {META_VALUE_BYTES_MAX} bytes, with names of 1 to \
                 {META_KEY_BYTES_MAX} bytes; what the job needs belongs into its payload"
            )));
        }
        Ok(())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Cuts a text to at most `bytes` bytes, at the border of a character.
pub fn cut_text(text: &str, bytes: usize) -> &str {
    let ends = (0..=bytes.min(text.len())).rev();
    ends.filter_map(|end| text.get(..end))
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_along_is_bounded() {
        let with = |count: usize, key: usize, value: usize| {
            let name = |index: usize| Arc::from(format!("{index:0key$}").as_str());
            let value: Arc<str> = Arc::from("v".repeat(value).as_str());
            let values = (0..count).map(|index| (name(index), Arc::clone(&value)));
            Meta {
                values: values.collect(),
                ..Meta::default()
            }
        };
        let (key, value) = (META_KEY_BYTES_MAX, META_VALUE_BYTES_MAX);
        assert!(with(META_VALUES_MAX, key, value).check().is_ok());
        for bad in [
            with(META_VALUES_MAX + 1, 2, 0),
            with(1, key + 1, 0),
            with(1, 1, value + 1),
        ] {
            assert_eq!(bad.check().unwrap_err().kind(), ErrorKind::Limit);
        }
    }
}

//! Ids: of jobs, of sessions, and the random token of a claim.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::random::Random;
use crate::time::Timestamp;

/// The id of a job: a UUID version 7, made by the client before anything is written, so that an
/// enqueue whose outcome is unknown can be repeated without a second job.
///
/// ```
/// use mainspring_core::job::JobId;
///
/// let id: JobId = "01890a5d-ac96-774b-bcce-b302099a8057".parse()?;
/// assert_eq!(id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
/// # Ok::<(), mainspring_core::job::JobIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Uuid);

/// The id of one process's life in a store: random, never a host name, never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Uuid);

/// A claim's random number: whoever writes about a running job must show it.
///
/// One claim of several jobs gives all of them the same token; a job and a token name one attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u128);

/// The text is no job id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobIdError;

impl JobId {
    /// A new id, ordered by `now` to the millisecond.
    pub fn new(random: &Random, now: Timestamp) -> Self {
        Self(random.uuid_v7(now))
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id's bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl SessionId {
    /// A new id, ordered by `now` to the millisecond.
    pub fn new(random: &Random, now: Timestamp) -> Self {
        Self(random.uuid_v7(now))
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id's bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl Token {
    /// A new random token.
    pub fn new(random: &Random) -> Self {
        Self((u128::from(random.u64()) << 64) | u128::from(random.u64()))
    }

    /// The token with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The token's bytes, most significant first.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl FromStr for JobId {
    type Err = JobIdError;

    fn from_str(text: &str) -> Result<Self, JobIdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| JobIdError)
    }
}

impl FromStr for SessionId {
    type Err = JobIdError;

    fn from_str(text: &str) -> Result<Self, JobIdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| JobIdError)
    }
}

/// As text.
impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text.
impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for JobIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")
    }
}

impl std::error::Error for JobIdError {}

macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

shown!(JobId, SessionId);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_is_text_in_json() {
        let id: JobId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, "\"01890a5d-ac96-774b-bcce-b302099a8057\"");
        assert_eq!(serde_json::from_str::<JobId>(&json).unwrap(), id);
        assert!(serde_json::from_str::<JobId>("\"7\"").is_err());
    }
}

//! Well-known values of a context: who asked, under which ids, and what the work is called.

use std::fmt;
use std::sync::Arc;

/// The longest id taken over from outside, in bytes; longer ones are replaced by our own.
pub const ID_BYTES_MAX: usize = 128;

macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Makes the value.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_value! {
    /// The id of the request that work belongs to; kept by everything that follows from the
    /// request.
    RequestId
}
text_value! {
    /// The authenticated user of a request.
    User
}
text_value! {
    /// The locale of a request, as a BCP 47 tag.
    Locale
}
text_value! {
    /// The name of the unit of work: an action, a component, a periodic, a follow-up.
    WorkName
}

/// A W3C trace context (`traceparent`, version 00), carried from request to follow-up and job.
///
/// ```
/// use mainspring_core::identity::TraceContext;
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = TraceContext::parse(header).unwrap();
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert_eq!(trace.to_string(), header);
/// assert!(TraceContext::parse("00-zz").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    header: Arc<str>,
}

const TRACEPARENT_BYTES: usize = 55;

impl TraceContext {
    /// Reads a `traceparent` header; `None` if it is not a valid one of version 00.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = parts.next()?;
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        let valid = header.len() == TRACEPARENT_BYTES
            && parts.next().is_none()
            && version == "00"
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && is_hex(flags, 2)
            && trace.bytes().any(|byte| byte != b'0')
            && span.bytes().any(|byte| byte != b'0');
        valid.then(|| Self {
            header: Arc::from(header),
        })
    }

    /// Starts a new trace from random bits.
    pub fn start(random: &crate::random::Random) -> Self {
        let (high, low, span) = (random.u64() | 1, random.u64(), random.u64() | 1);
        Self {
            header: Arc::from(format!("00-{high:016x}{low:016x}-{span:016x}-01")),
        }
    }

    /// The trace's id, 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.header.split('-').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.header)
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

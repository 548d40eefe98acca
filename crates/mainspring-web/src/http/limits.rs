//! What one connection may use.

use std::time::Duration;

/// How large the head of a request may be: room for big cookies, bounded for floods. 431 above it.
pub const HEAD_BYTES: usize = 64 * 1024;

/// How long a client may take to send the head of a request. 408 after it.
pub const HEAD_TIME: Duration = Duration::from_secs(30);

/// How long a client may take to send the body of an action; a plain route's body may pause for
/// this long. 408 after it.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// How long a client may take nothing of an answer before the connection is closed.
pub const WRITE_TIME: Duration = Duration::from_secs(30);

/// How long a connection may rest between two requests: longer than the minute that load balancers
/// keep theirs, so that they close first and never send into a closing connection.
pub const IDLE_TIME: Duration = Duration::from_secs(75);

/// How much of a body that was refused is read and dropped, so that its client gets to read why.
pub const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// How long a body that was refused is read and dropped.
pub const LINGER_TIME: Duration = Duration::from_secs(2);

/// How many connections may be open: a bound on memory, above what most systems allow a process to
/// open.
pub const CONNECTIONS_MAX: usize = 10_000;

/// What one connection may use; every time in it is I/O time, which a test's clock does not move.
///
/// A zero is a configuration error at the boot, except for lingering, which may be turned off.
///
/// ```
/// use mainspring_web::http::HttpLimits;
/// use std::time::Duration;
///
/// let limits = HttpLimits::default().head_time(Duration::from_secs(5));
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    pub(crate) head_bytes: usize,
    pub(crate) head_time: Duration,
    pub(crate) body_time: Duration,
    pub(crate) write_time: Duration,
    pub(crate) idle_time: Duration,
    pub(crate) linger_bytes: usize,
    pub(crate) linger_time: Duration,
    pub(crate) connections: usize,
}

impl HttpLimits {
    /// The size of a request's head; [`HEAD_BYTES`] unless set.
    #[must_use]
    pub fn head_bytes(mut self, bytes: usize) -> Self {
        self.head_bytes = bytes;
        self
    }

    /// The time for a request's head; [`HEAD_TIME`] unless set.
    #[must_use]
    pub fn head_time(mut self, limit: Duration) -> Self {
        self.head_time = limit;
        self
    }

    /// The time for an action's body, and for a pause in a plain route's; [`BODY_TIME`] unless set.
    #[must_use]
    pub fn body_time(mut self, limit: Duration) -> Self {
        self.body_time = limit;
        self
    }

    /// The time a client may take nothing of an answer; [`WRITE_TIME`] unless set.
    #[must_use]
    pub fn write_time(mut self, limit: Duration) -> Self {
        self.write_time = limit;
        self
    }

    /// The rest between two requests on one connection; [`IDLE_TIME`] unless set.
    #[must_use]
    pub fn idle_time(mut self, limit: Duration) -> Self {
        self.idle_time = limit;
        self
    }

    /// How much of a refused body is read and dropped; [`LINGER_BYTES`] unless set.
    #[must_use]
    pub fn linger_bytes(mut self, bytes: usize) -> Self {
        self.linger_bytes = bytes;
        self
    }

    /// How long a refused body is read and dropped; [`LINGER_TIME`] unless set.
    #[must_use]
    pub fn linger_time(mut self, limit: Duration) -> Self {
        self.linger_time = limit;
        self
    }

    /// How many connections may be open; further ones wait in the system's backlog.
    /// [`CONNECTIONS_MAX`] unless set.
    ///
    /// A handler runs on when its client leaves, and keeps the connection's place until it ends: no
    /// more handlers run than there may be connections.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }
}

impl HttpLimits {
    /// The limits of zero that would refuse every request.
    pub(crate) fn zeros(&self) -> Vec<&'static str> {
        let all = [
            ("head_bytes", self.head_bytes == 0),
            ("head_time", self.head_time.is_zero()),
            ("body_time", self.body_time.is_zero()),
            ("write_time", self.write_time.is_zero()),
            ("idle_time", self.idle_time.is_zero()),
            ("connections", self.connections == 0),
        ];
        let zeros = all.into_iter().filter(|(_, zero)| *zero);
        zeros.map(|(name, _)| name).collect()
    }
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_bytes: HEAD_BYTES,
            head_time: HEAD_TIME,
            body_time: BODY_TIME,
            write_time: WRITE_TIME,
            idle_time: IDLE_TIME,
            linger_bytes: LINGER_BYTES,
            linger_time: LINGER_TIME,
            connections: CONNECTIONS_MAX,
        }
    }
}

//! The head of a request, without its body.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, Uri};
use mainspring_core::context::Context;

use super::Answer;

/// The head of a request: what an authenticator sees. Cheap to clone.
#[derive(Clone)]
pub struct RequestHead {
    ctx: Context,
    parts: Arc<Parts>,
}

/// What is kept of a request's head.
pub(crate) struct Parts {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) client: IpAddr,
    pub(crate) answer: Answer,
}

impl RequestHead {
    pub(crate) fn new(ctx: Context, parts: Parts) -> Self {
        Self {
            ctx,
            parts: Arc::new(parts),
        }
    }

    /// The request's context.
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The request's target.
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// The client's address.
    pub fn client(&self) -> IpAddr {
        self.parts.client
    }

    /// Where an action leaves what it adds to its answer.
    pub(crate) fn answer(&self) -> &Answer {
        &self.parts.answer
    }

    pub(crate) fn under(mut self, ctx: Context) -> Self {
        self.ctx = ctx;
        self
    }
}

/// Without the headers, which may hold credentials.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", self.method())
            .field("path", &self.uri().path())
            .field("client", &self.client())
            .finish_non_exhaustive()
    }
}

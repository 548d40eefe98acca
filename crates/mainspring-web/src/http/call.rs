//! One request as its handler gets it.

use std::sync::Arc;

use mainspring_core::identity::RequestId;
use mainspring_core::time::Monotonic;

use super::finish::Finish;
use super::request_body::InBody;
use super::server::Server;
use super::state::ConnState;
use crate::context::RequestHead;

/// A request for an action or a trigger.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    pub(crate) head: RequestHead,
    pub(crate) body: InBody,
    pub(crate) name: Arc<str>,
    pub(crate) id: RequestId,
    pub(crate) began: Monotonic,
    pub(crate) conn: Arc<ConnState>,
}

impl Call {
    /// What is needed to answer, whatever becomes of the call.
    pub(crate) fn finish(&self) -> Finish {
        Finish {
            server: Arc::clone(&self.server),
            name: Some(Arc::clone(&self.name)),
            id: self.id.clone(),
            ctx: None,
            quota: None,
            began: self.began,
            conn: Arc::clone(&self.conn),
        }
    }
}

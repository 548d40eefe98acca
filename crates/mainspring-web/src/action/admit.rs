//! What happens before an action's input is read: cross-site, who asks, how often, how many at
//! once; then the body.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use mainspring_runtime::follow_up::Batch;
use tokio::sync::OwnedSemaphorePermit;

use super::Entry;
use crate::context::{ActionContext, FollowUps};
use crate::error::ActionError;
use crate::http::{Call, InBody};
use crate::limit::{Quota, is_cross_site};

/// A request that may go on.
pub(super) struct Admitted {
    pub(super) ctx: ActionContext,
    pub(super) body: Bytes,
    /// Held until the call is over.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

pub(super) async fn admit(
    entry: &Entry,
    call: Call,
    batch: &mut Option<Batch>,
    quota: &mut Option<Quota>,
) -> Result<Admitted, ActionError> {
    let Call {
        server, head, body, ..
    } = call;
    if is_cross_site(head.headers()) {
        return Err(ActionError::forbidden("calls from other sites are refused"));
    }
    let head = server.authenticate(head, entry.limits.timeout).await?;
    let registered = server.site.follow_ups.batch(head.context());
    *batch = Some(registered.clone());
    entry.check_rate(&head, quota)?;
    let ctx = ActionContext::new(head, FollowUps::new(registered));
    let permit = entry.permit()?;
    let body = read_json(ctx.headers(), body, entry.limits.body).await?;
    Ok(Admitted { ctx, body, permit })
}

/// Reads a body that must be JSON by its content type; an empty one needs no type.
async fn read_json(headers: &HeaderMap, body: InBody, max: usize) -> Result<Bytes, ActionError> {
    if !http_body::Body::is_end_stream(&body) && !is_json(headers) {
        return Err(ActionError::shown(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type must be application/json",
        ));
    }
    body.read(max).await
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return false;
    };
    let Ok(kind) = kind.to_str() else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or_default().trim_ascii();
    let suffix = essence
        .len()
        .checked_sub(5)
        .and_then(|at| essence.get(at..));
    essence.eq_ignore_ascii_case("application/json")
        || (essence
            .get(..12)
            .is_some_and(|s| s.eq_ignore_ascii_case("application/"))
            && suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json")))
}

//! The answer to a client that does not finish a request's head; hyper itself would only close.

use http::StatusCode;
use mainspring_runtime::io_time;
use tokio::io::{AsyncWriteExt, copy};

use super::LINGER_TIME;
use super::wire::Wire;
use crate::error::Problem;

/// Writes a 408 and closes. No answer is under way: the head is not complete, and those before it
/// have been answered.
pub(super) async fn refuse_slow_head(mut wire: Wire) {
    let detail = "the head of the request did not arrive in time".to_owned();
    let body = Problem::new(StatusCode::REQUEST_TIMEOUT, Some(detail)).to_bytes();
    let head = format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let answer = [head.as_bytes(), &body].concat();
    let write = async {
        copy(&mut answer.as_slice(), &mut wire).await?;
        wire.shutdown().await
    };
    // The client may not be there any more, which changes nothing.
    let _ = io_time::timeout(LINGER_TIME * 2, write).await;
}

//! Answers to heads that are no requests, and to those that never end. Hyper itself writes the
//! first without a body, and only closes for the second.

use http::StatusCode;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use mainspring_runtime::io_time;
use tokio::io::{AsyncWriteExt, copy};

use super::LINGER_TIME;
use super::wire::Wire;
use crate::error::Problem;

/// The status of an answer that hyper has made itself, by the first bytes of what it writes.
pub(super) fn of_hyper(bytes: &[u8]) -> Option<StatusCode> {
    let (version, rest) = bytes.split_first_chunk::<9>()?;
    if version != b"HTTP/1.1 " && version != b"HTTP/1.0 " {
        return None;
    }
    let status = StatusCode::from_bytes(rest.get(..3)?).ok()?;
    detail(status).is_some().then_some(status)
}

/// Writes a problem and closes. No answer is under way: the head is not complete, and those before
/// it have been answered.
pub(super) async fn refuse(mut wire: Wire, status: StatusCode, now: Timestamp) {
    let body = Problem::new(status, detail(status).map(str::to_owned)).to_bytes();
    let reason = status.canonical_reason().unwrap_or_default();
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    let date = date.map(|date| format!("date: {date}\r\n"));
    let head = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nconnection: close\r\n{}\r\n",
        status.as_u16(),
        body.len(),
        // A year beyond what a date can say is left out.
        date.unwrap_or_default(),
    );
    let answer = [head.as_bytes(), &body].concat();
    let write = async {
        copy(&mut answer.as_slice(), &mut wire).await?;
        wire.shutdown().await
    };
    // The client may not be there any more, which changes nothing.
    let _ = io_time::timeout(LINGER_TIME * 2, write).await;
}

/// What is wrong with the head; `None` for a status that no head is refused with.
fn detail(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::BAD_REQUEST => Some("the head of the request is not HTTP/1.1"),
        StatusCode::REQUEST_TIMEOUT => Some("the head of the request did not arrive in time"),
        StatusCode::URI_TOO_LONG => Some("the target of the request is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Some("the head of the request is too large, or has too many fields")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_refusals_of_a_head_are_taken_for_hyper_s() {
        let status = |bytes: &[u8]| of_hyper(bytes).map(|status| status.as_u16());
        assert_eq!(status(b"HTTP/1.1 400 Bad Request\r\n"), Some(400));
        assert_eq!(status(b"HTTP/1.0 431 "), Some(431));
        assert_eq!(status(b"HTTP/1.1 414"), Some(414));
        for other in [
            &b"HTTP/1.1 200 OK\r\n"[..],
            b"HTTP/1.1 4",
            b"HTTP/2.0 400",
            b"x",
            b"",
        ] {
            assert_eq!(status(other), None);
        }
    }
}

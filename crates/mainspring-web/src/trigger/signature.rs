//! Signatures of Standard Webhooks: pure, no clock inside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::{Choice, ConstantTimeEq};

use super::key::hmac;

/// How far a call's time may be from ours, either way, in seconds.
pub const TOLERANCE_S: i64 = 5 * 60;

/// How many signatures one call may carry: two live keys on either side need a few.
const SIGNATURES_MAX: usize = 8;

/// The longest header that is looked at: eight signatures and some of other versions.
const HEADER_BYTES_MAX: usize = 1024;

/// The size of an HMAC-SHA256.
const DIGEST_BYTES: usize = 32;

/// Reads a `webhook-signature` header: the digests of version 1; others are left out.
///
/// Returns `None` if the header cannot be one.
#[doc(hidden)]
pub fn parse_header(header: &str) -> Option<Vec<[u8; DIGEST_BYTES]>> {
    if header.len() > HEADER_BYTES_MAX {
        return None;
    }
    let mut digests = Vec::new();
    for signature in header.split(' ').filter(|part| !part.is_empty()) {
        let (version, encoded) = signature.split_once(',')?;
        if version != "v1" {
            continue;
        }
        if digests.len() == SIGNATURES_MAX {
            return None;
        }
        let decoded = STANDARD_NO_PAD.decode(encoded.trim_end_matches('='));
        if let Ok(digest) = decoded.ok()?.try_into() {
            digests.push(digest);
        }
    }
    Some(digests)
}

/// A call whose head could be a signed one.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    id: &'a str,
    timestamp: &'a str,
    seconds: i64,
    digests: Vec<[u8; DIGEST_BYTES]>,
}

impl<'a> Signed<'a> {
    /// Reads the headers of a call that arrived at `now`, in Unix seconds.
    pub(super) fn new(
        id: &'a str,
        timestamp: &'a str,
        header: &str,
        now: i64,
    ) -> Result<Self, &'static str> {
        // With a dot in it, the id could be read as an id and a time, and one signature would stand
        // for two calls.
        if id.contains('.') {
            return Err("the webhook-id contains a dot");
        }
        let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = timestamp.parse::<i64>().ok().filter(|_| digits);
        let seconds = seconds.ok_or("the webhook-timestamp is no number of seconds")?;
        if seconds.abs_diff(now) > TOLERANCE_S.unsigned_abs() {
            return Err("the webhook-timestamp is too far from our clock");
        }
        let digests = parse_header(header).ok_or("the webhook-signature cannot be read")?;
        Ok(Self {
            id,
            timestamp,
            seconds,
            digests,
        })
    }

    pub(super) fn id(&self) -> &'a str {
        self.id
    }

    /// The last second at which the call would be taken.
    pub(super) fn expires(&self) -> i64 {
        self.seconds.saturating_add(TOLERANCE_S)
    }

    /// Whether one of the signatures is right for one of the keys. Takes the same time whichever it
    /// is, or none.
    pub(super) fn verify<'k>(&self, keys: impl Iterator<Item = &'k [u8]>, body: &[u8]) -> bool {
        let mut found = Choice::from(0);
        for key in keys {
            let id = self.id.as_bytes();
            let expected = hmac(key, &[id, b".", self.timestamp.as_bytes(), b".", body]);
            for digest in &self.digests {
                found |= digest.as_slice().ct_eq(&expected);
            }
        }
        found.into()
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    /// The published example of Standard Webhooks.
    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const AT: &str = "1614265330";
    const BODY: &[u8] = b"{\"test\": 2432232314}";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn verify(id: &str, at: &str, header: &str, body: &[u8]) -> Result<bool, &'static str> {
        let key = STANDARD.decode(SECRET).unwrap();
        let signed = Signed::new(id, at, header, 1_614_265_330)?;
        Ok(signed.verify([b"another key".as_slice(), &key].into_iter(), body))
    }

    #[test]
    fn the_published_example_is_good_and_any_change_is_not() {
        assert_eq!(verify(ID, AT, SIGNATURE, BODY), Ok(true));
        assert_eq!(
            verify(ID, AT, SIGNATURE, b"{\"test\": 2432232315}"),
            Ok(false)
        );
        assert_eq!(verify("msg_other", AT, SIGNATURE, BODY), Ok(false));
        assert_eq!(verify(ID, "1614265331", SIGNATURE, BODY), Ok(false));
        let several = format!("v1,AAAA v1a,whatever v2,x {SIGNATURE}");
        assert_eq!(verify(ID, AT, &several, BODY), Ok(true));
        assert_eq!(
            verify(
                ID,
                AT,
                "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                BODY
            ),
            Ok(false)
        );
        assert_eq!(verify(ID, AT, "", BODY), Ok(false));
    }

    #[test]
    fn times_are_seconds_within_five_minutes() {
        let at = |at: &str| Signed::new(ID, at, SIGNATURE, 1_000_000).is_ok();
        assert!(at("1000300") && at("999700"));
        assert!(!at("1000301") && !at("999699"));
        for bad in [
            "",
            "+1000000",
            "-1",
            "1000000.0",
            " 1000000",
            "99999999999999999999",
        ] {
            assert!(!at(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_id_with_a_dot_is_refused() {
        assert!(Signed::new("a.1", AT, SIGNATURE, 1_614_265_330).is_err());
    }

    #[test]
    fn headers_are_bounded() {
        assert!(parse_header(&"v1,AAAA ".repeat(1000)).is_none());
        assert!(parse_header("v1").is_none());
        assert_eq!(
            parse_header("v1,AAAA").map(|digests| digests.len()),
            Some(0)
        );
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(header in ".{0,200}") {
            if let Ok(true) = verify(ID, AT, &header, BODY) {
                prop_assert!(header.contains(SIGNATURE.trim_end_matches('=')));
            }
        }
    }
}

//! Calls that a browser makes on behalf of another site.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};

/// Whether a browser says that another site makes this call.
///
/// `Sec-Fetch-Site` decides where it is present: only `same-origin` and `none` (typed by the user)
/// pass; `same-site` does not, since a subdomain may belong to somebody else. Older browsers send
/// only `Origin`, which must name the host that was asked. Machines send neither and pass.
pub(crate) fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return false;
    };
    let origin = origin.to_str().ok();
    let origin = origin.and_then(|origin| origin.parse::<Uri>().ok());
    let origin = origin.as_ref().and_then(Uri::authority);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    match (origin, host) {
        (Some(origin), Some(host)) => !origin.as_str().eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_cross_site(&headers)
    }

    #[test]
    fn browsers_are_believed_and_machines_pass() {
        let host = ("host", "app.example:8080");
        assert!(!refused(&[host]));
        assert!(!refused(&[host, ("sec-fetch-site", "same-origin")]));
        assert!(!refused(&[host, ("sec-fetch-site", "none")]));
        assert!(refused(&[host, ("sec-fetch-site", "same-site")]));
        assert!(refused(&[host, ("sec-fetch-site", "cross-site")]));
        assert!(refused(&[host, ("sec-fetch-site", "")]));
        assert!(!refused(&[host, ("origin", "http://APP.example:8080")]));
        assert!(refused(&[host, ("origin", "http://app.example")]));
        assert!(refused(&[host, ("origin", "https://evil.example")]));
        assert!(refused(&[host, ("origin", "null")]));
    }
}

//! The keys of a trigger.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use mainspring_core::error::{Error, ErrorKind};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::REPLAYS_MAX;

/// The sizes of a secret, in bytes: as many bits as the signature's strength needs, and what
/// Standard Webhooks allows.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The shortest bearer token: long enough that it cannot be guessed.
const TOKEN_BYTES_MIN: usize = 16;

/// The label that keeps derived keys apart from anything else the same master secret may be used
/// for.
const DERIVED_FOR: &[u8] = b"mainspring trigger key v1\0";

/// One trigger's secret.
///
/// ```
/// use mainspring_web::trigger::TriggerKey;
///
/// let key = TriggerKey::derive("a long master secret of the service", "report.run");
/// assert!(key.to_whsec().unwrap().starts_with("whsec_"));
/// assert_eq!(format!("{key:?}"), "TriggerKey(…)");
/// ```
#[derive(Clone)]
pub struct TriggerKey(Result<Vec<u8>, String>);

impl TriggerKey {
    /// A secret as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in base64.
    ///
    /// A text that is not one fails the app's start, together with every other configuration error.
    pub fn from_whsec(text: &str) -> Self {
        Self(parse(text.trim()).map_err(str::to_owned))
    }

    /// The key of one action, derived from a master secret of at least 24 bytes; give its
    /// [`to_whsec`](Self::to_whsec) to the caller. Whoever has it can call this action alone.
    pub fn derive(master: impl AsRef<[u8]>, action: &str) -> Self {
        if master.as_ref().len() < *SECRET_BYTES.start() {
            return Self(Err("the master secret is shorter than 24 bytes".to_owned()));
        }
        Self(Ok(hmac(master.as_ref(), &[DERIVED_FOR, action.as_bytes()])))
    }

    /// The secret as text, to be given to the caller; `None` if it could not be read.
    pub fn to_whsec(&self) -> Option<String> {
        let secret = self.0.as_ref().ok()?;
        Some(format!("whsec_{}", STANDARD.encode(secret)))
    }
}

fn parse(text: &str) -> Result<Vec<u8>, &'static str> {
    let encoded = text
        .strip_prefix("whsec_")
        .ok_or("it does not begin with `whsec_`")?;
    let secret = STANDARD_NO_PAD
        .decode(encoded.trim_end_matches('='))
        .map_err(|_| "what follows `whsec_` is not base64")?;
    match SECRET_BYTES.contains(&secret.len()) {
        true => Ok(secret),
        false => Err("it does not have 24 to 64 bytes"),
    }
}

/// HMAC-SHA256 of the parts, one after another.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Never shows the secret.
impl fmt::Debug for TriggerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TriggerKey(…)")
    }
}

/// How the callers of one trigger prove who they are.
///
/// ```
/// use mainspring_web::trigger::{TriggerKey, TriggerKeys};
///
/// let new = TriggerKey::derive("the new master secret of the service", "report.run");
/// let old = TriggerKey::from_whsec("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
/// let keys = TriggerKeys::from(new).and(old);
/// # let _ = keys;
/// ```
#[derive(Clone, Debug, Default)]
pub struct TriggerKeys {
    keys: Vec<TriggerKey>,
    bearers: Vec<Token>,
    remembered: Option<usize>,
}

/// The digest of a token: comparing digests takes the same time for any two tokens.
#[derive(Clone)]
struct Token {
    digest: [u8; 32],
    short: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl TriggerKeys {
    /// Calls with a bearer token instead of a signature, for callers that cannot sign; more tokens
    /// with [`bearer`](Self::bearer).
    ///
    /// A token proves nothing about the body or the time. A call with a `webhook-id` is still taken
    /// only once.
    pub fn bearer_only(token: &str) -> Self {
        Self::default().bearer(token)
    }

    /// Takes a second key, so that keys can be changed without a gap.
    #[must_use]
    pub fn and(mut self, key: TriggerKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Takes calls with this bearer token as well: an opt-in for callers that cannot sign. At least
    /// 16 bytes.
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        self.bearers.push(Token {
            digest: Sha256::digest(token.as_bytes()).into(),
            short: token.len() < TOKEN_BYTES_MIN,
        });
        self
    }

    /// How many ids are remembered against replays; [`REPLAYS_MAX`] unless set. When all places are
    /// taken, calls are answered 503; none is forgotten early.
    #[must_use]
    pub fn remember(mut self, ids: usize) -> Self {
        self.remembered = Some(ids);
        self
    }

    pub(super) fn remembered(&self) -> usize {
        self.remembered.unwrap_or(REPLAYS_MAX)
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().filter_map(|key| key.0.as_deref().ok())
    }

    /// How a call may prove itself, as `www-authenticate` names it.
    pub(super) fn challenge(&self) -> &'static str {
        match (self.keys.is_empty(), self.bearers.is_empty()) {
            (_, true) => "StandardWebhooks",
            (true, false) => "Bearer",
            (false, false) => "StandardWebhooks, Bearer",
        }
    }

    pub(super) fn accepts_bearer(&self, token: &[u8]) -> bool {
        let digest = Sha256::digest(token);
        let mut found = subtle::Choice::from(0);
        for known in &self.bearers {
            found |= known.digest.as_slice().ct_eq(digest.as_slice());
        }
        found.into()
    }

    pub(crate) fn check(&self, action: &str, errors: &mut Vec<Error>) {
        let mut wrong = |why: &str, hint: &str| {
            let text = format!("the trigger `{action}` cannot be used: {why}");
            errors.push(Error::new(ErrorKind::Config, text).with_hint(hint));
        };
        if self.keys.is_empty() && self.bearers.is_empty() {
            wrong("it has no key", "give it a `TriggerKey`");
        }
        if self.keys.len() > KEYS_MAX || self.bearers.len() > KEYS_MAX {
            wrong("it has more than two keys", "remove the oldest");
        }
        for key in &self.keys {
            if let Err(why) = &key.0 {
                let hint = "a key is `whsec_` and 24 to 64 random bytes in base64";
                wrong(&format!("one of its keys cannot be read: {why}"), hint);
            }
        }
        if self.bearers.iter().any(|token| token.short) {
            wrong("a bearer token is short", "use at least 16 random bytes");
        }
    }
}

/// How many keys may be live: the new one and the old one.
const KEYS_MAX: usize = 2;

impl From<TriggerKey> for TriggerKeys {
    fn from(key: TriggerKey) -> Self {
        Self::default().and(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(keys: &TriggerKeys) -> Vec<String> {
        let mut errors = Vec::new();
        keys.check("report.run", &mut errors);
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_are_checked_and_their_text_is_never_repeated() {
        assert!(
            errors(&TriggerKey::from_whsec("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").into())
                .is_empty()
        );
        for text in ["secret", "whsec_", "whsec_****", "whsec_c2hvcnQ="] {
            let errors = errors(&TriggerKey::from_whsec(text).into());
            assert_eq!(errors.len(), 1, "{text}");
            assert!(!errors[0].contains("c2hvcnQ"));
        }
        assert_eq!(errors(&TriggerKeys::default()).len(), 1);
        assert_eq!(errors(&TriggerKeys::bearer_only("short")).len(), 1);
    }

    #[test]
    fn derived_keys_differ_by_action_and_master() {
        let master = "a long master secret of the service";
        let key = |master: &str, action| TriggerKey::derive(master, action).to_whsec().unwrap();
        assert_eq!(key(master, "a"), key(master, "a"));
        assert_ne!(key(master, "a"), key(master, "b"));
        assert_ne!(key(master, "a"), key("another master secret, as long", "a"));
        assert!(TriggerKey::derive("short", "a").to_whsec().is_none());
        let round = TriggerKey::from_whsec(&key(master, "a"));
        assert_eq!(round.to_whsec(), TriggerKey::derive(master, "a").to_whsec());
    }

    #[test]
    fn bearer_tokens_are_compared_whole() {
        let keys = TriggerKeys::bearer_only("a token of 16 bytes or more");
        assert!(keys.accepts_bearer(b"a token of 16 bytes or more"));
        assert!(!keys.accepts_bearer(b"a token of 16 bytes or mor"));
        assert!(!TriggerKeys::default().accepts_bearer(b""));
    }
}

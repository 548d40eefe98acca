//! What is wrong with what was registered, all of it at once.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mainspring_core::error::{Error, ErrorKind};
use mainspring_runtime::environment::{Environment, HTTP_ADDR};

use super::HttpEndpoint;
use crate::limit::Block;

/// Where actions are, unless `App::action_prefix` says otherwise.
const PREFIX: &str = "/actions";

impl HttpEndpoint {
    /// The path of actions, without its last slash.
    #[doc(hidden)]
    pub fn prefix(&self) -> &str {
        let prefix = self.prefix.as_deref().unwrap_or(PREFIX);
        prefix.trim_end_matches('/')
    }

    /// The address to listen on; the environment wins over the code.
    pub(super) fn address(&self, environment: &Environment) -> Option<String> {
        let outside = environment.text(HTTP_ADDR).map(str::to_owned);
        outside.or_else(|| self.address.clone())
    }

    pub(super) fn check_all(&self, environment: &Environment, errors: &mut Vec<Error>) {
        let actions = self.actions.iter().map(|action| action.name);
        check_names("action", actions, errors);
        let triggers = self.triggers.iter().map(|(action, _)| action.name);
        check_names("trigger", triggers, errors);
        for (action, keys) in &self.triggers {
            keys.check(action.name, errors);
        }
        self.check_limits(errors);
        self.check_prefix(errors);
        self.check_address(environment, errors);
        for proxy in &self.proxies {
            if let Err(why) = proxy.parse::<Block>() {
                let hint = "write an address or a block, such as `10.0.0.0/8`";
                errors.push(config(
                    format!("the trusted proxy `{proxy}` cannot be used: {why}"),
                    hint,
                ));
            }
        }
        let routers = self.routers.clone();
        let merged = catch_unwind(AssertUnwindSafe(|| {
            routers.into_iter().reduce(axum::Router::merge)
        }));
        if merged.is_err() {
            let hint = "two of them have the same route, or a fallback each; merge them by hand";
            errors.push(config("the routers cannot be merged".to_owned(), hint));
        }
    }

    fn check_limits(&self, errors: &mut Vec<Error>) {
        let actions = self.actions.iter().map(|action| ("action", action));
        let triggers = self.triggers.iter().map(|(action, _)| ("trigger", action));
        for (kind, action) in actions.chain(triggers) {
            for limit in action.limits.zeros() {
                let message = format!("the {kind} `{}` has a {limit} of zero", action.name);
                errors.push(config(message, "with it every call would be refused"));
            }
        }
        for limit in self.limits.zeros() {
            let message = format!("the HTTP limit `{limit}` is zero");
            errors.push(config(message, "leave it out to use the default"));
        }
    }

    fn check_prefix(&self, errors: &mut Vec<Error>) {
        let prefix = self.prefix();
        let good = prefix.starts_with('/')
            && prefix
                .bytes()
                .all(|byte| is_name_byte(byte) || byte == b'/')
            && !prefix.contains("//")
            && prefix != super::server::TRIGGERS.trim_end_matches('/');
        if !good {
            let hint = "use a path such as `/actions` or `/api/v1`, not `/` and not `/triggers`";
            errors.push(config(
                format!("the action prefix `{prefix}` cannot be used"),
                hint,
            ));
        }
    }

    fn check_address(&self, environment: &Environment, errors: &mut Vec<Error>) {
        let Some(address) = self.address(environment) else {
            return;
        };
        let port = address
            .rsplit_once(':')
            .map(|(host, port)| (host, port.parse::<u16>()));
        if !matches!(port, Some((host, Ok(_))) if !host.is_empty()) {
            let hint = format!("write it as `host:port`, in `serve` or in {HTTP_ADDR}");
            errors.push(config(
                format!("the address `{address}` cannot be used"),
                &hint,
            ));
        }
    }
}

fn check_names(kind: &str, names: impl Iterator<Item = &'static str>, errors: &mut Vec<Error>) {
    let mut seen = BTreeSet::new();
    for name in names {
        let good = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_name_byte);
        if !good {
            let hint = "use 1 to 128 letters, digits, `.`, `-` and `_`";
            errors.push(config(
                format!("the {kind} name `{name}` cannot be used"),
                hint,
            ));
        } else if !seen.insert(name) {
            let hint = "give each its own `NAME`";
            errors.push(config(format!("two {kind}s are called `{name}`"), hint));
        }
    }
}

/// The longest name of an action: it is part of a path and of every metric.
const NAME_BYTES_MAX: usize = 128;

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn config(message: String, hint: &str) -> Error {
    Error::new(ErrorKind::Config, message).with_hint(hint)
}

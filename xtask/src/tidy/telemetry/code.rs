//! What the code says about telemetry: the names it declares, uses and spells out.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::tidy::rust::{Rust, each_tail, line};

/// Fields are written as `name = value` in the macros, so nothing has to use their constants.
const FIELDS: &str = "field";
/// How the name of every metric begins.
const METRIC: &str = "mainspring_";
const SPAN_MACROS: [&str; 6] = [
    "debug_span",
    "error_span",
    "info_span",
    "span",
    "trace_span",
    "warn_span",
];
const EVENT_MACROS: [&str; 6] = ["debug", "error", "event", "info", "trace", "warn"];

/// One `pub const NAME: &str = "…";`.
pub(super) struct Name {
    pub(super) module: String,
    pub(super) constant: String,
    pub(super) value: String,
    pub(super) line: usize,
}

/// The names a file declares.
pub(super) fn declared(rust: &Rust) -> Vec<Name> {
    let mut constants = Constants::default();
    constants.visit_file(&rust.items);
    constants.names
}

#[derive(Default)]
struct Constants {
    module: String,
    names: Vec<Name>,
}

impl<'ast> Visit<'ast> for Constants {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let outer = std::mem::replace(&mut self.module, item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module = outer;
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        if let syn::Visibility::Public(_) = item.vis
            && let syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) = &*item.expr
        {
            self.names.push(Name {
                module: self.module.clone(),
                constant: item.ident.to_string(),
                value: text.value(),
                line: line(&item.ident),
            });
        }
    }
}

/// The paths of one file outside of its tests.
pub(super) struct Uses(BTreeSet<String>);

impl Uses {
    pub(super) fn of(rust: &Rust) -> Self {
        let mut paths = BTreeSet::new();
        rust.each_path(&mut |path, line| {
            if !rust.is_test(line) {
                let from = path.len().saturating_sub(2);
                paths.insert(path.get(from..).unwrap_or_default().join("::"));
                paths.extend(path.iter().map(|part| format!("{part}::")));
                paths.extend((path.len() == 1).then(|| path.concat()));
            }
        });
        Self(paths)
    }

    /// Whether the file uses the constant as `module::NAME`, or mentions the module, which it
    /// then imports from, and uses `NAME`.
    pub(super) fn contain(&self, name: &Name) -> bool {
        let Name {
            module, constant, ..
        } = name;
        let has = |path: &str| self.0.contains(path);
        module == FIELDS
            || has(&format!("{module}::{constant}"))
            || has(constant) && (module.is_empty() || has(&format!("{module}::")))
    }
}

/// The names that a file spells out instead of using a constant, with their lines.
pub(super) fn spelled_out(rust: &Rust, crates: &[String]) -> Vec<(String, usize)> {
    let mut found = BTreeSet::new();
    rust.each_tail(&mut |tail| match tail {
        [TokenTree::Literal(text), ..] => {
            found.extend(
                text_of(text)
                    .filter(|text| is_metric(text, crates))
                    .map(|name| (name, line(text))),
            );
        }
        [
            TokenTree::Ident(name),
            TokenTree::Punct(bang),
            TokenTree::Group(body),
            ..,
        ] if bang.as_char() == '!' => {
            let name = name.to_string();
            if SPAN_MACROS.contains(&name.as_str()) {
                found.extend(span_name(body.stream()));
            } else if EVENT_MACROS.contains(&name.as_str()) {
                found.extend(event_name(body.stream()));
            }
        }
        _ => {}
    });
    found
        .into_iter()
        .filter(|(_, line)| !rust.is_test(*line))
        .collect()
}

/// A string literal that is a whole argument: the name of a span is the only such one.
fn span_name(body: TokenStream) -> Option<(String, usize)> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let ends = |token: Option<&TokenTree>| token.is_none_or(|token| token.to_string() == ",");
    tokens.iter().enumerate().find_map(|(at, token)| {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        match token {
            TokenTree::Literal(text) if ends(before) && ends(tokens.get(at + 1)) => {
                Some((text_of(text)?, line(text)))
            }
            _ => None,
        }
    })
}

/// The string after `name:`.
fn event_name(body: TokenStream) -> Option<(String, usize)> {
    let mut found = None;
    each_tail(&body, &mut |tail| {
        if let [
            TokenTree::Ident(name),
            TokenTree::Punct(colon),
            TokenTree::Literal(text),
            ..,
        ] = tail
            && name == "name"
            && colon.as_char() == ':'
        {
            found = text_of(text).map(|name| (name, line(text)));
        }
    });
    found
}

fn text_of(literal: &proc_macro2::Literal) -> Option<String> {
    let shown = literal.to_string();
    Some(shown.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

/// Whether a text is the name of a metric and not the target that a crate logs under.
fn is_metric(text: &str, crates: &[String]) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let rest = text.strip_prefix(METRIC).unwrap_or_default();
    !rest.is_empty() && rest.chars().all(plain) && !crates.iter().any(|own| own == text)
}

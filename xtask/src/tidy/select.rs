//! `select!` picks a ready branch at random unless it starts with `biased;`, and randomness in a
//! decision is reached through a seam only.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::finding::Finding;
use super::rust::line;
use super::tree::Tree;

pub(super) const RULE: &str = "select";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, rust) in tree.rust() {
        rust.each_tail(&mut |tail| {
            if let [
                TokenTree::Ident(name),
                TokenTree::Punct(bang),
                TokenTree::Group(body),
                ..,
            ] = tail
                && name == "select"
                && bang.as_char() == '!'
                && body.delimiter() != Delimiter::None
                && !starts_biased(body.stream())
            {
                let what = "start it with `biased;` and put the branches in order of importance";
                findings.push(Finding::new(RULE, path, line(name), what));
            }
        });
    }
    findings
}

fn starts_biased(body: TokenStream) -> bool {
    let mut tokens = body.into_iter();
    let first = tokens
        .next()
        .is_some_and(|token| token.to_string() == "biased");
    first && tokens.next().is_some_and(|token| token.to_string() == ";")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::check_text;

    #[test]
    fn every_select_is_biased_also_one_inside_another() {
        check_text(
            RULE,
            "fn a() {\n tokio::select! { _ = b => {} }\n}",
            &["a.rs:2"],
        );
        check_text(RULE, "fn a() { select!(biased, b) }", &["a.rs:1"]);
        check_text(
            RULE,
            "fn a() { tokio::select! { biased; _ = b => {} } }",
            &[],
        );
        let nested = "fn a() { select! { biased;\n _ = b => select! { _ = c => {} } } }";
        check_text(RULE, nested, &["a.rs:2"]);
    }
}

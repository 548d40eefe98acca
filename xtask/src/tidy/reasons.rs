//! Every lint that is turned off says why.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::finding::Finding;
use super::rust::{each_tail, line};
use super::tree::Tree;

pub(super) const RULE: &str = "reasons";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, rust) in tree.rust() {
        rust.each_tail(&mut |tail| {
            let Some(attribute) = attribute(tail) else {
                return;
            };
            each_tail(&attribute, &mut |tail| {
                if let [TokenTree::Ident(level), TokenTree::Group(list), ..] = tail
                    && (level == "allow" || level == "expect")
                    && !has_reason(&list.stream())
                {
                    let what = format!("give this `{level}` a `reason = \"…\"`");
                    findings.push(Finding::new(RULE, path, line(level), what));
                }
            });
        });
    }
    findings
}

/// What stands between the brackets of `#[…]` or `#![…]`.
fn attribute(tail: &[TokenTree]) -> Option<TokenStream> {
    let (hash, list) = match tail {
        [TokenTree::Punct(hash), TokenTree::Group(list), ..] => (hash, list),
        [
            TokenTree::Punct(hash),
            TokenTree::Punct(bang),
            TokenTree::Group(list),
            ..,
        ] if bang.as_char() == '!' => (hash, list),
        _ => return None,
    };
    (hash.as_char() == '#' && list.delimiter() == Delimiter::Bracket).then(|| list.stream())
}

fn has_reason(list: &TokenStream) -> bool {
    let mut found = false;
    each_tail(list, &mut |tail| {
        if let [
            TokenTree::Ident(name),
            TokenTree::Punct(equals),
            TokenTree::Literal(text),
            ..,
        ] = tail
        {
            found |= name == "reason" && equals.as_char() == '=' && text.to_string().len() > 2;
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::check_text;

    #[test]
    fn attributes_without_a_reason_are_found_everywhere() {
        check_text(RULE, "\n#[allow(dead_code)]\nfn a() {}", &["a.rs:2"]);
        check_text(RULE, "#![expect(dead_code)]", &["a.rs:1"]);
        check_text(
            RULE,
            "#[cfg_attr(unix, allow(dead_code))]\nfn a() {}",
            &["a.rs:1"],
        );
        check_text(
            RULE,
            "#[allow(dead_code, reason = \"\")]\nfn a() {}",
            &["a.rs:1"],
        );
        check_text(
            RULE,
            "m! {\n #[allow(dead_code)]\n fn a() {} }",
            &["a.rs:2"],
        );
    }

    #[test]
    fn attributes_with_a_reason_and_calls_are_fine() {
        check_text(
            RULE,
            "#[allow(dead_code, reason = \"used by b\")]\nfn a() {}",
            &[],
        );
        check_text(
            RULE,
            "#[expect(a, b, reason = r\"x\")]\nfn a() { b.expect(\"set\"); }",
            &[],
        );
    }
}

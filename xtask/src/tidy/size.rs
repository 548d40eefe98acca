//! Files, functions and lines stay short enough to be read. Test functions count too: a test that
//! does not fit wants a `check` helper.

use proc_macro2::{Delimiter, TokenTree};

use super::finding::Finding;
use super::rust::{Rust, line};
use super::tree::Tree;

pub(super) const RULE: &str = "size";

/// Beyond this a file holds more than one concept.
const FILE_LINES_MAX: usize = 1000;
/// One screen.
const FUNCTION_LINES_MAX: usize = 70;
/// The width rustfmt breaks at. It cannot break comments and strings, so this is checked too.
const LINE_CHARS_MAX: usize = 100;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text, rust) in tree.rust() {
        let mut add = |line, what| findings.push(Finding::new(RULE, path, line, what));
        let count = text.lines().count();
        if count > FILE_LINES_MAX {
            add(
                1,
                format!("{count} lines, at most {FILE_LINES_MAX}: split it by concept"),
            );
        }
        long_functions(rust, &mut add);
        long_lines(text, rust, &mut add);
    }
    findings
}

fn long_functions(rust: &Rust, add: &mut impl FnMut(usize, String)) {
    rust.each_tail(&mut |tail| {
        let [TokenTree::Ident(keyword), TokenTree::Ident(name), rest @ ..] = tail else {
            return;
        };
        if keyword != "fn" {
            return;
        }
        let Some(TokenTree::Group(body)) = rest.iter().find(|token| ends_signature(token)) else {
            return;
        };
        let lines = body.span_close().end().line + 1 - line(keyword);
        if lines > FUNCTION_LINES_MAX {
            let what = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
            add(
                line(keyword),
                format!("{what}: name its parts as functions"),
            );
        }
    });
}

/// A signature ends at the body, or at the `;` of a function without one.
fn ends_signature(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    }
}

fn long_lines(text: &str, rust: &Rust, add: &mut impl FnMut(usize, String)) {
    let long: Vec<(usize, &str)> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.chars().count() > LINE_CHARS_MAX)
        .collect();
    if long.is_empty() {
        return;
    }
    let data = data_lines(rust);
    for (number, line) in long {
        let address_in_comment = line.trim_start().starts_with("//") && line.contains("://");
        if !address_in_comment && !data.iter().any(|lines| lines.contains(&number)) {
            let width = line.chars().count();
            add(
                number,
                format!("{width} characters, at most {LINE_CHARS_MAX}: break the line"),
            );
        }
    }
}

/// The lines of raw strings. They are data that cannot be broken, snapshots above all; any other
/// string goes on after a `\`.
fn data_lines(rust: &Rust) -> Vec<std::ops::RangeInclusive<usize>> {
    let mut found = Vec::new();
    rust.each_tail(&mut |tail| {
        if let [TokenTree::Literal(literal), ..] = tail
            && ["r\"", "r#", "br"]
                .iter()
                .any(|raw| literal.to_string().starts_with(raw))
        {
            let span = literal.span();
            found.push(span.start().line..=span.end().line);
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[track_caller]
    fn check_text(text: &str, expected: &[&str]) {
        assert_eq!(found(RULE, &[("a.rs", text)]), expected);
    }

    #[test]
    fn long_files_are_found() {
        check_text(&"\n".repeat(FILE_LINES_MAX), &[]);
        check_text(&"\n".repeat(FILE_LINES_MAX + 1), &["a.rs:1"]);
    }

    #[test]
    fn long_functions_are_found_in_items_impls_and_macros() {
        let body = |lines: usize| "\n".repeat(lines - 1);
        let fits = body(FUNCTION_LINES_MAX);
        let long = body(FUNCTION_LINES_MAX + 1);
        check_text(&format!("fn f() {{{fits}}}"), &[]);
        check_text(&format!("\nfn f() {{{long}}}"), &["a.rs:2"]);
        check_text(
            &format!("impl A {{\nasync fn f() -> u8 {{{long}}}}}"),
            &["a.rs:2"],
        );
        check_text(
            &format!("m! {{\n fn f(a in 0..9) {{{long}}} }}"),
            &["a.rs:2"],
        );
        check_text(
            &format!("trait A {{ fn f(); const X: u8 = {{{long} 1}}; }}"),
            &[],
        );
    }

    #[test]
    fn long_lines_are_found_unless_they_cannot_be_broken() {
        let fits = "x".repeat(LINE_CHARS_MAX - 4);
        check_text(&format!("// ü{fits}"), &[]);
        check_text(&format!("// üx{fits}"), &["a.rs:1"]);
        check_text(&format!("// see https://a.example/{fits}"), &[]);
        check_text(&format!("const A: &str = \"{fits}\";"), &["a.rs:1"]);
        check_text(
            &format!("const A: &str = \"\n{fits}     \n\";"),
            &["a.rs:2"],
        );
        check_text(&format!("const A: &str = r#\"\n{fits} {fits}\n\"#;"), &[]);
        check_text(&format!("m!(a, @r\"{fits} {fits}\");"), &[]);
    }
}

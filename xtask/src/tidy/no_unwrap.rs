//! Library code does not panic for want of a thought: no `.unwrap()`, `todo!` or `unimplemented!`.
//! An invariant is said in the text of an `expect`.

use proc_macro2::TokenTree;

use super::finding::Finding;
use super::rust::line;
use super::tree::Tree;

pub(super) const RULE: &str = "no-unwrap";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, rust) in tree.library() {
        rust.each_tail(&mut |tail| {
            if let Some((token, what)) = fault(tail)
                && !rust.is_test(line(token))
            {
                findings.push(Finding::new(RULE, path, line(token), what));
            }
        });
    }
    findings
}

fn fault(tail: &[TokenTree]) -> Option<(&proc_macro2::Ident, &'static str)> {
    match tail {
        [
            TokenTree::Punct(dot),
            TokenTree::Ident(name),
            TokenTree::Group(arguments),
            ..,
        ] if dot.as_char() == '.' && name == "unwrap" && arguments.stream().is_empty() => Some((
            name,
            "return the error, or say the invariant in an `expect`",
        )),
        [
            TokenTree::Ident(name),
            TokenTree::Punct(bang),
            TokenTree::Group(_),
            ..,
        ] if bang.as_char() == '!' && (name == "todo" || name == "unimplemented") => {
            Some((name, "finish it, or return a typed error"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[track_caller]
    fn check_text(path: &str, text: &str, lines: &[usize]) {
        let expected: Vec<String> = lines.iter().map(|line| format!("{path}:{line}")).collect();
        assert_eq!(found(RULE, &[(path, text)]), expected, "{text}");
    }

    #[test]
    fn unwrap_and_unfinished_code_are_found_in_library_code() {
        let library = "crates/a/src/lib.rs";
        check_text(library, "fn a() {\n b().unwrap();\n}", &[2]);
        check_text(library, "fn a() {\n m!(b().unwrap());\n}", &[2]);
        check_text(library, "fn a() {\n todo!()\n}", &[2]);
        check_text(library, "fn a() {\n\n unimplemented!(\"x\")\n}", &[3]);
        check_text(
            library,
            "/// `a.unwrap()` and todo!()\nfn a() { b().expect(\"set\") }",
            &[],
        );
        check_text(library, "fn a() { b().unwrap_or(1); }", &[]);
        check_text(
            library,
            "#[cfg(test)]\nmod tests {\n fn a() { b().unwrap() }\n}",
            &[],
        );
    }

    #[test]
    fn other_code_may_unwrap() {
        for path in [
            "crates/a/tests/it/main.rs",
            "xtask/src/main.rs",
            "examples/a/src/main.rs",
        ] {
            check_text(path, "fn a() { b().unwrap() }", &[]);
        }
    }
}

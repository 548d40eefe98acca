//! A Rust file as syntax: tokens for what may stand inside macros, items for the rest.

use std::ops::RangeInclusive;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// A parsed file.
pub(crate) struct Rust {
    pub(crate) tokens: TokenStream,
    pub(crate) items: syn::File,
    test_lines: Vec<RangeInclusive<usize>>,
    test_modules: Vec<String>,
}

impl Rust {
    /// Parses a file, or gives the line and the message of the first fault.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let tokens: TokenStream = text
            .parse()
            .map_err(|why: proc_macro2::LexError| (why.span().start().line, why.to_string()))?;
        let items: syn::File = syn::parse2(tokens.clone())
            .map_err(|why| (why.span().start().line, why.to_string()))?;
        let mut tests = TestCode::default();
        tests.visit_file(&items);
        Ok(Self {
            tokens,
            items,
            test_lines: tests.lines,
            test_modules: tests.modules,
        })
    }

    /// Whether a line is compiled for tests only.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The names of the modules that are declared for tests only and have a file of their own.
    pub(crate) fn test_modules(&self) -> impl Iterator<Item = &str> {
        self.test_modules.iter().map(String::as_str)
    }

    pub(crate) fn mark_whole_file_as_test(&mut self) {
        self.test_lines.push(0..=usize::MAX);
    }

    /// Calls `look` with the rest of every token sequence, from each of its tokens on, on every
    /// depth. A check is then one slice pattern, which also sees what stands inside macros.
    pub(crate) fn each_tail(&self, look: &mut impl FnMut(&[TokenTree])) {
        each_tail(&self.tokens, look);
    }

    /// Calls `look` with every path as a whole, such as `tokio::time::sleep`, also of one name
    /// only.
    pub(crate) fn each_path(&self, look: &mut impl FnMut(&[String], usize)) {
        each_path(&self.tokens, look);
    }
}

/// The line a token starts on.
pub(crate) fn line(token: &impl syn::spanned::Spanned) -> usize {
    token.span().start().line
}

pub(crate) fn each_tail(tokens: &TokenStream, look: &mut impl FnMut(&[TokenTree])) {
    let level: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut tail = level.as_slice();
    while let [first, rest @ ..] = tail {
        look(tail);
        if let TokenTree::Group(group) = first {
            each_tail(&group.stream(), look);
        }
        tail = rest;
    }
}

fn each_path(tokens: &TokenStream, look: &mut impl FnMut(&[String], usize)) {
    let level: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut tail = level.as_slice();
    while let [first, rest @ ..] = tail {
        tail = rest;
        match first {
            TokenTree::Group(group) => each_path(&group.stream(), look),
            TokenTree::Ident(name) => {
                let mut path = vec![name.to_string()];
                while let [
                    TokenTree::Punct(a),
                    TokenTree::Punct(b),
                    TokenTree::Ident(next),
                    ..,
                ] = tail
                    && a.as_char() == ':'
                    && b.as_char() == ':'
                {
                    path.push(next.to_string());
                    tail = tail.get(3..).unwrap_or_default();
                }
                look(&path, line(name));
            }
            _ => {}
        }
    }
}

/// Whether an attribute makes its item exist in tests only.
fn is_test_only(attribute: &syn::Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Meta>()
            .is_ok_and(|condition| needs_test(&condition))
}

/// Whether a `cfg` condition can only hold in tests: `test`, `all(test, …)`, `any(test, test)`.
fn needs_test(condition: &syn::Meta) -> bool {
    let syn::Meta::List(list) = condition else {
        return condition.path().is_ident("test");
    };
    let parser = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
    let Ok(parts) = list.parse_args_with(parser) else {
        return false;
    };
    match list.path.get_ident().map(ToString::to_string).as_deref() {
        Some("all") => parts.iter().any(needs_test),
        Some("any") => !parts.is_empty() && parts.iter().all(needs_test),
        _ => false,
    }
}

#[derive(Default)]
struct TestCode {
    lines: Vec<RangeInclusive<usize>>,
    modules: Vec<String>,
}

impl TestCode {
    fn add(&mut self, attributes: &[syn::Attribute], item: &impl syn::spanned::Spanned) {
        if attributes.iter().any(is_test_only) {
            let span = item.span();
            self.lines.push(span.start().line..=span.end().line);
        }
    }
}

impl<'ast> Visit<'ast> for TestCode {
    fn visit_file(&mut self, file: &'ast syn::File) {
        if file.attrs.iter().any(is_test_only) {
            self.lines.push(0..=usize::MAX);
        }
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Macro(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Trait(item) => &item.attrs,
            syn::Item::Type(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        self.add(attributes, item);
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() && item.attrs.iter().any(is_test_only) {
            self.modules.push(item.ident.to_string());
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.attrs, item);
        visit::visit_impl_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn test_lines(text: &str, expected: &[usize]) {
        let rust = Rust::parse(text).unwrap();
        let lines: Vec<usize> = (1..=text.lines().count())
            .filter(|&line| rust.is_test(line))
            .collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn test_code_is_told_from_library_code() {
        test_lines(
            "fn a() {}\n#[cfg(test)]\nmod tests {\n}\nfn b() {}",
            &[2, 3, 4],
        );
        test_lines("#[cfg(all(loom, test))]\nmod m {}\nfn b() {}", &[1, 2]);
        test_lines("#[cfg(any(test, unix))]\nmod m {}", &[]);
        test_lines("#[cfg(not(test))]\nmod m {}", &[]);
        test_lines("#[cfg(loom)]\nmod m {}", &[]);
        test_lines(
            "struct S;\nimpl S {\n#[cfg(test)]\nfn a() {}\nfn b() {}\n}",
            &[3, 4],
        );
        test_lines("#![cfg(test)]\nfn a() {}", &[1, 2]);
    }

    #[test]
    fn paths_are_seen_inside_macros_and_as_a_whole() {
        let rust = Rust::parse("fn a() { m!(b(x::y::z, [std::thread::sleep(q)])) }").unwrap();
        let mut paths = Vec::new();
        rust.each_path(&mut |path, _| paths.push(path.join("::")));
        assert_eq!(
            paths,
            ["fn", "a", "m", "b", "x::y::z", "std::thread::sleep", "q"]
        );
    }

    #[test]
    fn broken_files_are_errors() {
        assert!(Rust::parse("fn a() {}\n}").is_err());
        assert_eq!(
            Rust::parse("fn a() {}\nfn 1()").map(|_| ()).unwrap_err().0,
            2
        );
    }
}

//! The public items of one crate, one line each.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Item, Visibility};

use super::render::render;
use crate::tidy::documented::is_hidden;
use crate::tidy::rust::{Rust, each_tail, line};
use crate::tidy::tree::{Tree, module_folder};

/// The lines `path: signature` of the crate in the folder `crates/<name>`.
pub(super) fn of_crate(tree: &Tree, name: &str) -> BTreeSet<String> {
    let root = format!("crates/{name}/src/");
    let files: Vec<(&str, &Rust)> = tree
        .library()
        .filter(|(path, _, _)| path.starts_with(&root))
        .map(|(path, _, rust)| (path, rust))
        .collect();
    let mut hidden = Vec::new();
    for (path, rust) in &files {
        hidden_modules(&module_folder(path), &rust.items.items, &mut hidden);
    }
    let mut lines = BTreeSet::new();
    for (path, rust) in files {
        let stem = path.trim_end_matches(".rs");
        let is_hidden = |module: &String| {
            let rest = stem.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if hidden.iter().any(is_hidden) {
            continue;
        }
        let module = stem.strip_prefix(&root).unwrap_or(stem);
        let mut place = name.replace('-', "_");
        if module != "lib" {
            place = format!("{place}::{}", module.replace('/', "::"));
        }
        let mut items = Items {
            rust,
            lines: &mut lines,
        };
        items.module(&place, &rust.items.items);
    }
    lines
}

/// The files, without `.rs`, of the modules that are no part of the documentation.
fn hidden_modules(folder: &str, items: &[Item], hidden: &mut Vec<String>) {
    for item in items {
        let Item::Mod(item) = item else { continue };
        let path = format!("{folder}{}", item.ident);
        match &item.content {
            _ if is_hidden(&item.attrs) => hidden.push(path),
            Some((_, inner)) => hidden_modules(&format!("{path}/"), inner, hidden),
            None => {}
        }
    }
}

struct Items<'a> {
    rust: &'a Rust,
    lines: &'a mut BTreeSet<String>,
}

impl Items<'_> {
    fn add(&mut self, path: &str, signature: TokenStream) {
        self.lines.insert(format!("{path}: {}", render(signature)));
    }

    fn module(&mut self, place: &str, items: &[Item]) {
        let closed = closed_types(items);
        let writers = writing_macros(items);
        for item in items {
            let (attributes, visibility, name) = head(item);
            if is_hidden(attributes) || self.rust.is_test(line(item)) {
                continue;
            }
            match item {
                Item::Impl(item) => self.methods(place, item, &closed),
                Item::Macro(item) => self.macros(place, item, &writers),
                Item::Mod(item) => {
                    let path = format!("{place}::{}", item.ident);
                    if is_public(&item.vis) {
                        let name = &item.ident;
                        self.add(&path, quote!(pub mod #name));
                    }
                    if let Some((_, inner)) = &item.content {
                        self.module(&path, inner);
                    }
                }
                Item::Use(item) if is_public(&item.vis) => {
                    let tree = &item.tree;
                    self.add(place, quote!(pub use #tree));
                }
                _ if visibility.is_some_and(is_public) => {
                    self.item(&format!("{place}::{name}"), item);
                }
                _ => {}
            }
        }
    }

    /// An item that is public and has a name.
    fn item(&mut self, path: &str, item: &Item) {
        match item {
            Item::Const(item) => {
                let (name, ty) = (&item.ident, &item.ty);
                self.add(path, quote!(pub const #name: #ty));
            }
            Item::Static(item) => {
                let (name, ty, mutable) = (&item.ident, &item.ty, &item.mutability);
                self.add(path, quote!(pub static #mutable #name: #ty));
            }
            Item::Fn(item) => {
                let signature = &item.sig;
                self.add(path, quote!(pub #signature));
            }
            Item::Type(item) => {
                let (name, generics, ty) = (&item.ident, &item.generics, &item.ty);
                self.add(path, quote!(pub type #name #generics = #ty));
            }
            Item::Struct(item) => {
                let (name, generics) = (&item.ident, &item.generics);
                let bounds = &generics.where_clause;
                self.add(path, quote!(pub struct #name #generics #bounds));
                self.fields(path, &item.fields);
            }
            Item::Enum(item) => {
                let (name, generics) = (&item.ident, &item.generics);
                let bounds = &generics.where_clause;
                self.add(path, quote!(pub enum #name #generics #bounds));
                for variant in item.variants.iter().filter(|one| !is_hidden(&one.attrs)) {
                    let (name, fields) = (&variant.ident, &variant.fields);
                    self.add(&format!("{path}::{name}"), quote!(#name #fields));
                }
            }
            Item::Trait(item) => self.interface(path, item),
            _ => {}
        }
    }

    fn fields(&mut self, path: &str, fields: &syn::Fields) {
        for (field, member) in fields.iter().zip(fields.members()) {
            if is_public(&field.vis) && !is_hidden(&field.attrs) {
                let ty = &field.ty;
                let path = format!("{path}::{}", render(member.to_token_stream()));
                self.add(&path, quote!(pub #member: #ty));
            }
        }
    }

    fn interface(&mut self, path: &str, item: &syn::ItemTrait) {
        let (name, generics, parents) = (&item.ident, &item.generics, &item.supertraits);
        let (colon, bounds, safety) = (&item.colon_token, &generics.where_clause, &item.unsafety);
        let head = quote!(pub #safety trait #name #generics #colon #parents #bounds);
        self.add(path, head);
        for item in &item.items {
            match item {
                syn::TraitItem::Const(item) if !is_hidden(&item.attrs) => {
                    let (name, ty) = (&item.ident, &item.ty);
                    self.add(&format!("{path}::{name}"), quote!(const #name: #ty));
                }
                syn::TraitItem::Fn(item) if !is_hidden(&item.attrs) => {
                    let (name, signature) = (&item.sig.ident, &item.sig);
                    // Whether there is a default decides what an implementation has to write.
                    let default = item.default.is_some().then(|| quote!({ default }));
                    self.add(&format!("{path}::{name}"), quote!(#signature #default));
                }
                syn::TraitItem::Type(item) if !is_hidden(&item.attrs) => {
                    let (name, generics) = (&item.ident, &item.generics);
                    let (colon, bounds) = (&item.colon_token, &item.bounds);
                    let signature = quote!(type #name #generics #colon #bounds);
                    self.add(&format!("{path}::{name}"), signature);
                }
                _ => {}
            }
        }
    }

    fn methods(&mut self, place: &str, item: &syn::ItemImpl, closed: &BTreeSet<String>) {
        let name = type_name(&item.self_ty);
        if item.trait_.is_some() || closed.contains(&name) {
            return;
        }
        let (generics, ty) = (&item.generics, &item.self_ty);
        let bounds = &generics.where_clause;
        // The bounds of the block are bounds of each method.
        let block = match generics.params.is_empty() {
            true => quote!(),
            false => quote!(impl #generics #ty #bounds:),
        };
        for item in &item.items {
            let (attributes, visibility, name_of, signature) = match item {
                syn::ImplItem::Const(item) => {
                    let (name, ty) = (&item.ident, &item.ty);
                    (&item.attrs, &item.vis, name, quote!(const #name: #ty))
                }
                syn::ImplItem::Fn(item) => {
                    let signature = item.sig.to_token_stream();
                    (&item.attrs, &item.vis, &item.sig.ident, signature)
                }
                _ => continue,
            };
            if is_public(visibility) && !is_hidden(attributes) && !self.rust.is_test(line(item)) {
                let path = format!("{place}::{name}::{name_of}");
                self.add(&path, quote!(#block pub #signature));
            }
        }
    }

    /// A macro for users, or the call of one that writes public items.
    fn macros(&mut self, place: &str, item: &syn::ItemMacro, writers: &BTreeSet<String>) {
        let exported = |one: &Attribute| one.path().is_ident("macro_export");
        if let Some(name) = &item.ident {
            if item.attrs.iter().any(exported) {
                self.add(&format!("{place}::{name}"), quote!(macro_rules! #name));
            }
        } else if writers.contains(&render(item.mac.path.to_token_stream())) {
            let (name, tokens) = (&item.mac.path, &item.mac.tokens);
            self.add(place, quote!(#name!(#tokens)));
        }
    }
}

fn head(item: &Item) -> (&[Attribute], Option<&Visibility>, String) {
    let (attributes, visibility, name) = match item {
        Item::Const(item) => (&item.attrs, &item.vis, &item.ident),
        Item::Enum(item) => (&item.attrs, &item.vis, &item.ident),
        Item::Fn(item) => (&item.attrs, &item.vis, &item.sig.ident),
        Item::Mod(item) => (&item.attrs, &item.vis, &item.ident),
        Item::Static(item) => (&item.attrs, &item.vis, &item.ident),
        Item::Struct(item) => (&item.attrs, &item.vis, &item.ident),
        Item::Trait(item) => (&item.attrs, &item.vis, &item.ident),
        Item::Type(item) => (&item.attrs, &item.vis, &item.ident),
        Item::Impl(item) => return (&item.attrs, None, String::new()),
        Item::Macro(item) => return (&item.attrs, None, String::new()),
        Item::Use(item) => return (&item.attrs, None, String::new()),
        _ => return (&[], None, String::new()),
    };
    (attributes, Some(visibility), name.to_string())
}

/// The types of a module that no user sees, and so no user sees their methods.
fn closed_types(items: &[Item]) -> BTreeSet<String> {
    let types = items
        .iter()
        .filter(|item| matches!(item, Item::Struct(_) | Item::Enum(_)));
    types
        .map(head)
        .filter(|(attributes, visibility, _)| {
            is_hidden(attributes) || !visibility.is_some_and(is_public)
        })
        .map(|(_, _, name)| name)
        .collect()
}

/// The macros of a module that have `pub` in what they write.
fn writing_macros(items: &[Item]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in items {
        if let Item::Macro(item) = item
            && let Some(name) = &item.ident
        {
            each_tail(&item.mac.tokens, &mut |tail| {
                if matches!(tail, [TokenTree::Ident(word), ..] if word == "pub") {
                    names.insert(name.to_string());
                }
            });
        }
    }
    names
}

/// The last name of a type, without what it is generic over.
fn type_name(ty: &syn::Type) -> String {
    match ty {
        syn::Type::Path(path) => match path.path.segments.last() {
            Some(last) => last.ident.to_string(),
            None => String::new(),
        },
        other => render(other.to_token_stream()),
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_lines(text: &str, expected: &[&str]) {
        let tree = Tree::of(&[("crates/a-b/src/c.rs", text)]);
        let lines: Vec<String> = of_crate(&tree, "a-b").into_iter().collect();
        let expected: Vec<String> = expected
            .iter()
            .map(|line| format!("a_b::c{line}"))
            .collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn every_kind_of_item_has_a_line() {
        check_lines("pub const A: u8 = 1;", &["::A: pub const A: u8"]);
        check_lines("pub static A: u8 = 1;", &["::A: pub static A: u8"]);
        check_lines("pub type A<T> = Vec<T>;", &["::A: pub type A<T> = Vec<T>"]);
        check_lines("pub use x::{y, z as w};", &[": pub use x::{ y, z as w }"]);
        check_lines("pub mod d;", &["::d: pub mod d"]);
        check_lines("mod d { pub fn e() {} }", &["::d::e: pub fn e()"]);
        check_lines(
            "#[macro_export] macro_rules! m { () => {} }",
            &["::m: macro_rules! m"],
        );
        check_lines(
            "macro_rules! m { ($a:ident) => { pub struct $a; } } m!(B);",
            &[": m!(B)"],
        );
        check_lines(
            "pub struct A(pub u8, u8); pub struct B<T> where T: C { pub d: T, e: u8 }",
            &[
                "::A: pub struct A",
                "::A::0: pub 0: u8",
                "::B: pub struct B<T> where T: C",
                "::B::d: pub d: T",
            ],
        );
        check_lines(
            "pub enum A { B(u8), C { d: u8 } }",
            &["::A: pub enum A", "::A::B: B(u8)", "::A::C: C { d: u8 }"],
        );
        check_lines(
            "pub trait A: B { fn c(&self); fn d() {} type E: F; const G: u8; }",
            &[
                "::A: pub trait A: B",
                "::A::E: type E: F",
                "::A::G: const G: u8",
                "::A::c: fn c(&self)",
                "::A::d: fn d() { default }",
            ],
        );
        check_lines(
            "impl A { pub fn b(self) {} fn c() {} } impl<T: D> A<T> { pub const E: T = 1; }",
            &[
                "::A::E: impl<T: D> A<T>: pub const E: T",
                "::A::b: pub fn b(self)",
            ],
        );
    }

    #[test]
    fn what_users_do_not_see_has_none() {
        for text in [
            "fn a() {}",
            "pub(crate) fn a() {}",
            "use a::b;",
            "struct A { pub b: u8 } impl A { pub fn c() {} }",
            "#[doc(hidden)] pub fn a() {}",
            "#[doc(hidden)] pub struct A; impl A { pub fn c() {} }",
            "#[doc(hidden)] pub mod a { pub fn b() {} }",
            "#[cfg(test)] mod tests { pub fn a() {} }",
            "impl A { #[doc(hidden)] pub fn b() {} #[cfg(test)] pub fn c() {} }",
            "impl Clone for A { fn clone(&self) -> A { A } }",
            "macro_rules! m { () => { struct A; } } m!();",
        ] {
            check_lines(text, &[]);
        }
    }

    #[test]
    fn hidden_modules_hide_their_files() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "#[doc(hidden)] pub mod b; mod c;"),
            ("crates/a/src/b.rs", "pub fn x() {}"),
            ("crates/a/src/b/d.rs", "pub fn x() {}"),
            ("crates/a/src/c.rs", "pub fn x() {}"),
            ("crates/a-b/src/lib.rs", "pub fn x() {}"),
        ]);
        let lines: Vec<String> = of_crate(&tree, "a").into_iter().collect();
        assert_eq!(lines, ["a::c::x: pub fn x()"]);
    }
}

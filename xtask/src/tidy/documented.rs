//! Every public item of the library is documented. The compiler warns as well, but only about
//! what users can reach, and only where nobody turned the lint off.

use syn::visit::{self, Visit};
use syn::{Attribute, Visibility};

use super::finding::Finding;
use super::rust::line;
use super::tree::{Tree, module_folder};

pub(super) const RULE: &str = "documented";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, rust) in tree.library() {
        let mut items = Items {
            tree,
            path,
            private_types: private_types(&rust.items),
            found: vec![],
        };
        let root = ["/src/lib.rs", "/src/main.rs"]
            .iter()
            .any(|end| path.ends_with(end));
        if root && !has_docs(&rust.items.attrs) {
            items.found.push((1, "crate".to_owned()));
        }
        items.visit_file(&rust.items);
        for (line, what) in items.found {
            let what = format!("document this {what}: one line that says what it is for");
            findings.push(Finding::new(RULE, path, line, what));
        }
    }
    findings
}

struct Items<'a> {
    tree: &'a Tree,
    path: &'a str,
    private_types: Vec<String>,
    found: Vec<(usize, String)>,
}

impl Items<'_> {
    fn want(&mut self, kind: &str, name: &syn::Ident, attributes: &[Attribute]) {
        if !has_docs(attributes) {
            self.found.push((line(name), format!("{kind} `{name}`")));
        }
    }

    fn want_if_public(
        &mut self,
        kind: &str,
        name: &syn::Ident,
        visibility: &Visibility,
        attributes: &[Attribute],
    ) {
        if is_public(visibility) {
            self.want(kind, name, attributes);
        }
    }

    /// Whether the file of a module starts with documentation.
    fn module_file_has_docs(&self, name: &syn::Ident) -> bool {
        let file = format!("{}{name}.rs", module_folder(self.path));
        self.tree
            .rust()
            .any(|(path, _, rust)| path == file && has_docs(&rust.items.attrs))
    }

    fn fields(&mut self, fields: &syn::Fields, all_public: bool) {
        for field in fields {
            if let Some(name) = &field.ident
                && (all_public || is_public(&field.vis))
            {
                self.want("field", name, &field.attrs);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Items<'_> {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.want_if_public("constant", &item.ident, &item.vis, &item.attrs);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        if !is_public(&item.vis) || is_hidden(&item.attrs) {
            return;
        }
        self.want("enum", &item.ident, &item.attrs);
        for variant in &item.variants {
            self.want("variant", &variant.ident, &variant.attrs);
            self.fields(&variant.fields, true);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.want_if_public("function", &item.sig.ident, &item.vis, &item.attrs);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if item.trait_.is_some() || is_hidden(&item.attrs) || self.is_private(&item.self_ty) {
            return;
        }
        for item in &item.items {
            match item {
                syn::ImplItem::Const(item) => {
                    self.want_if_public("constant", &item.ident, &item.vis, &item.attrs);
                }
                syn::ImplItem::Fn(item) => {
                    self.want_if_public("method", &item.sig.ident, &item.vis, &item.attrs);
                }
                syn::ImplItem::Type(item) => {
                    self.want_if_public("type", &item.ident, &item.vis, &item.attrs);
                }
                _ => {}
            }
        }
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        let exported = item
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("macro_export"));
        if let Some(name) = &item.ident
            && exported
        {
            self.want("macro", name, &item.attrs);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_hidden(&item.attrs) {
            return;
        }
        let elsewhere = item.content.is_none() && self.module_file_has_docs(&item.ident);
        if !elsewhere && is_public(&item.vis) {
            self.want("module", &item.ident, &item.attrs);
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.want_if_public("static", &item.ident, &item.vis, &item.attrs);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if is_public(&item.vis) && !is_hidden(&item.attrs) {
            self.want("struct", &item.ident, &item.attrs);
            self.fields(&item.fields, false);
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if !is_public(&item.vis) || is_hidden(&item.attrs) {
            return;
        }
        self.want("trait", &item.ident, &item.attrs);
        for item in &item.items {
            match item {
                syn::TraitItem::Const(item) => self.want("constant", &item.ident, &item.attrs),
                syn::TraitItem::Fn(item) => self.want("method", &item.sig.ident, &item.attrs),
                syn::TraitItem::Type(item) => self.want("type", &item.ident, &item.attrs),
                _ => {}
            }
        }
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.want_if_public("type", &item.ident, &item.vis, &item.attrs);
    }
}

impl Items<'_> {
    /// Whether a type is declared in this file without `pub`, so that nobody outside sees its
    /// methods.
    fn is_private(&self, ty: &syn::Type) -> bool {
        let syn::Type::Path(path) = ty else {
            return false;
        };
        path.path
            .get_ident()
            .is_some_and(|name| self.private_types.iter().any(|own| name == own))
            || path.path.segments.last().is_some_and(|last| {
                path.path.segments.len() == 1
                    && self.private_types.iter().any(|own| last.ident == own)
            })
    }
}

fn private_types(file: &syn::File) -> Vec<String> {
    struct Types(Vec<String>);
    impl<'ast> Visit<'ast> for Types {
        fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
            if !is_public(&item.vis) {
                self.0.push(item.ident.to_string());
            }
        }
        fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
            if !is_public(&item.vis) {
                self.0.push(item.ident.to_string());
            }
        }
    }
    let mut types = Types(Vec::new());
    types.visit_file(file);
    types.0
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether there is any text, or the item is not part of the documentation.
fn has_docs(attributes: &[Attribute]) -> bool {
    let text = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => !text.value().trim().is_empty(),
            // `include_str!` of a guide.
            _ => true,
        },
        _ => false,
    };
    attributes.iter().any(text) || is_hidden(attributes)
}

pub(super) fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("doc")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|word| word == "hidden")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tests::found;

    #[track_caller]
    fn check_text(text: &str, lines: &[usize]) {
        let path = "crates/a/src/b.rs";
        let expected: Vec<String> = lines.iter().map(|line| format!("{path}:{line}")).collect();
        assert_eq!(found(RULE, &[(path, text)]), expected, "{text}");
    }

    #[test]
    fn every_kind_of_public_item_wants_documentation() {
        for item in [
            "pub fn a() {}",
            "pub struct A;",
            "pub trait A {}",
            "pub type A = u8;",
            "pub const A: u8 = 1;",
            "pub static A: u8 = 1;",
            "pub mod a {}",
            "pub mod a;",
            "pub enum A {}",
            "#[macro_export] macro_rules! a { () => {} }",
        ] {
            check_text(&format!("\n{item}"), &[2]);
            check_text(&format!("///\n{item}"), &[2]);
            check_text(&format!("/// Text.\n{item}"), &[]);
            check_text(&format!("#[doc(hidden)]\n{item}"), &[]);
            check_text(
                &format!("\n{}", item.replace("pub", "pub(crate)")),
                match item {
                    _ if item.starts_with('#') => &[2],
                    _ => &[],
                },
            );
        }
    }

    #[test]
    fn parts_of_public_items_want_documentation() {
        check_text(
            "/// T.\npub enum A {\n B,\n /// T.\n C {\n d: u8 } }",
            &[3, 6],
        );
        check_text("/// T.\npub struct A {\n pub b: u8,\n c: u8 }", &[3]);
        check_text(
            "/// T.\npub trait A {\n fn b();\n type C;\n const D: u8; }",
            &[3, 4, 5],
        );
        check_text(
            "impl A {\n pub fn b() {}\n fn c() {}\n pub const D: u8 = 1; }",
            &[2, 4],
        );
        check_text("mod b {\n pub fn c() {}\n}", &[2]);
    }

    #[test]
    fn what_no_user_reads_needs_none() {
        check_text("impl Clone for A { fn clone(&self) -> A { A } }", &[]);
        check_text("struct A<T>(T);\nimpl<T> A<T> { pub fn b() {} }", &[]);
        check_text("/// T.\npub struct A(pub u8);", &[]);
        check_text("#[doc(hidden)]\npub mod a { pub fn b() {} }", &[]);
        assert!(found(RULE, &[("xtask/src/a.rs", "pub fn a() {}")]).is_empty());
    }

    #[test]
    fn crates_and_modules_may_be_documented_in_their_file() {
        let lib = "//! The crate.\npub mod a;\n";
        let documented = [
            ("crates/a/src/lib.rs", lib),
            ("crates/a/src/a.rs", "//! A.\n"),
        ];
        assert!(found(RULE, &documented).is_empty());
        let bare = [
            ("crates/a/src/lib.rs", "\n\npub mod a;\n"),
            ("crates/a/src/a.rs", ""),
        ];
        assert_eq!(
            found(RULE, &bare),
            ["crates/a/src/lib.rs:1", "crates/a/src/lib.rs:3"]
        );
    }
}

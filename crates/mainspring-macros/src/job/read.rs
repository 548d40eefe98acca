//! Reading the values of options, with errors that say what is wanted.

use proc_macro2::Span;
use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, Lit, LitStr, Meta, MetaNameValue, Path};

use super::duration::{FORM, nanos};

/// The longest name of a kind and a queue, in bytes, as `mainspring::job` has them.
pub(super) const KIND_BYTES_MAX: usize = 128;
pub(super) const QUEUE_BYTES_MAX: usize = 64;

/// The name of an option, which may be written once.
pub(super) fn name(option: &Meta, seen: &mut Vec<String>) -> Result<String, Error> {
    let name = option.path().get_ident().map(ToString::to_string);
    let name = name.unwrap_or_default();
    if seen.contains(&name) {
        let message = format!("`{name}` is written twice");
        return Err(Error::new(option.path().span(), message));
    }
    seen.push(name.clone());
    Ok(name)
}

/// The option as `name = value`.
pub(super) fn valued(option: &Meta) -> Result<&MetaNameValue, Error> {
    option.require_name_value().map_err(|_| {
        let name = path_text(option.path());
        Error::new(option.span(), format!("write `{name} = …`"))
    })
}

pub(super) fn text(option: &Meta) -> Result<LitStr, Error> {
    let option = valued(option)?;
    text_of(&option.value).ok_or_else(|| wants(option, "a text"))
}

pub(super) fn text_of(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.clone()),
        _ => None,
    }
}

/// A text, or a list of them: `"a"` or `["a", "b"]`.
pub(super) fn texts(option: &Meta) -> Result<Vec<LitStr>, Error> {
    let option = valued(option)?;
    let wanted = "a text or a list of texts, such as [\"a\", \"b\"]";
    match &option.value {
        Expr::Array(list) => {
            let texts: Option<Vec<_>> = list.elems.iter().map(text_of).collect();
            let texts = texts.filter(|texts| !texts.is_empty());
            texts.ok_or_else(|| wants(option, wanted))
        }
        value => match text_of(value) {
            Some(text) => Ok(vec![text]),
            None => Err(wants(option, wanted)),
        },
    }
}

pub(super) fn flag(option: &Meta) -> Result<bool, Error> {
    let option = valued(option)?;
    match &option.value {
        Expr::Lit(ExprLit {
            lit: Lit::Bool(flag),
            ..
        }) => Ok(flag.value),
        _ => Err(wants(option, "`true` or `false`")),
    }
}

/// A number from 1 to `max`.
pub(super) fn number(option: &Meta, max: u32) -> Result<u32, Error> {
    let option = valued(option)?;
    let number = match &option.value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse::<u32>().ok(),
        _ => None,
    };
    let number = number.filter(|number| (1..=max).contains(number));
    number.ok_or_else(|| wants(option, &format!("a number from 1 to {max}")))
}

/// A path, in quotes or not.
pub(super) fn path(option: &Meta) -> Result<Path, Error> {
    let option = valued(option)?;
    let path = match &option.value {
        Expr::Path(path) => Some(path.path.clone()),
        value => text_of(value).and_then(|text| text.parse().ok()),
    };
    path.ok_or_else(|| wants(option, "the path of a function, such as \"upgrade_mail\""))
}

/// The name of a kind or a queue, which must be fit for one.
pub(super) fn plain_name(what: &str, text: &LitStr, bytes_max: usize) -> Result<(), Error> {
    let name = text.value();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if (1..=bytes_max).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let message = format!(
        "{name:?} cannot name a {what}: use 1 to {bytes_max} ASCII letters, digits and the \
         characters - _ . : /"
    );
    Err(Error::new(text.span(), message))
}

/// A duration, as an expression.
pub(super) fn duration(text: &str, place: Span) -> Result<TokenStream, Error> {
    match nanos(text) {
        Some(nanos) => Ok(quote!(::core::time::Duration::from_nanos(#nanos))),
        None => Err(Error::new(
            place,
            format!("{text:?} is no duration: write {FORM}"),
        )),
    }
}

pub(super) fn wants(option: &MetaNameValue, wanted: &str) -> Error {
    let name = path_text(&option.path);
    Error::new(option.value.span(), format!("`{name}` wants {wanted}"))
}

fn path_text(path: &Path) -> String {
    path.get_ident()
        .map(ToString::to_string)
        .unwrap_or_default()
}

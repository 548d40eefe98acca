//! Unique and concurrency keys: which fields they are made of, and what holds for them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, LitStr, Member, Meta, Token};

use super::duration::nanos;
use super::read::{duration, name, number, text, texts};

const UNIQUE: &str = "`key`, `scope`, `conflict`";
const GATE: &str = "`key`, `limit`, `ordered`, `rate`";

/// `unique(key = "field", scope = "until_finished", conflict = "keep")` as the trait's method.
pub(super) fn unique(option: &Meta, fields: &[Member]) -> Result<TokenStream, Error> {
    let (mut key, mut calls, mut seen) = (None, Vec::new(), Vec::new());
    for option in nested(option, UNIQUE)? {
        match name(&option, &mut seen)?.as_str() {
            "key" => key = Some(members(&texts(&option)?, fields)?),
            "scope" => calls.push(scope(&text(&option)?)?),
            "conflict" => calls.push(conflict(&text(&option)?)?),
            _ => return Err(unknown(&option, UNIQUE)),
        }
    }
    let key = match key {
        Some(key) => quote!(::mainspring::job::key_of(&[#(&self.#key),*])),
        // Without a key there is one of its kind.
        None => quote!(<Self as ::mainspring::job::Job>::KIND),
    };
    Ok(quote! {
        fn unique(&self) -> ::core::option::Option<::mainspring::job::Unique> {
            ::core::option::Option::Some(::mainspring::job::Unique::new(#key) #(#calls)*)
        }
    })
}

/// `gate(key = "field", limit = 2)` as the trait's method.
pub(super) fn gate(option: &Meta, fields: &[Member]) -> Result<TokenStream, Error> {
    let (mut key, mut limit, mut ordered, mut pace) = (None, None, false, None);
    let mut seen = Vec::new();
    for option in nested(option, GATE)? {
        match name(&option, &mut seen)?.as_str() {
            "key" => key = Some(members(&texts(&option)?, fields)?),
            "limit" => limit = Some(number(&option, u32::MAX)?),
            "ordered" => {
                let written = option.require_path_only();
                written.map_err(|_| Error::new(option.span(), "write `ordered` alone"))?;
                ordered = true;
            }
            "rate" => pace = Some(rate(&text(&option)?)?),
            _ => return Err(unknown(&option, GATE)),
        }
    }
    let Some(key) = key else {
        let message = "a gate has a key: `gate(key = \"tenant_id\", limit = 2)`";
        return Err(Error::new(option.span(), message));
    };
    // Gates are shared by all kinds, so the field's name is part of the key.
    let labels = key.iter().map(|member| match member {
        Member::Named(name) => format!("{name}={{}}"),
        Member::Unnamed(index) => format!("{}={{}}", index.index),
    });
    let key = quote!(::mainspring::job::key_of(&[
        #(&::core::format_args!(#labels, self.#key)),*
    ]));
    let gate = match (limit, ordered) {
        (Some(limit), false) => quote!(new(#key, #limit)),
        (None, true) => quote!(ordered(#key)),
        (None, false) if pace.is_some() => quote!(new(#key, ::core::primitive::u32::MAX)),
        (Some(_), true) => {
            let message = "`ordered` jobs run one by one: leave `limit` out";
            return Err(Error::new(option.span(), message));
        }
        (None, false) => {
            let message = "a gate has a `limit`, a `rate`, or is `ordered`";
            return Err(Error::new(option.span(), message));
        }
    };
    Ok(quote! {
        fn gate(&self) -> ::core::option::Option<::mainspring::job::Gate> {
            ::core::option::Option::Some(::mainspring::job::Gate::#gate #pace)
        }
    })
}

/// What is written in the parentheses of an option; nothing, if there are none.
fn nested(option: &Meta, known: &str) -> Result<Punctuated<Meta, Token![,]>, Error> {
    match option {
        Meta::Path(_) => Ok(Punctuated::new()),
        Meta::List(list) => list.parse_args_with(Punctuated::parse_terminated),
        Meta::NameValue(_) => {
            let message = format!("its options stand in parentheses; there are {known}");
            Err(Error::new(option.span(), message))
        }
    }
}

/// The fields of these names.
fn members(names: &[LitStr], fields: &[Member]) -> Result<Vec<Member>, Error> {
    let member = |name: &LitStr| {
        let wanted = name.value();
        let found = fields.iter().find(|field| shown(field) == wanted);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = fields
                .iter()
                .map(|field| format!("`{}`", shown(field)))
                .collect();
            let known = match known.is_empty() {
                true => "it has none".to_owned(),
                false => format!("there are {}", known.join(", ")),
            };
            Error::new(name.span(), format!("no field `{wanted}`; {known}"))
        })
    };
    names.iter().map(member).collect()
}

fn shown(member: &Member) -> String {
    match member {
        Member::Named(name) => name.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}

fn scope(text: &LitStr) -> Result<TokenStream, Error> {
    let written = text.value();
    let scope = match written.as_str() {
        "until_started" => quote!(UntilStarted),
        "until_finished" => quote!(UntilFinished),
        other if nanos(other).is_some_and(|nanos| nanos > 0) => {
            let window = duration(other, text.span())?;
            quote!(For(#window))
        }
        other => {
            let message = format!(
                "{other:?} is no scope; there are \"until_started\", \"until_finished\" and a \
                 duration such as \"1h\""
            );
            return Err(Error::new(text.span(), message));
        }
    };
    Ok(quote!(.within(::mainspring::job::Scope::#scope)))
}

fn conflict(text: &LitStr) -> Result<TokenStream, Error> {
    match text.value().as_str() {
        "keep" => Ok(TokenStream::new()),
        "replace" => Ok(quote!(.or_replace())),
        "error" => Ok(quote!(.or_error())),
        other => {
            let known = "\"keep\", \"replace\" and \"error\"";
            let message = format!("{other:?} is no choice for a conflict; there are {known}");
            Err(Error::new(text.span(), message))
        }
    }
}

fn rate(text: &LitStr) -> Result<TokenStream, Error> {
    let written = text.value();
    let parts = written.split_once(" per ").and_then(|(count, per)| {
        let count = count.parse::<u32>().ok().filter(|count| *count > 0)?;
        let per = nanos(per).filter(|nanos| *nanos > 0)?;
        Some((count, per))
    });
    let Some((count, per)) = parts else {
        let message = format!("{written:?} is no rate: write one such as \"10 per 1s\"");
        return Err(Error::new(text.span(), message));
    };
    let per = quote!(::core::time::Duration::from_nanos(#per));
    Ok(quote!(.at_rate(::mainspring::job::Rate::new(#count, #per))))
}

fn unknown(option: &Meta, known: &str) -> Error {
    let message = format!("unknown option; there are {known}");
    Error::new(option.path().span(), message)
}

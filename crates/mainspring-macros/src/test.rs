//! The test attribute: an async function becomes a test that hands it to the kit.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, ItemFn, Lit, Meta, MetaNameValue, Token};

/// What may be written in the attribute.
const OPTIONS: &str = "`start`, `flavor`, `worker_threads`, `seed`";

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    match try_expand(options, item.clone()) {
        Ok(test) => test,
        Err(error) => {
            // The function stays, so that the error is the only one.
            let error = error.into_compile_error();
            quote!(#error #item)
        }
    }
}

fn try_expand(options: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let options: Options = syn::parse2(options)?;
    let function: ItemFn = syn::parse2(item)?;
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        let message = "a test on virtual time is an `async fn`";
        return Err(Error::new(signature.fn_token.span(), message));
    }
    if let Some(generic) = signature.generics.params.first() {
        return Err(Error::new(generic.span(), "a test has no generics"));
    }
    if let Some(second) = signature.inputs.iter().nth(1) {
        let message = "a test takes a `TestApp`, or nothing";
        return Err(Error::new(second.span(), message));
    }
    let (attributes, visibility, name) = (&function.attrs, &function.vis, &signature.ident);
    let (inputs, output, body) = (&signature.inputs, &signature.output, &function.block);
    let call = match inputs.is_empty() {
        true => quote!(|_| #name()),
        false => quote!(#name),
    };
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attributes)*
        #visibility fn #name() #output {
            async fn #name(#inputs) #output #body
            ::mainspring::test::run(#options, #call)
        }
    })
}

/// The options of the attribute, checked, as the calls that say them to the kit.
struct Options(Vec<TokenStream>);

impl quote::ToTokens for Options {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let calls = &self.0;
        tokens.extend(quote!(::mainspring::test::Options::new() #(#calls)*));
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let written = Punctuated::<Meta, Token![,]>::parse_terminated(input)?;
        let mut calls = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        let (mut multi, mut workers) = (false, None);
        for option in &written {
            let Meta::NameValue(option) = option else {
                let message = format!("an option is `name = value`; there are {OPTIONS}");
                return Err(Error::new(option.span(), message));
            };
            let name = option.path.get_ident().map(ToString::to_string);
            let name = name.unwrap_or_default();
            if seen.contains(&name) {
                let message = format!("`{name}` is written twice");
                return Err(Error::new(option.path.span(), message));
            }
            match name.as_str() {
                "start" => {
                    let Lit::Str(start) = literal(option, "a text")? else {
                        return Err(wants(option, "a text like \"2026-03-28T00:00:00Z\""));
                    };
                    calls.push(quote!(.start(#start)));
                }
                "seed" => {
                    let Lit::Int(seed) = literal(option, "a number")? else {
                        return Err(wants(option, "a number"));
                    };
                    let seed = seed.base10_parse::<u64>()?;
                    calls.push(quote!(.seed(#seed)));
                }
                "flavor" => multi = flavor(option)?,
                "worker_threads" => workers = Some((threads(option)?, option.path.span())),
                _ => {
                    let message = format!("unknown option; there are {OPTIONS}");
                    return Err(Error::new(option.path.span(), message));
                }
            }
            seen.push(name);
        }
        match (multi, workers) {
            (true, None) => calls.push(quote!(.multi_thread())),
            (true, Some((threads, _))) => calls.push(quote!(.worker_threads(#threads))),
            (false, Some((_, place))) => {
                let message = "`worker_threads` needs `flavor = \"multi_thread\"`";
                return Err(Error::new(place, message));
            }
            (false, None) => {}
        }
        Ok(Self(calls))
    }
}

fn flavor(option: &MetaNameValue) -> Result<bool, Error> {
    let wanted = "\"current_thread\" or \"multi_thread\"";
    match literal(option, wanted)? {
        Lit::Str(flavor) if flavor.value() == "current_thread" => Ok(false),
        Lit::Str(flavor) if flavor.value() == "multi_thread" => Ok(true),
        _ => Err(wants(option, wanted)),
    }
}

fn threads(option: &MetaNameValue) -> Result<usize, Error> {
    let Lit::Int(threads) = literal(option, "a number")? else {
        return Err(wants(option, "a number"));
    };
    match threads.base10_parse()? {
        0 => Err(wants(option, "at least 1")),
        threads => Ok(threads),
    }
}

fn literal<'a>(option: &'a MetaNameValue, wanted: &str) -> Result<&'a Lit, Error> {
    match &option.value {
        Expr::Lit(ExprLit { lit, .. }) => Ok(lit),
        _ => Err(wants(option, wanted)),
    }
}

fn wants(option: &MetaNameValue, wanted: &str) -> Error {
    let name = option.path.get_ident().map(ToString::to_string);
    let message = format!("`{}` wants {wanted}", name.unwrap_or_default());
    Error::new(option.value.span(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(options: &str, item: &str, expected: &str) {
        let options = options.parse().unwrap();
        let found = try_expand(options, item.parse().unwrap());
        assert_eq!(found.unwrap_err().to_string(), expected);
    }

    #[track_caller]
    fn refused(options: &str, expected: &str) {
        check(options, "async fn t(app: TestApp) {}", expected);
    }

    #[track_caller]
    fn accepted(options: &str, expected: &str) {
        let parsed: Options = syn::parse_str(options).unwrap();
        let calls: String = parsed.0.iter().map(ToString::to_string).collect();
        assert_eq!(calls.replace(' ', ""), expected);
    }

    #[test]
    fn options_become_calls() {
        accepted("", "");
        accepted(
            "start = \"2026-01-01T00:00:00Z\",",
            ".start(\"2026-01-01T00:00:00Z\")",
        );
        accepted("seed = 7", ".seed(7u64)");
        accepted("flavor = \"current_thread\"", "");
        accepted("flavor = \"multi_thread\"", ".multi_thread()");
        accepted(
            "worker_threads = 4, flavor = \"multi_thread\"",
            ".worker_threads(4usize)",
        );
    }

    #[test]
    fn wrong_options_are_refused_with_what_is_wanted() {
        let known = "unknown option; there are `start`, `flavor`, `worker_threads`, `seed`";
        refused("begin = 1", known);
        refused("seed = 1, seed = 2", "`seed` is written twice");
        refused("seed = \"x\"", "`seed` wants a number");
        refused(
            "start = 1",
            "`start` wants a text like \"2026-03-28T00:00:00Z\"",
        );
        let flavors = "`flavor` wants \"current_thread\" or \"multi_thread\"";
        refused("flavor = \"local\"", flavors);
        refused("flavor = multi_thread", flavors);
        let alone = "`worker_threads` needs `flavor = \"multi_thread\"`";
        refused("worker_threads = 2", alone);
        refused(
            "flavor = \"multi_thread\", worker_threads = 0",
            "`worker_threads` wants at least 1",
        );
    }

    #[test]
    fn what_is_no_test_is_refused() {
        check("", "fn t() {}", "a test on virtual time is an `async fn`");
        check("", "async fn t<T>() {}", "a test has no generics");
        let inputs = "a test takes a `TestApp`, or nothing";
        check("", "async fn t(a: TestApp, b: u8) {}", inputs);
    }
}

//! The options of a job, checked, as the items of its trait.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Error, LitStr, Member, Meta, Token};

use super::keys;
use super::read::{
    KIND_BYTES_MAX, QUEUE_BYTES_MAX, duration, flag, name, number, path, plain_name, text, texts,
};

/// What may be written in the attribute.
const OPTIONS: &str = "`kind`, `aliases`, `queue`, `priority`, `max_attempts`, `backoff`, \
                       `jitter`, `timeout`, `unique`, `gate`, `version`, `upgrade`";

/// The items of the trait.
#[derive(Default)]
pub(super) struct Options {
    kind: Option<LitStr>,
    aliases: Vec<LitStr>,
    version: Option<u16>,
    /// Statements about the mutable `options`.
    settings: Vec<TokenStream>,
    /// Whole methods.
    methods: Vec<TokenStream>,
}

impl Options {
    pub(super) fn read(input: &DeriveInput, fields: &[Member]) -> Result<Self, Error> {
        let mut options = Self::default();
        let (mut seen, mut upgrade) = (Vec::new(), None);
        for attribute in &input.attrs {
            if !attribute.path().is_ident("job") {
                continue;
            }
            let written =
                attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
            for option in &written {
                let name = name(option, &mut seen)?;
                if name == "upgrade" {
                    upgrade = Some(option.path().span());
                }
                options.set(&name, option, fields)?;
            }
        }
        let Some(kind) = &options.kind else {
            let message = "a job needs a kind: `#[job(kind = \"welcome-mail\")]`";
            return Err(Error::new(input.ident.span(), message));
        };
        let mut names = vec![kind.value()];
        for alias in &options.aliases {
            if names.contains(&alias.value()) {
                let message = format!("{:?} names this kind already", alias.value());
                return Err(Error::new(alias.span(), message));
            }
            names.push(alias.value());
        }
        match upgrade {
            Some(place) if options.version.is_none_or(|version| version < 2) => {
                Err(Error::new(place, "`upgrade` needs `version = 2` or more"))
            }
            _ => Ok(options),
        }
    }

    fn set(&mut self, name: &str, option: &Meta, fields: &[Member]) -> Result<(), Error> {
        match name {
            "kind" => {
                let kind = text(option)?;
                plain_name("kind", &kind, KIND_BYTES_MAX)?;
                self.kind = Some(kind);
            }
            "aliases" => {
                self.aliases = texts(option)?;
                let mut aliases = self.aliases.iter();
                aliases.try_for_each(|alias| plain_name("kind", alias, KIND_BYTES_MAX))?;
            }
            "queue" => {
                let queue = text(option)?;
                plain_name("queue", &queue, QUEUE_BYTES_MAX)?;
                self.settings.push(quote!(options.queue = #queue;));
            }
            "priority" => {
                let priority = priority(&text(option)?)?;
                self.settings.push(quote!(options.priority = #priority;));
            }
            "max_attempts" => {
                let attempts = number(option, u32::MAX)?;
                self.settings
                    .push(quote!(options.retry.max_attempts = #attempts;));
            }
            "backoff" => self.settings.push(backoff(&text(option)?)?),
            "jitter" => {
                let jitter = flag(option)?;
                self.settings.push(quote!(options.retry.jitter = #jitter;));
            }
            "timeout" => {
                let timeout = timeout(&text(option)?)?;
                self.settings.push(quote!(options.timeout = #timeout;));
            }
            "unique" => self.methods.push(keys::unique(option, fields)?),
            "gate" => self.methods.push(keys::gate(option, fields)?),
            "version" => {
                let version = number(option, u32::from(u16::MAX))?;
                self.version = u16::try_from(version).ok();
            }
            "upgrade" => self.methods.push(upgrade(&path(option)?)),
            _ => {
                let message = format!("unknown option; there are {OPTIONS}");
                return Err(Error::new(option.path().span(), message));
            }
        }
        Ok(())
    }
}

impl quote::ToTokens for Options {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let kind = &self.kind;
        tokens.extend(quote!(const KIND: &'static ::core::primitive::str = #kind;));
        if !self.aliases.is_empty() {
            let aliases = &self.aliases;
            tokens.extend(quote! {
                const ALIASES: &'static [&'static ::core::primitive::str] = &[#(#aliases),*];
            });
        }
        if let Some(version) = self.version {
            tokens.extend(quote!(const VERSION: ::core::primitive::u16 = #version;));
        }
        if !self.settings.is_empty() {
            let settings = &self.settings;
            tokens.extend(quote! {
                fn options() -> ::mainspring::job::JobOptions {
                    let mut options = ::mainspring::job::JobOptions::default();
                    #(#settings)*
                    options
                }
            });
        }
        self.methods
            .iter()
            .for_each(|method| method.to_tokens(tokens));
    }
}

fn priority(text: &LitStr) -> Result<TokenStream, Error> {
    let level = match text.value().as_str() {
        "low" => quote!(Low),
        "normal" => quote!(Normal),
        "high" => quote!(High),
        "urgent" => quote!(Urgent),
        other => {
            let known = "\"low\", \"normal\", \"high\" and \"urgent\"";
            let message = format!("{other:?} is no priority; there are {known}");
            return Err(Error::new(text.span(), message));
        }
    };
    Ok(quote!(::mainspring::job::Priority::#level))
}

/// `exponential 1s cap 1h`, `linear 5s`, `fixed 30s`.
fn backoff(text: &LitStr) -> Result<TokenStream, Error> {
    let written = text.value();
    let words: Vec<&str> = written.split(' ').collect();
    let wrong = || {
        let message = format!(
            "{written:?} is no backoff: write one such as \"exponential 1s cap 1h\", \"linear \
             5s\" or \"fixed 30s\""
        );
        Error::new(text.span(), message)
    };
    let (curve, step, cap) = match words.as_slice() {
        [curve, step] => (*curve, *step, None),
        [curve @ ("exponential" | "linear"), step, "cap", cap] => (*curve, *step, Some(*cap)),
        _ => return Err(wrong()),
    };
    let curve = match curve {
        "exponential" => quote!(Exponential),
        "linear" => quote!(Linear),
        "fixed" => quote!(Fixed),
        _ => return Err(wrong()),
    };
    let step = duration(step, text.span())?;
    let cap = cap.map(|cap| duration(cap, text.span())).transpose()?;
    let cap = cap.map(|cap| quote!(options.retry.cap = #cap;));
    Ok(quote! {
        options.retry.backoff = ::mainspring::job::Backoff::#curve(#step);
        #cap
    })
}

fn timeout(text: &LitStr) -> Result<TokenStream, Error> {
    let written = text.value();
    if written == "none" {
        return Ok(quote!(::core::option::Option::None));
    }
    let timeout = duration(&written, text.span())?;
    if super::duration::nanos(&written) == Some(0) {
        let message = "a timeout of zero lets nothing run; \"none\" is no limit";
        return Err(Error::new(text.span(), message));
    }
    Ok(quote!(::core::option::Option::Some(#timeout)))
}

fn upgrade(path: &syn::Path) -> TokenStream {
    quote! {
        fn upgrade(
            version: ::core::primitive::u16,
            payload: ::mainspring::job::Value,
        ) -> ::core::result::Result<Self, ::mainspring::BoxError> {
            #path(version, payload).map_err(::core::convert::Into::into)
        }
    }
}

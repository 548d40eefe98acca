//! The derive of a job: what its attribute says becomes the methods of its trait.

mod duration;
mod keys;
mod options;
mod read;

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Fields, Member};

use options::Options;

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    try_expand(item).unwrap_or_else(Error::into_compile_error)
}

fn try_expand(item: TokenStream) -> Result<TokenStream, Error> {
    let input: DeriveInput = syn::parse2(item)?;
    if let Some(generic) = input.generics.params.first() {
        let message = "a job has no generics: its kind names one type";
        return Err(Error::new(generic.span(), message));
    }
    let fields = members(&input)?;
    let options = Options::read(&input, &fields)?;
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::mainspring::job::Job for #name {
            #options
        }
    })
}

/// The fields that keys may be made of; an enum has none.
fn members(input: &DeriveInput) -> Result<Vec<Member>, Error> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Unit => Ok(Vec::new()),
            fields => Ok(fields.members().collect()),
        },
        Data::Enum(_) => Ok(Vec::new()),
        Data::Union(data) => {
            let message = "a job is a struct or an enum";
            Err(Error::new(data.union_token.span, message))
        }
    }
}

#[cfg(test)]
mod tests;

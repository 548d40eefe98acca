//! Tokens as one line, the same however the source is laid out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The tokens without attributes, spaced about as rustfmt would.
pub(super) fn render(tokens: TokenStream) -> String {
    let mut words = Vec::new();
    flatten(tokens, &mut words);
    let mut line = String::new();
    let mut last = "";
    for (index, word) in words.iter().enumerate() {
        // What is left of a list that was broken over lines.
        let next = words.get(index + 1).map(String::as_str);
        let trailing = word == "," && matches!(next, None | Some(")" | "]" | ">" | "}"));
        if trailing {
            continue;
        }
        if !last.is_empty() && has_space(last, word) {
            line.push(' ');
        }
        line.push_str(word);
        last = word;
    }
    line
}

fn flatten(tokens: TokenStream, words: &mut Vec<String>) {
    let level: Vec<TokenTree> = tokens.into_iter().collect();
    let mut tail = level.as_slice();
    while let [first, rest @ ..] = tail {
        tail = rest;
        match (first, rest) {
            (TokenTree::Punct(hash), [TokenTree::Group(_), after @ ..])
                if hash.as_char() == '#' =>
            {
                tail = after;
            }
            (TokenTree::Punct(a), [TokenTree::Punct(b), after @ ..])
                if [(':', ':'), ('-', '>'), ('=', '>')].contains(&(a.as_char(), b.as_char())) =>
            {
                words.push(format!("{}{}", a.as_char(), b.as_char()));
                tail = after;
            }
            (TokenTree::Punct(quote), [name, after @ ..]) if quote.as_char() == '\'' => {
                words.push(format!("'{name}"));
                tail = after;
            }
            (TokenTree::Group(group), _) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                words.push(open.to_owned());
                flatten(group.stream(), words);
                words.push(close.to_owned());
                words.retain(|word| !word.is_empty());
            }
            (other, _) => words.push(other.to_string()),
        }
    }
}

fn has_space(last: &str, next: &str) -> bool {
    let is_name = last.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    match (last, next) {
        ("::" | "(" | "[" | "<" | "&" | "*" | "?" | ".", _) => false,
        (_, "," | ";" | ":" | ")" | "]" | ">" | ".") => false,
        (_, "::" | "!") => !is_name && last != ">",
        (_, "<") => !is_name,
        (_, "(") => !is_name && last != ">" && last != "!",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_and_attributes_make_no_difference() {
        for line in [
            "pub fn a<'a, T: Into<Vec<u8>>>(&'a mut self, b: &[T; 3]) -> Result<(), T::Error>",
            "pub type A = Box<dyn Fn(&str) -> u8 + Send + 'static>",
            "pub trait A: ?Sized where Self: for<'a> B<'a>",
            "pub use a::{ b as c, d }",
            "pub fn a(f: *const u8) -> !",
        ] {
            let wide: String = line.replace(' ', " \n  ");
            assert_eq!(render(wide.parse().unwrap()), line);
        }
        let text = "/// Text.\npub fn a(\n  #[b] c: u8,\n) where T: U,";
        assert_eq!(render(text.parse().unwrap()), "pub fn a(c: u8) where T: U");
    }
}

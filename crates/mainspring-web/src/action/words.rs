//! What is wrong with input, in words for people who do not read Rust.

/// Where nothing more can be said than that none of several forms was met.
const NO_FORM: &str = "has none of the forms that are taken here";

/// Turns a message of `serde` into words that follow the field's name; one of a type's own stays as
/// it is.
pub(super) fn plain(message: &str) -> String {
    if let Some((found, expected)) = split(message, "invalid type: ") {
        if let (true, Some(range)) = (is_huge(found), range(expected)) {
            return format!("must be {range}, not {}", given(found));
        }
        return format!("must be {}, not {}", kind(expected), given(found));
    }
    if let Some((found, expected)) = split(message, "invalid value: ") {
        let expected = range(expected).unwrap_or_else(|| kind(expected));
        return format!("must be {expected}, not {}", given(found));
    }
    if let Some((length, expected)) = split(message, "invalid length ") {
        return format!("must be {}, not a list of {length}", kind(expected));
    }
    if let Some((found, expected)) = split(message, "unknown variant ") {
        return format!("must be {expected}, not {found}");
    }
    match message {
        "expected value" => NO_FORM.to_owned(),
        "recursion limit exceeded" => "nests too deep".to_owned(),
        _ if message.starts_with("data did not match any variant of untagged enum ") => {
            NO_FORM.to_owned()
        }
        _ => message.to_owned(),
    }
}

/// What was found and what was expected. The first may be any text of the client's, so the last
/// comma decides.
fn split<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    message.strip_prefix(prefix)?.rsplit_once(", expected ")
}

/// Whether this is a number that may be whole and only has too many digits to be read as such.
fn is_huge(found: &str) -> bool {
    let number = found.strip_prefix("floating point ");
    number.is_some_and(|number| number.contains("e+"))
}

fn given(found: &str) -> String {
    match found {
        "sequence" => return "a list".to_owned(),
        "map" => return "an object".to_owned(),
        "unit value" => return "null".to_owned(),
        _ => {}
    }
    if found.starts_with("string ") {
        return format!("the {found}");
    }
    for name in ["integer `", "floating point `", "boolean `"] {
        if let Some(value) = found.strip_prefix(name) {
            return value.trim_end_matches('`').to_owned();
        }
    }
    found.to_owned()
}

/// A kind of value as JSON has it.
fn kind(expected: &str) -> String {
    if range(expected).is_some() {
        return "a whole number".to_owned();
    }
    if let Some(count) = list_of(expected) {
        return format!("a list of {count}");
    }
    let known = match expected {
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a character" => "a single character",
        "a borrowed string" | "path string" => "a string",
        "variant identifier" | "field identifier" => "a name",
        "unit" => "null",
        "option" => "a value or null",
        "string or map" => "a string or an object",
        _ => match expected.split(' ').next().unwrap_or_default() {
            "struct" | "internally" | "adjacently" | "map" => "an object",
            "tuple" | "sequence" => "a list",
            "enum" => "one of its forms",
            "newtype" => "a value",
            "unit" => "null",
            _ => expected,
        },
    };
    match known {
        "a map" => "an object",
        "a sequence" => "a list",
        known => known,
    }
    .to_owned()
}

/// How many values a list must have, if the text says so.
fn list_of(expected: &str) -> Option<&str> {
    let sized = ["a tuple of size ", "an array of length "];
    if let Some(count) = sized.iter().find_map(|it| expected.strip_prefix(it)) {
        return Some(count);
    }
    let (what, count) = expected.rsplit_once(" with ")?;
    let count = count
        .strip_suffix(" elements")
        .or(count.strip_suffix(" element"))?;
    what.starts_with("tuple ").then_some(count)
}

/// The whole numbers that a type of Rust holds.
fn range(expected: &str) -> Option<String> {
    macro_rules! ranges {
        ($($name:ident)*) => {
            match expected.trim_start_matches("a nonzero ") {
                $(stringify!($name) => ($name::MIN.to_string(), $name::MAX.to_string()),)*
                _ => return None,
            }
        };
    }
    let (min, max) = ranges!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
    let but = match expected.starts_with("a nonzero ") {
        true => " but not 0",
        false => "",
    };
    Some(format!("a whole number from {min} to {max}{but}"))
}

#[cfg(test)]
mod tests {
    #![expect(
        dead_code,
        reason = "nothing but the shape of these types is looked at"
    )]

    use std::collections::BTreeMap;
    use std::num::NonZeroU8;

    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Green,
    }

    #[derive(Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Plain { of: u8 },
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Flag(bool),
    }

    #[derive(Deserialize)]
    struct Pair(u8, u8);

    #[derive(Deserialize)]
    struct Register {
        name: String,
    }

    /// The words for reading this JSON as `T`.
    #[track_caller]
    fn check<T: DeserializeOwned>(json: &str, expected: &str) {
        let mut json = serde_json::Deserializer::from_str(json);
        let error = T::deserialize(&mut json).err().expect("it is refused");
        let text = error.to_string();
        let text = text
            .rsplit_once(" at line ")
            .map_or(&*text, |(text, _)| text);
        assert_eq!(plain(text), expected);
    }

    #[test]
    fn numbers() {
        check::<u64>("\"abc\"", "must be a whole number, not the string \"abc\"");
        check::<u32>("1.5", "must be a whole number, not 1.5");
        check::<u8>("-1", "must be a whole number from 0 to 255, not -1");
        check::<i16>(
            "40000",
            "must be a whole number from -32768 to 32767, not 40000",
        );
        check::<u8>("1e30", "must be a whole number from 0 to 255, not 1e+30");
        let not_zero = "must be a whole number from 0 to 255 but not 0, not 0";
        check::<NonZeroU8>("0", not_zero);
        check::<f64>("true", "must be a number, not true");
        check::<u8>("null", "must be a whole number, not null");
    }

    #[test]
    fn texts_lists_and_objects() {
        check::<Register>("5", "must be an object, not 5");
        check::<Register>("\"x\"", "must be an object, not the string \"x\"");
        check::<BTreeMap<String, u8>>("[]", "must be an object, not a list");
        check::<Vec<u8>>("{}", "must be a list, not an object");
        check::<(u8, u8)>("[1]", "must be a list of 2, not a list of 1");
        check::<[u8; 3]>("[1, 2]", "must be a list of 3, not a list of 2");
        check::<Pair>("[1]", "must be a list of 2, not a list of 1");
        check::<Register>("[]", "must be an object, not a list of 0");
        check::<Pair>("{}", "must be a list, not an object");
        check::<String>("{}", "must be a string, not an object");
        check::<bool>("1", "must be true or false, not 1");
        check::<char>(
            "\"ab\"",
            "must be a single character, not the string \"ab\"",
        );
        check::<()>("1", "must be null, not 1");
    }

    #[test]
    fn names_and_forms() {
        check::<Colour>("\"blue\"", "must be `red` or `green`, not `blue`");
        check::<Colour>("5", NO_FORM);
        check::<Tagged>("5", "must be an object, not 5");
        check::<Tagged>("{\"kind\":1}", "must be a name, not 1");
        check::<Either>("5", NO_FORM);
    }

    #[test]
    fn what_a_client_wrote_cannot_take_the_place_of_what_is_wanted() {
        let json = r#"", expected u8""#;
        check::<bool>(
            json,
            "must be true or false, not the string \", expected u8\"",
        );
        check::<std::net::IpAddr>("\"x\"", "invalid IP address syntax");
    }
}

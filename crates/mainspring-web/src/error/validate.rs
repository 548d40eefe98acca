//! Input that can say what is wrong with itself.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::Invalid;

/// Input that can say what is wrong with itself: called for every action before its
/// [`call`](crate::action::Action::call), after the input was read.
///
/// Input without rules needs one line, `impl Validate for Rename {}`. Plain values have no rules;
/// lists, maps, options and tuples ask what is in them.
///
/// ```
/// use mainspring_web::error::{Invalid, Validate};
///
/// struct Register { email: String }
///
/// impl Validate for Register {
///     fn validate(&self) -> Result<(), Invalid> {
///         Invalid::new()
///             .check("email", self.email.contains('@'), "is not an e-mail address")
///             .into_result()
///     }
/// }
/// let invalid = vec![Register { email: "ada".into() }].validate().unwrap_err();
/// assert_eq!(invalid.fields()[0].field, "[0].email");
/// ```
///
/// With the feature `garde` its rules serve as well:
///
#[cfg_attr(feature = "garde", doc = "```")]
#[cfg_attr(not(feature = "garde"), doc = "```ignore")]
/// use mainspring_web::error::{Invalid, Validate};
///
/// #[derive(garde::Validate)]
/// struct Register {
///     #[garde(length(min = 3))]
///     name: String,
/// }
///
/// impl Validate for Register {
///     fn validate(&self) -> Result<(), Invalid> {
///         garde::Validate::validate(self)?;
///         Ok(())
///     }
/// }
/// let invalid = Validate::validate(&Register { name: "a".into() }).unwrap_err();
/// assert_eq!(invalid.fields()[0].field, "name");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say whether it is valid",
    label = "`Validate` is needed for an action's input",
    note = "write `impl Validate for {Self} {{}}` if it has no rules"
)]
pub trait Validate {
    /// Checks the input.
    ///
    /// # Errors
    /// Names the fields that are not acceptable; the client gets them as a 422.
    fn validate(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

macro_rules! no_rules {
    ($($type:ty),*) => {
        $(impl Validate for $type {})*
    };
}

no_rules!((), String, str, bool, char, f32, f64, serde_json::Value);
no_rules!(
    u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize
);

impl<T: Validate> Validate for Option<T> {
    fn validate(&self) -> Result<(), Invalid> {
        self.as_ref().map_or(Ok(()), Validate::validate)
    }
}

impl<T: Validate + ?Sized> Validate for Box<T> {
    fn validate(&self) -> Result<(), Invalid> {
        (**self).validate()
    }
}

impl<T: Validate> Validate for [T] {
    fn validate(&self) -> Result<(), Invalid> {
        let mut all = Invalid::new();
        for (index, value) in self.iter().enumerate() {
            all = all.nested(format_args!("[{index}]"), value);
            if all.is_full() {
                break;
            }
        }
        all.into_result()
    }
}

impl<T: Validate> Validate for Vec<T> {
    fn validate(&self) -> Result<(), Invalid> {
        self.as_slice().validate()
    }
}

impl<K: Display, V: Validate> Validate for BTreeMap<K, V> {
    fn validate(&self) -> Result<(), Invalid> {
        let mut all = Invalid::new();
        for (key, value) in self {
            all = all.nested(key, value);
            if all.is_full() {
                break;
            }
        }
        all.into_result()
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),*) => {
        impl<$($name: Validate),*> Validate for ($($name,)*) {
            fn validate(&self) -> Result<(), Invalid> {
                let all = Invalid::new();
                $(let all = all.nested(concat!("[", $index, "]"), &self.$index);)*
                all.into_result()
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FIELDS_MAX;
    use crate::text::TEXT_BYTES_MAX;

    struct Name(&'static str);

    impl Validate for Name {
        fn validate(&self) -> Result<(), Invalid> {
            let named = !self.0.is_empty();
            Invalid::new()
                .check("name", named, "is empty")
                .into_result()
        }
    }

    fn paths(value: &impl Validate) -> Vec<String> {
        let invalid = value.validate().expect_err("something is wrong");
        let fields = invalid.fields().iter();
        fields.map(|error| error.field.clone()).collect()
    }

    #[test]
    fn what_is_inside_is_asked_and_named_by_its_path() {
        assert_eq!(paths(&Some(Name(""))), ["name"]);
        assert_eq!(paths(&Box::new(Name(""))), ["name"]);
        assert_eq!(paths(&vec![Name("a"), Name("")]), ["[1].name"]);
        assert_eq!(paths(&(1_u8, Name(""))), ["[1].name"]);
        let map = BTreeMap::from([("first", vec![Name("a")]), ("second", vec![Name("")])]);
        assert_eq!(paths(&map), ["second[0].name"]);
        assert!(None::<Name>.validate().is_ok());
        assert!((vec![Name("a")], "text".to_owned()).validate().is_ok());
    }

    #[test]
    fn answers_are_bounded() {
        let many: Vec<_> = (0..1000).map(|_| Name("")).collect();
        assert_eq!(paths(&many).len(), FIELDS_MAX);
        let map = BTreeMap::from([("x".repeat(10_000), Name(""))]);
        assert!(paths(&map).iter().all(|path| path.len() <= TEXT_BYTES_MAX));
    }
}

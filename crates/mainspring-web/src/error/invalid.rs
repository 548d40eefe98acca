//! Input that was understood and is not acceptable, field by field.

use std::fmt;

use http::StatusCode;

use super::ActionError;

/// How many fields one answer names: enough for any form, and bounded for hostile input.
pub const FIELDS_MAX: usize = 64;

/// Input that can say what is wrong with itself.
///
/// An action whose input needs it calls it in its hook,
/// [`Action::validate`](crate::action::Action::validate); input without rules needs nothing.
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
/// assert!(Register { email: "ada".into() }.validate().is_err());
/// ```
pub trait Validate {
    /// Checks the input.
    ///
    /// # Errors
    /// Names the fields that are not acceptable; the client gets them as a 422.
    fn validate(&self) -> Result<(), Invalid>;
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct FieldError {
    /// The field's path in the input, such as `items[2].name`.
    pub field: String,
    /// What is wrong, as words that follow the field's name.
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// The fields of an input that are not acceptable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalid {
    fields: Vec<FieldError>,
}

impl Invalid {
    /// Nothing is wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what is wrong with a field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, message: impl Into<String>) -> Self {
        if self.fields.len() < FIELDS_MAX {
            self.fields.push(FieldError::new(field, message));
        }
        self
    }

    /// Says what is wrong with a field unless `holds`.
    #[must_use]
    pub fn check(self, field: &str, holds: bool, message: &str) -> Self {
        match holds {
            true => self,
            false => self.field(field, message),
        }
    }

    /// Everything that is wrong.
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// `Ok` if nothing is wrong.
    ///
    /// # Errors
    /// Itself, if anything is.
    pub fn into_result(self) -> Result<(), Self> {
        match self.fields.is_empty() {
            true => Ok(()),
            false => Err(self),
        }
    }

    pub(super) fn into_error(self) -> ActionError {
        let text = "some fields are not valid";
        ActionError::shown(StatusCode::UNPROCESSABLE_ENTITY, text).with_fields(self.fields)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for FieldError { field, message } in &self.fields {
            write!(f, "{separator}{field} {message}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

//! Input that was understood and is not acceptable, field by field.

use std::fmt::{self, Display};

use http::StatusCode;

use super::{ActionError, Validate};
use crate::text::{TEXT_BYTES_MAX, cut};

/// How many fields one answer names: enough for any form, and bounded for hostile input.
pub const FIELDS_MAX: usize = 64;

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

    /// Says what is wrong inside a field, with the field's name before each path.
    ///
    /// ```
    /// use mainspring_web::error::{Invalid, Validate};
    ///
    /// struct Line { amount: u32 }
    ///
    /// impl Validate for Line {
    ///     fn validate(&self) -> Result<(), Invalid> {
    ///         Invalid::new().check("amount", self.amount > 0, "must not be 0").into_result()
    ///     }
    /// }
    /// let lines = vec![Line { amount: 0 }];
    /// let invalid = Invalid::new().nested("lines", &lines);
    /// assert_eq!(invalid.fields()[0].field, "lines[0].amount");
    /// ```
    #[must_use]
    pub fn nested(self, field: impl Display, value: &(impl Validate + ?Sized)) -> Self {
        match value.validate() {
            Ok(()) => self,
            Err(inner) => self.within(&field, inner),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.fields.len() >= FIELDS_MAX
    }

    fn within(self, prefix: &dyn Display, inner: Self) -> Self {
        inner.fields.into_iter().fold(self, |all, error| {
            let FieldError { field, message } = error;
            let dot = match field.is_empty() || field.starts_with('[') {
                true => "",
                false => ".",
            };
            // A prefix may be a key that the client chose.
            let path = cut(format!("{prefix}{dot}{field}"), TEXT_BYTES_MAX);
            all.field(path, message)
        })
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

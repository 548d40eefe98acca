//! Validation by `garde`.

use super::Invalid;

/// What `garde` found wrong, field by field; see [`Validate`](super::Validate) for an input that
/// uses it.
///
/// ```
/// use garde::Validate;
/// use mainspring_web::error::Invalid;
///
/// #[derive(Validate)]
/// struct Register {
///     #[garde(length(min = 3))]
///     name: String,
/// }
///
/// fn check(input: &Register) -> Result<(), Invalid> {
///     Ok(input.validate()?)
/// }
/// let invalid = check(&Register { name: "a".into() }).unwrap_err();
/// assert_eq!(invalid.fields()[0].field, "name");
/// ```
impl From<garde::Report> for Invalid {
    fn from(report: garde::Report) -> Self {
        let found = report.iter();
        found.fold(Self::new(), |invalid, (path, error)| {
            invalid.field(path.to_string(), error.message())
        })
    }
}

//! mainspring-macros.

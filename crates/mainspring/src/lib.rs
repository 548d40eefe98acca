//! mainspring.

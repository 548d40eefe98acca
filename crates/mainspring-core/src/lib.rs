//! mainspring-core.

//! mainspring-runtime.

//! mainspring-test.

//! The tests of the SQLite store.

mod support;
mod work;

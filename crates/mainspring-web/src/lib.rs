//! mainspring-web.

//! The integration tests of mainspring-runtime, in one binary.

mod rig;
mod smoke;

//! The integration tests of mainspring-core, in one binary.

mod clock_c1_c17;
mod context;
mod idle_rule;
mod idle_stress;
mod rig;
mod spans;
mod spawn;
mod supervise;

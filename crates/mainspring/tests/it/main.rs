//! The test kit, used as its users do: through the facade.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests show what becomes of plain tasks, threads and sockets"
)]

mod a_week;
mod adopters;
mod attribute;
mod calls;
mod ends;
mod follow_ups;
mod health;
mod jobs_derive;
mod jobs_follow_up;
mod jobs_kit;
mod jobs_trace;
mod jobs_trigger;
mod jobs_url;
mod jobs_year;
mod leaks;
mod logs;
mod periodic;
mod refused;
mod requests;
mod rig;
mod starts;
mod time;
mod two_apps;
mod year;

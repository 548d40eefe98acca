//! The test kit, used as its users do: through the facade.

mod a_week;
mod attribute;
mod calls;
mod ends;
mod follow_ups;
mod health;
mod leaks;
mod logs;
mod periodic;
mod requests;
mod rig;
mod starts;
mod time;
mod two_apps;
mod year;

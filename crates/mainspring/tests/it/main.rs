//! The test kit, used as its users do: through the facade.

mod a_week;
mod attribute;
mod ends;
mod health;
mod leaks;
mod logs;
mod periodic;
mod rig;
mod starts;
mod time;
mod two_apps;
mod year;

//! Tests of the machine: scenarios on a scripted shell, every transition, random events.

mod random;
mod scenarios;
mod shell;
mod starting;
mod stopping;
mod transitions;

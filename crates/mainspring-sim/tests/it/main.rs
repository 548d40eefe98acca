//! The memory store passes the suite; the random operations find a broken twin.

mod differential;
mod memory;

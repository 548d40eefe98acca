//! Who may ask, how often, and from where.

mod client;
mod origin;
mod rate;

pub(crate) use client::{Block, Proxies};
pub(crate) use origin::is_cross_site;
pub(crate) use rate::{Key, Quota, RateLimiter};

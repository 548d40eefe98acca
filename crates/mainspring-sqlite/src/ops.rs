//! What a store does, each in one transaction of the writer.

pub(crate) mod claim;
pub(crate) mod detail;
pub(crate) mod enqueue;
pub(crate) mod finish;
pub(crate) mod gate;
pub(crate) mod limit;
pub(crate) mod operate;
pub(crate) mod promote;
pub(crate) mod read;
pub(crate) mod rescue;
pub(crate) mod rest;
pub(crate) mod row;
pub(crate) mod unique;
pub(crate) mod wait;

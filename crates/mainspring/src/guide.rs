#![doc = include_str!("../../../docs/guides/README.md")]

#[doc = include_str!("../../../docs/guides/background-tasks.md")]
pub mod background_tasks {}

#[doc = include_str!("../../../docs/guides/actions.md")]
pub mod actions {}

#[doc = include_str!("../../../docs/guides/jobs.md")]
pub mod jobs {}

#[doc = include_str!("../../../docs/guides/retries.md")]
pub mod retries {}

#[cfg(feature = "sqlite")]
#[doc = include_str!("../../../docs/guides/transactions.md")]
pub mod transactions {}

#[doc = include_str!("../../../docs/guides/schedules.md")]
pub mod schedules {}

#[doc = include_str!("../../../docs/guides/periodic.md")]
pub mod periodic {}

#[doc = include_str!("../../../docs/guides/testing.md")]
pub mod testing {}

#[doc = include_str!("../../../docs/guides/operating.md")]
pub mod operating {}

#[doc = include_str!("../../../docs/guides/operating-sqlite.md")]
pub mod operating_sqlite {}

#[doc = include_str!("../../../README.md")]
#[cfg(doctest)]
pub mod readme {}

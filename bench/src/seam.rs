//! Real time and processor time: what is measured here is the machine, not a clock of ours.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// When a measurement began.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    real: Instant,
    processor: Duration,
}

/// What a measurement took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// Real time.
    pub real: Duration,
    /// Processor time of every thread of this process.
    pub processor: Duration,
}

impl Begun {
    /// Begins a measurement.
    #[expect(
        clippy::disallowed_methods,
        reason = "a benchmark measures real time, whatever the clock under test says"
    )]
    #[must_use]
    pub fn now() -> Self {
        Self {
            real: Instant::now(),
            processor: processor(),
        }
    }

    /// What has passed since then.
    #[must_use]
    pub fn took(self) -> Took {
        let now = Self::now();
        Took {
            real: now.real.saturating_duration_since(self.real),
            processor: now.processor.saturating_sub(self.processor),
        }
    }
}

/// The processor time that all threads of this process have used.
#[must_use]
pub fn processor() -> Duration {
    of(ClockId::ProcessCPUTime)
}

/// The machine's monotonic time, the same in every process.
#[must_use]
pub fn now() -> Duration {
    of(ClockId::Monotonic)
}

fn of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

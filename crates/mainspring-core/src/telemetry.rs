//! Names of everything Mainspring tells the outside: spans, events, metrics, fields.
//!
//! Telemetry is API. A name here is written into dashboards and alerts, so it changes only with a
//! line in the changelog. `docs/telemetry.md` lists every name once; the tests compare the two.
//!
//! The constants fit the `tracing` macros:
//!
//! ```
//! use mainspring_core::telemetry::{event, span};
//!
//! let name = "purge-sessions";
//! let run = tracing::info_span!(parent: None, span::PERIODIC, work = name);
//! let _inside = run.enter();
//! tracing::error!(name: event::PERIODIC_FAILED, error = "disk full", "the run failed");
//! ```

/// Metrics, named as a scrape shows them: counters end in `_total`, times in `_seconds`.
pub mod metric {
    /// Spawned tasks that are alive. A gauge in tasks.
    pub const TASKS_RUNNING: &str = "mainspring_tasks_running";

    /// Spawned tasks that ended in a panic. A counter in tasks, labelled `task`.
    pub const TASK_PANICS: &str = "mainspring_task_panics_total";

    /// Spawned tasks started again by their policy after they ended badly. A counter in tasks,
    /// labelled `task`.
    pub const TASK_RESTARTS: &str = "mainspring_task_restarts_total";

    /// 1 for the state a component is in, 0 for every other state. A gauge, labelled `component`,
    /// `state`.
    pub const COMPONENT_STATE: &str = "mainspring_component_state";

    /// How long the last start of a component took. A gauge in seconds, labelled `component`.
    pub const COMPONENT_START_SECONDS: &str = "mainspring_component_start_seconds";

    /// How long the last stop of a component took. A gauge in seconds, labelled `component`.
    pub const COMPONENT_STOP_SECONDS: &str = "mainspring_component_stop_seconds";

    /// Action calls that ended, by how. A counter in calls, labelled `action`, `outcome`.
    pub const ACTIONS: &str = "mainspring_actions_total";

    /// Time from the start of an action's body to its end. A histogram in seconds, labelled
    /// `action`.
    pub const ACTION_DURATION: &str = "mainspring_action_duration_seconds";

    /// Actions whose body runs now. A gauge in calls.
    pub const ACTIONS_RUNNING: &str = "mainspring_actions_running";

    /// Trigger calls, by what became of them. A counter in calls, labelled `action`, `outcome`.
    pub const TRIGGERS: &str = "mainspring_triggers_total";

    /// Open connections of the main listener. A gauge in connections.
    pub const HTTP_CONNECTIONS: &str = "mainspring_http_connections";

    /// Follow-ups that ended or were dropped, by how. A counter in follow-ups, labelled
    /// `follow_up`, `outcome`.
    pub const FOLLOW_UPS: &str = "mainspring_follow_ups_total";

    /// Time from the start of a follow-up's body to its end. A histogram in seconds, labelled
    /// `follow_up`.
    pub const FOLLOW_UP_DURATION: &str = "mainspring_follow_up_duration_seconds";

    /// Follow-ups whose body runs now. A gauge in follow-ups.
    pub const FOLLOW_UPS_RUNNING: &str = "mainspring_follow_ups_running";

    /// Follow-ups accepted that have not started. A gauge in follow-ups.
    pub const FOLLOW_UPS_WAITING: &str = "mainspring_follow_ups_waiting";

    /// Runs of a periodic that ended or were skipped, by how. A counter in runs, labelled
    /// `periodic`, `outcome`.
    pub const PERIODIC_RUNS: &str = "mainspring_periodic_runs_total";

    /// Fires that passed without a run of their own. A counter in fires, labelled `periodic`.
    pub const PERIODIC_MISSED: &str = "mainspring_periodic_missed_total";

    /// Runs of a periodic in progress. A gauge in runs, labelled `periodic`.
    pub const PERIODIC_RUNNING: &str = "mainspring_periodic_running";

    /// When the last run of a periodic started, as Unix time. A gauge in seconds, labelled
    /// `periodic`.
    pub const PERIODIC_LAST_RUN: &str = "mainspring_periodic_last_run_timestamp_seconds";

    /// How long the last run of a periodic took. A gauge in seconds, labelled `periodic`.
    pub const PERIODIC_LAST_DURATION: &str = "mainspring_periodic_last_duration_seconds";

    /// When a periodic fires next, as Unix time. A gauge in seconds, labelled `periodic`.
    pub const PERIODIC_NEXT_FIRE: &str = "mainspring_periodic_next_fire_timestamp_seconds";

    /// Attempts of jobs that ended, by how. A counter in attempts, labelled `kind`, `outcome`.
    pub const JOBS: &str = "mainspring_jobs_total";

    /// Time from the start of an attempt's body to its end. A histogram in seconds, labelled
    /// `kind`.
    pub const JOB_DURATION: &str = "mainspring_job_duration_seconds";

    /// Jobs whose body runs now in this process. A gauge in jobs.
    pub const JOBS_RUNNING: &str = "mainspring_jobs_running";

    /// Jobs given back because the process that ran them was dead. A counter in jobs.
    pub const JOBS_RESCUED: &str = "mainspring_jobs_rescued_total";

    /// Jobs quarantined because they killed their process. A counter in jobs.
    pub const JOBS_QUARANTINED: &str = "mainspring_jobs_quarantined_total";

    /// Attempts that ended after their job had been given to somebody else: they changed nothing.
    /// A counter in attempts.
    pub const JOBS_FENCED: &str = "mainspring_jobs_fenced_total";

    /// Calls of the engine to its store that failed and are made again. A counter in calls.
    pub const STORE_FAILURES: &str = "mainspring_store_failures_total";

    /// Health probes that ended, by result. A counter in probes, labelled `probe`, `outcome`.
    pub const PROBES: &str = "mainspring_probes_total";

    /// Collectors left out of a scrape because they failed or panicked. A counter in collectors.
    pub const METRICS_COLLECTOR_FAILURES: &str = "mainspring_metrics_collector_failures_total";

    /// Every name in this module, in the order of the table in `docs/telemetry.md`.
    pub const ALL: &[&str] = &[
        TASKS_RUNNING,
        TASK_PANICS,
        TASK_RESTARTS,
        COMPONENT_STATE,
        COMPONENT_START_SECONDS,
        COMPONENT_STOP_SECONDS,
        ACTIONS,
        ACTION_DURATION,
        ACTIONS_RUNNING,
        TRIGGERS,
        HTTP_CONNECTIONS,
        FOLLOW_UPS,
        FOLLOW_UP_DURATION,
        FOLLOW_UPS_RUNNING,
        FOLLOW_UPS_WAITING,
        PERIODIC_RUNS,
        PERIODIC_MISSED,
        PERIODIC_RUNNING,
        PERIODIC_LAST_RUN,
        PERIODIC_LAST_DURATION,
        PERIODIC_NEXT_FIRE,
        JOBS,
        JOB_DURATION,
        JOBS_RUNNING,
        JOBS_RESCUED,
        JOBS_QUARANTINED,
        JOBS_FENCED,
        STORE_FAILURES,
        PROBES,
        METRICS_COLLECTOR_FAILURES,
    ];
}

/// Spans. Each carries [`WORK`](field::WORK); all are at level info.
pub mod span {
    /// Around a component's start. Fields: `work`, `request_id`, `trace_id`.
    pub const COMPONENT_START: &str = "component.start";

    /// Around a component's stop or a stop hook. Fields: `work`, `request_id`, `trace_id`.
    pub const COMPONENT_STOP: &str = "component.stop";

    /// Around an action's body, or a plain route under a request context. Fields: `work`,
    /// `request_id`, `trace_id`.
    pub const ACTION: &str = "action";

    /// Around a follow-up's body. Fields: `work`, `request_id`, `trace_id`.
    pub const FOLLOW_UP: &str = "follow_up";

    /// Around one run of a periodic. Fields: `work`, `request_id`, `trace_id`.
    pub const PERIODIC: &str = "periodic";

    /// Around one attempt of a job. Fields: `work`, `request_id`, `trace_id`.
    pub const JOB: &str = "job";

    /// Around a task spawned through a context. Fields: `work`, `request_id`, `trace_id`.
    pub const TASK: &str = "task";

    /// Around one health probe. Fields: `work`, `request_id`, `trace_id`.
    pub const PROBE: &str = "probe";

    /// Around work under a detached context. Fields: `work`, `request_id`, `trace_id`.
    pub const DETACHED: &str = "detached";

    /// Every name in this module, in the order of the table in `docs/telemetry.md`.
    pub const ALL: &[&str] = &[
        COMPONENT_START,
        COMPONENT_STOP,
        ACTION,
        FOLLOW_UP,
        PERIODIC,
        JOB,
        TASK,
        PROBE,
        DETACHED,
    ];
}

/// Events: the `event` key of a log line, given to the macros as `name:`.
pub mod event {
    /// The app has read its settings and begins to bind. Level info; fields: `app`.
    pub const APP_STARTING: &str = "app.starting";

    /// A listener is bound. Level info; fields: `app`, `listener`, `address`.
    pub const APP_LISTENING: &str = "app.listening";

    /// Everything has started; the app takes requests. Level info; fields: `app`, `took`.
    pub const APP_READY: &str = "app.ready";

    /// The start failed; what had started is stopped. Level error; fields: `app`, `component`
    /// (where one was at fault), `error`.
    pub const APP_START_FAILED: &str = "app.start_failed";

    /// The shutdown began, and why. Level info; fields: `app`, `cause`.
    pub const APP_STOPPING: &str = "app.stopping";

    /// The shutdown is complete. Level info; fields: `app`, `took`.
    pub const APP_STOPPED: &str = "app.stopped";

    /// The process is ended without waiting any longer. Level error; fields: `app`, `cause`.
    pub const APP_EXIT_FORCED: &str = "app.exit_forced";

    /// A component has started. Level info; fields: `component`, `took`.
    pub const COMPONENT_STARTED: &str = "component.started";

    /// A component's start returned an error, panicked or went over its limit. Level error;
    /// fields: `component`, `error`, `took`.
    pub const COMPONENT_START_FAILED: &str = "component.start_failed";

    /// A component has stopped. Level info; fields: `component`, `took`.
    pub const COMPONENT_STOPPED: &str = "component.stopped";

    /// A component's stop returned an error or panicked. Level error; fields: `component`,
    /// `error`, `took`.
    pub const COMPONENT_STOP_FAILED: &str = "component.stop_failed";

    /// A component ignored its limit and was left behind. Level error; fields: `component`,
    /// `took`.
    pub const COMPONENT_ABANDONED: &str = "component.abandoned";

    /// A spawned task panicked. Level error; fields: `task`, `error`.
    pub const TASK_PANICKED: &str = "task.panicked";

    /// A spawned task is started again by its policy. Level warn; fields: `task`, `delay`.
    pub const TASK_RESTARTED: &str = "task.restarted";

    /// An action ended in an error that the client is not told about. Level error; fields:
    /// `action`, `error`, `error_id`.
    pub const ACTION_FAILED: &str = "action.failed";

    /// An action took longer than its threshold. Level warn; fields: `action`, `took`.
    pub const ACTION_SLOW: &str = "action.slow";

    /// An action was cut off by its own limit. Level warn; fields: `action`, `took`.
    pub const ACTION_TIMED_OUT: &str = "action.timed_out";

    /// A trigger call was refused, with the reason that the caller is not told. Level warn;
    /// fields: `action`, `error`.
    pub const TRIGGER_REFUSED: &str = "trigger.refused";

    /// A follow-up was not accepted: too many wait, or the app is stopping. Level warn; fields:
    /// `follow_up`, `cause`.
    pub const FOLLOW_UP_DROPPED: &str = "follow_up.dropped";

    /// A follow-up returned an error. Level error; fields: `follow_up`, `error`, `took`.
    pub const FOLLOW_UP_FAILED: &str = "follow_up.failed";

    /// A follow-up panicked. Level error; fields: `follow_up`, `error`, `took`.
    pub const FOLLOW_UP_PANICKED: &str = "follow_up.panicked";

    /// A follow-up was cut off by its limit. Level warn; fields: `follow_up`, `cause`, `took`.
    pub const FOLLOW_UP_TIMED_OUT: &str = "follow_up.timed_out";

    /// A follow-up was cut off because the shutdown could not wait. Level warn; fields:
    /// `follow_up`.
    pub const FOLLOW_UP_CANCELLED: &str = "follow_up.cancelled";

    /// A run of a periodic returned an error. Level error; fields: `periodic`, `scheduled_for`,
    /// `error`, `took`.
    pub const PERIODIC_FAILED: &str = "periodic.failed";

    /// A run of a periodic panicked. Level error; fields: `periodic`, `scheduled_for`, `error`,
    /// `took`.
    pub const PERIODIC_PANICKED: &str = "periodic.panicked";

    /// A fire was skipped because the run before it is still going. Level debug; fields:
    /// `periodic`, `scheduled_for`.
    pub const PERIODIC_SKIPPED: &str = "periodic.skipped";

    /// Fires passed while the process could not run. Level warn; fields: `periodic`, `missed`.
    pub const PERIODIC_MISSED: &str = "periodic.missed";

    /// A job failed for good. Level error; fields: `kind`, `job`, `attempt`, `error`, `took`.
    pub const JOB_FAILED: &str = "job.failed";

    /// An attempt of a job failed, and another follows. Level warn; fields: `kind`, `job`,
    /// `attempt`, `error`, `took`.
    pub const JOB_RETRIED: &str = "job.retried";

    /// A running job was cancelled. Level info; fields: `kind`, `job`, `attempt`, `took`.
    pub const JOB_CANCELLED: &str = "job.cancelled";

    /// The end of an attempt came too late: the job belongs to somebody else by now. Level warn;
    /// fields: `job`.
    pub const JOB_FENCED: &str = "job.fenced";

    /// A job killed its process, alone, once too often, and waits for an operator. Level error;
    /// fields: `job`.
    pub const JOB_QUARANTINED: &str = "job.quarantined";

    /// Jobs of a kind wait that this process does not know; told once per kind. Level warn; fields:
    /// `kind`, `queue`, `jobs`.
    pub const JOB_KIND_UNKNOWN: &str = "job.kind_unknown";

    /// The engine works on its queues, with these settings. Level debug; fields: `session`,
    /// `settings`.
    pub const JOBS_STARTED: &str = "jobs.started";

    /// Running jobs were dropped because the shutdown could not wait; they run again later. Level
    /// warn; fields: `jobs`.
    pub const JOBS_CUT: &str = "jobs.cut";

    /// Another process is dead, and its jobs were given back. Level warn; fields: `session`,
    /// `jobs`.
    pub const SESSION_RESCUED: &str = "session.rescued";

    /// This process was taken for dead and begins anew; what it ran runs elsewhere. Level warn;
    /// fields: `session`.
    pub const SESSION_LOST: &str = "session.lost";

    /// A schedule has enqueued its job. Level debug; fields: `schedule`, `scheduled_for`.
    pub const SCHEDULE_FIRED: &str = "schedule.fired";

    /// Fires of a schedule passed without a job of their own. Level warn; fields: `schedule`,
    /// `missed`.
    pub const SCHEDULE_MISSED: &str = "schedule.missed";

    /// A schedule could not make its job; that fire is left out. Level error; fields: `schedule`,
    /// `scheduled_for`, `error`.
    pub const SCHEDULE_FAILED: &str = "schedule.failed";

    /// A call of the engine to its store failed and is made again. Level warn; fields: `call`,
    /// `error`.
    pub const STORE_FAILED: &str = "store.failed";

    /// Another connection holds the lock of the job database for long. Level warn; fields:
    /// `waiting`.
    pub const STORE_LOCKED: &str = "store.locked";

    /// A connection that enqueues loses its last commits in a power failure; told once per store.
    /// Level warn; fields: none.
    pub const STORE_COMMIT_WEAK: &str = "store.commit_weak";

    /// The disk of the job database is full; work goes on when there is room. Level error; fields:
    /// `error`.
    pub const STORE_FULL: &str = "store.full";

    /// The file by which this process shows that it lives was removed. Level warn; fields: none.
    pub const STORE_SESSION_REMOVED: &str = "store.session_removed";

    /// A thread of the store panicked. Level error; fields: none.
    pub const STORE_PANICKED: &str = "store.panicked";

    /// A health probe failed, panicked or went over its limit. Level warn; fields: `probe`,
    /// `error`, `took`.
    pub const PROBE_FAILED: &str = "probe.failed";

    /// A metrics collector failed or panicked and was left out of a scrape. Level warn; fields:
    /// none.
    pub const METRICS_COLLECTOR_FAILED: &str = "metrics.collector_failed";

    /// Log lines were lost because the output could not keep up or refused them. Level warn;
    /// fields: `dropped`.
    pub const LOGGER_LINES_DROPPED: &str = "logger.lines_dropped";

    /// Every name in this module, in the order of the table in `docs/telemetry.md`.
    pub const ALL: &[&str] = &[
        APP_STARTING,
        APP_LISTENING,
        APP_READY,
        APP_START_FAILED,
        APP_STOPPING,
        APP_STOPPED,
        APP_EXIT_FORCED,
        COMPONENT_STARTED,
        COMPONENT_START_FAILED,
        COMPONENT_STOPPED,
        COMPONENT_STOP_FAILED,
        COMPONENT_ABANDONED,
        TASK_PANICKED,
        TASK_RESTARTED,
        ACTION_FAILED,
        ACTION_SLOW,
        ACTION_TIMED_OUT,
        TRIGGER_REFUSED,
        FOLLOW_UP_DROPPED,
        FOLLOW_UP_FAILED,
        FOLLOW_UP_PANICKED,
        FOLLOW_UP_TIMED_OUT,
        FOLLOW_UP_CANCELLED,
        PERIODIC_FAILED,
        PERIODIC_PANICKED,
        PERIODIC_SKIPPED,
        PERIODIC_MISSED,
        JOB_FAILED,
        JOB_RETRIED,
        JOB_CANCELLED,
        JOB_FENCED,
        JOB_QUARANTINED,
        JOB_KIND_UNKNOWN,
        JOBS_STARTED,
        JOBS_CUT,
        SESSION_RESCUED,
        SESSION_LOST,
        SCHEDULE_FIRED,
        SCHEDULE_MISSED,
        SCHEDULE_FAILED,
        STORE_FAILED,
        STORE_LOCKED,
        STORE_COMMIT_WEAK,
        STORE_FULL,
        STORE_SESSION_REMOVED,
        STORE_PANICKED,
        PROBE_FAILED,
        METRICS_COLLECTOR_FAILED,
        LOGGER_LINES_DROPPED,
    ];
}

/// Fields of spans and events, and labels of metrics.
pub mod field {
    /// Name of an action.
    pub const ACTION: &str = "action";

    /// Socket address.
    pub const ADDRESS: &str = "address";

    /// Name of the app.
    pub const APP: &str = "app";

    /// Number of an attempt of a job, from 1.
    pub const ATTEMPT: &str = "attempt";

    /// What a store was asked.
    pub const CALL: &str = "call";

    /// Why something was cancelled, cut or stopped.
    pub const CAUSE: &str = "cause";

    /// Name of a component or hook.
    pub const COMPONENT: &str = "component";

    /// Time until something happens, in seconds.
    pub const DELAY: &str = "delay";

    /// How many were lost since the last such line.
    pub const DROPPED: &str = "dropped";

    /// An error with its sources, joined by a colon.
    pub const ERROR: &str = "error";

    /// The opaque id that the client was given for an error.
    pub const ERROR_ID: &str = "error_id";

    /// Name of a follow-up.
    pub const FOLLOW_UP: &str = "follow_up";

    /// Id of a job.
    pub const JOB: &str = "job";

    /// How many jobs.
    pub const JOBS: &str = "jobs";

    /// Kind of a job.
    pub const KIND: &str = "kind";

    /// Name of a listener.
    pub const LISTENER: &str = "listener";

    /// How many fires passed without a run.
    pub const MISSED: &str = "missed";

    /// How something ended; a fixed set of words per metric.
    pub const OUTCOME: &str = "outcome";

    /// Name of a periodic.
    pub const PERIODIC: &str = "periodic";

    /// Name of a health probe.
    pub const PROBE: &str = "probe";

    /// Name of a queue.
    pub const QUEUE: &str = "queue";

    /// Id of the request that this work belongs to.
    pub const REQUEST_ID: &str = "request_id";

    /// Id of the run that a trigger started.
    pub const RUN_ID: &str = "run_id";

    /// Name of a schedule.
    pub const SCHEDULE: &str = "schedule";

    /// The instant a schedule asked for, RFC 3339.
    pub const SCHEDULED_FOR: &str = "scheduled_for";

    /// Id of one process's life in a store.
    pub const SESSION: &str = "session";

    /// Settings as they are in effect.
    pub const SETTINGS: &str = "settings";

    /// State of a component.
    pub const STATE: &str = "state";

    /// Name of a spawned task.
    pub const TASK: &str = "task";

    /// How long something took, in seconds.
    pub const TOOK: &str = "took";

    /// W3C trace id, 32 hexadecimal digits.
    pub const TRACE_ID: &str = "trace_id";

    /// How many requests wait.
    pub const WAITING: &str = "waiting";

    /// Name of the unit of work that a line belongs to, whatever its kind.
    pub const WORK: &str = "work";

    /// Every name in this module, in the order of the table in `docs/telemetry.md`.
    pub const ALL: &[&str] = &[
        ACTION,
        ADDRESS,
        APP,
        ATTEMPT,
        CALL,
        CAUSE,
        COMPONENT,
        DELAY,
        DROPPED,
        ERROR,
        ERROR_ID,
        FOLLOW_UP,
        JOB,
        JOBS,
        KIND,
        LISTENER,
        MISSED,
        OUTCOME,
        PERIODIC,
        PROBE,
        QUEUE,
        REQUEST_ID,
        RUN_ID,
        SCHEDULE,
        SCHEDULED_FOR,
        SESSION,
        SETTINGS,
        STATE,
        TASK,
        TOOK,
        TRACE_ID,
        WAITING,
        WORK,
    ];
}

#[cfg(test)]
mod tests {
    use super::{event, field, metric, span};

    const SOURCE: &str = include_str!("telemetry.rs");
    const TABLE: &str = include_str!("../../../docs/telemetry.md");

    fn all() -> Vec<&'static str> {
        [metric::ALL, span::ALL, event::ALL, field::ALL].concat()
    }

    #[test]
    fn all_lists_every_constant() {
        let declared = SOURCE
            .lines()
            .filter(|l| l.starts_with("    pub const ") && l.contains(": &str"));
        assert_eq!(declared.count(), all().len());
    }

    #[test]
    fn the_table_lists_every_name_and_no_other() {
        let first_cells = TABLE
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(first_cells.collect::<Vec<_>>(), all());
    }

    #[test]
    fn names_follow_their_grammar() {
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        };
        assert!(
            metric::ALL
                .iter()
                .all(|name| word(name) && name.starts_with("mainspring_"))
        );
        assert!(field::ALL.iter().all(|name| word(name)));
        for name in [span::ALL, event::ALL].concat() {
            assert!(name.split('.').all(word), "{name}");
        }
    }

    #[test]
    fn no_name_twice() {
        for names in [metric::ALL, span::ALL, event::ALL, field::ALL] {
            let mut sorted = names.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), names.len());
        }
    }
}

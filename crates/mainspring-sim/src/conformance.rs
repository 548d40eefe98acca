//! The conformance suite: named cases over every method and rule of a store.
//!
//! A store's tests implement [`Fixture`] and call [`conformance!`](crate::conformance!), which
//! makes one test of each case.

#![expect(
    clippy::indexing_slicing,
    reason = "a case that gets another answer than it must fails by panicking"
)]

mod claim;
mod enqueue;
mod env;
mod finish;
mod gates;
mod listing;
mod operate;
mod schedule;
mod sessions;
mod transactions;
mod unique;

use std::fmt;
use std::sync::Arc;

pub use env::Env;

use mainspring_core::error::Error;
use mainspring_core::job::SessionId;
use mainspring_core::spawn::BoxFuture;
use mainspring_core::store::{Enqueued, Finish, NewJob, Reply, Store};
use mainspring_core::time::Timestamp;

/// Makes stores for the suite.
pub trait Fixture: Sync {
    /// A new empty store.
    fn open(&self) -> BoxFuture<'_, Box<dyn Subject>>;
}

/// A store under test, and what the suite must be able to do around it.
pub trait Subject: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Another handle on the same jobs, as another process would have.
    fn second(&self) -> BoxFuture<'_, Arc<dyn Store>>;

    /// Ends the process that a session stands for, as `kill -9` would.
    fn kill(&self, session: SessionId) -> BoxFuture<'_, ()>;

    /// A user's own transaction on the same database.
    fn begin(&self) -> BoxFuture<'_, Box<dyn Transaction>>;
}

/// A user's own transaction; dropped without a commit, nothing of it happens.
pub trait Transaction: Send {
    /// Enqueues in it, by [`Store::enqueue_in`] or [`Store::enqueue_in_blocking`].
    fn enqueue<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        jobs: Vec<NewJob>,
    ) -> Reply<'a, Vec<Enqueued>>;

    /// Completes in it, by [`Store::complete_in`] or [`Store::complete_in_blocking`].
    fn complete<'a>(
        &'a mut self,
        store: &'a dyn Store,
        now: Timestamp,
        attempt: Finish,
    ) -> Reply<'a, ()>;

    /// Commits it.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), Error>>;
}

/// One case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name: module and rule.
    pub name: &'static str,
    body: fn(Env) -> BoxFuture<'static, ()>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Case {
    /// Runs the case on a new store.
    ///
    /// # Panics
    /// When the store answers anything else than it must.
    pub async fn run(&self, fixture: &dyn Fixture) {
        let env = Env::new(fixture.open().await);
        (self.body)(env).await;
    }
}

/// Runs every case, each on a store of its own.
///
/// # Panics
/// At the first that the store does not pass.
pub async fn run(fixture: &dyn Fixture) {
    for case in cases() {
        case.run(fixture).await;
    }
}

/// Runs the case of this name.
///
/// # Panics
/// When there is none, or the store does not pass it.
pub async fn run_case(name: &str, fixture: &dyn Fixture) {
    let all = cases();
    let case = all.iter().find(|case| case.name == name);
    let Some(case) = case else {
        panic!("there is no case {name}");
    };
    case.run(fixture).await;
}

macro_rules! list {
    ($($module:ident: $($case:ident)*;)*) => {
        vec![$($(Case {
            name: concat!(stringify!($module), "::", stringify!($case)),
            body: |env| Box::pin($module::$case(env)),
        }),*),*]
    };
}

/// All cases.
pub fn cases() -> Vec<Case> {
    crate::conformance_cases!([list])
}

/// Makes one test of each case; the argument is an expression that makes a [`Fixture`].
#[macro_export]
macro_rules! conformance {
    ($fixture:expr) => {
        $crate::conformance_cases!([$crate::conformance_tests] @ $fixture;);
    };
}

/// Makes the tests of [`conformance!`].
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    (@ $fixture:expr; $($module:ident: $($case:ident)*;)*) => {
        $crate::conformance_tests! { @@ $($module [$fixture] $($case)*;)* }
    };
    (@@ $($module:ident [$fixture:expr] $($case:ident)*;)*) => {
        $(mod $module {
            #[allow(unused_imports, reason = "the fixture may be named by its path")]
            use super::*;
            $crate::conformance_tests! { @@@ $module [$fixture] $($case)* }
        })*
    };
    (@@@ $module:ident [$fixture:expr]) => {};
    (@@@ $module:ident [$fixture:expr] $case:ident $($more:ident)*) => {
        #[tokio::test]
        async fn $case() {
            let name = concat!(stringify!($module), "::", stringify!($case));
            $crate::conformance::run_case(name, &$fixture).await;
        }
        $crate::conformance_tests! { @@@ $module [$fixture] $($more)* }
    };
}

/// The list of cases, given to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ([$($then:tt)+] $($before:tt)*) => {
        $($then)+! { $($before)*
            claim:
                jobs_come_in_the_order_of_their_due_time
                a_level_of_priority_is_five_minutes
                a_claim_names_all_a_worker_needs
                no_job_is_claimed_twice
                a_claim_of_unknown_outcome_is_given_back_by_the_next
                a_scheduled_job_is_not_claimed
                kinds_that_are_not_named_stay
                lanes_are_merged_by_order
                queues_are_apart
                nothing_wanted_gives_nothing
                a_paused_queue_gives_none
                a_queue_has_a_limit_over_all_sessions
                a_queue_has_a_rate_over_all_sessions
                too_many_are_refused
                a_session_that_is_not_open_claims_nothing
                promotion_tells_what_is_due_next
                promotion_has_a_limit
            ;
            enqueue:
                a_new_job_is_kept_as_it_was_given
                a_job_of_the_future_is_scheduled
                nothing_is_no_error
                an_id_that_exists_changes_nothing
                the_same_id_twice_in_a_batch_is_one_job
                too_many_are_refused
                bad_names_and_keys_are_refused_and_none_is_written
                now_is_rounded_down_and_due_up
                the_end_of_time_is_an_instant
                a_job_may_run_from_the_start
                who_is_not_open_runs_nothing_from_the_start
                a_second_handle_sees_the_jobs_and_is_hinted
                a_closed_handle_says_so
            ;
            finish:
                a_success_keeps_its_output
                a_retry_is_due_then_and_charged
                a_snooze_is_not_charged
                a_release_is_not_charged
                a_failure_and_a_cancel_are_final
                the_same_claim_ends_once
                a_strange_claim_is_fenced_and_holds_up_none
                an_old_claim_is_fenced_by_the_next
                a_rescue_fences_the_late
                a_discarded_job_is_fenced
                a_wish_to_cancel_turns_a_retry_into_cancelled
                a_wish_to_cancel_turns_a_snooze_into_cancelled
                a_wish_to_cancel_turns_a_release_into_cancelled
                who_succeeds_before_the_wish_arrives_has_succeeded
                history_tells_every_attempt
                history_is_bounded
                long_errors_are_cut_and_large_outputs_refused
                progress_and_cursor_are_fenced
            ;
            gates:
                beyond_the_limit_jobs_are_held
                other_keys_pass_other_gates
                a_success_lets_the_next_one_in
                a_retry_lets_the_next_one_in
                a_snooze_lets_the_next_one_in
                a_released_job_queues_up_again
                a_rescue_leaves_no_place_taken
                who_is_cancelled_discarded_or_moved_leaves
                a_held_job_can_be_cancelled
                keys_share_fairly
                the_newest_enqueue_sets_the_limit
                an_ordered_gate_waits_for_a_retry
                an_ordered_gate_keeps_the_order_of_enqueue
                a_rate_delays_the_letting_in
                who_runs_from_the_start_passes_a_full_gate
                a_due_job_enters_at_its_promotion
            ;
            listing:
                what_is_not_there_is_none
                pages_go_from_the_newest_to_the_oldest
                a_page_has_a_limit
                filters_narrow_a_listing
                counts_follow_every_change
            ;
            operate:
                a_job_that_is_not_there_is_not_found
                a_waiting_job_is_cancelled_at_once
                a_running_job_is_told_to_cancel
                what_makes_no_sense_is_refused
                a_failed_job_runs_again_with_all_its_attempts
                a_job_is_moved_to_another_time
                a_discarded_job_is_gone
                retention_is_per_state
                pruning_has_a_limit
            ;
            schedule:
                a_new_schedule_starts_now
                a_fire_happens_once
                the_cursor_never_goes_back
                a_fire_without_a_job_moves_the_cursor
                schedules_are_apart
                a_fire_that_is_refused_moves_nothing
            ;
            sessions:
                who_is_open_is_a_peer
                a_killed_session_has_a_free_lock
                a_closed_session_releases_its_jobs
                a_job_that_had_not_begun_is_released
                a_job_whose_body_had_ended_is_released
                a_late_end_of_an_old_claim_leaves_the_mark_of_the_new_one
                a_job_that_ran_is_charged_and_suspected
                a_death_without_blame_is_not_counted
                a_rescue_without_attempts_left_fails
                a_rescue_grants_a_wish_to_cancel
                only_the_jobs_of_the_dead_are_given_back
                a_suspect_is_left_to_who_asks_for_it_alone
                who_dies_alone_once_too_often_is_quarantined_and_can_be_freed
                wishes_to_cancel_are_told_to_their_session
            ;
            transactions:
                a_commit_enqueues
                a_rollback_enqueues_nothing
                a_transaction_sees_its_own_jobs
                a_commit_completes_and_the_engine_learns_it
                a_rollback_completes_nothing
                a_late_completion_is_fenced
                only_a_success_can_be_completed
                a_completed_job_holds_its_place_until_its_engine_ends_it
                a_completed_job_gives_its_place_back_when_its_session_dies
                a_completed_job_is_kept_until_its_engine_ends_it
            ;
            unique:
                a_taken_key_answers_the_job_that_is_there
                the_same_key_twice_in_a_batch_is_one_job
                keys_of_different_kinds_never_meet
                an_error_on_conflict_writes_none_of_the_batch
                replace_gives_a_waiting_job_the_new_data
                replace_keeps_a_job_that_runs
                until_finished_outlives_a_retry
                until_finished_ends_with_a_cancel_and_a_discard
                until_started_is_free_when_the_job_starts
                for_a_time_outlives_the_job
                an_expired_key_shows_with_its_new_job_only
                a_job_that_runs_again_takes_its_key_again
            ;
        }
    };
}

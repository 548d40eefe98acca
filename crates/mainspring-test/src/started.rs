//! A started app: what a test asks of it and tells it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use mainspring_core::activity::{TaskKind, io, park};
use mainspring_core::cause::Cause;
use mainspring_core::clock::ManualClock;
use mainspring_core::event::Events;
use mainspring_core::health::Readiness;
use mainspring_core::lifecycle::{ShutdownReport, Signal};
use mainspring_core::spawn::{Scope, Spawner};
use mainspring_core::time::Timestamp;
use mainspring_runtime::app::{Addresses, App, AppHandle};
use mainspring_runtime::executor::TokioExecutor;
use mainspring_runtime::jobs::Jobs;
use mainspring_runtime::metrics::Registry;
use mainspring_runtime::periodic::PeriodicState;
use mainspring_web::http::HttpEndpoint;
use tokio::sync::{Notify, watch};

use crate::executor::AppExecutor;
use crate::http::{self as client, NoAnswer};
use crate::kit::TestApp;
use crate::record::{FollowUpRun, PanicRecord, PeriodicRun, Recorder};

/// An app that a test has started; derefs to its [`TestApp`], so time and log are at hand as well.
///
/// Cheap to clone. Dropping it does not stop the app; the end of the test does.
#[derive(Clone)]
pub struct StartedApp {
    app: TestApp,
    running: Arc<Running>,
}

/// One app as the kit keeps it.
pub(crate) struct Running {
    pub(crate) handle: AppHandle,
    metrics: Registry,
    recorder: Recorder,
    action_prefix: String,
    jobs: Option<Jobs>,
    #[cfg(feature = "sqlite")]
    crash: Option<Arc<crate::jobs::Crash>>,
    report: watch::Receiver<Option<ShutdownReport>>,
}

impl Running {
    pub(crate) fn new(mut app: App, kit: &TestApp) -> Self {
        let (handle, metrics) = (app.handle(), app.metrics().clone());
        let http = app.find_endpoint_mut::<HttpEndpoint>();
        let action_prefix = http
            .map(|http| http.prefix().to_owned())
            .unwrap_or_default();
        let (recorder, executor) = (Recorder::default(), AppExecutor::current());
        let (jobs, dead) = (app.find_jobs().cloned(), Arc::new(Notify::new()));
        #[cfg(feature = "sqlite")]
        let crash = kit.handles().crash_of(&app);
        #[cfg(feature = "sqlite")]
        if let Some(crash) = &crash {
            app = app.middleware(crate::jobs::CrashAt(Arc::clone(crash)));
            let (dead, executor) = (Arc::clone(&dead), executor.clone());
            crash.on_death(move || {
                drop(executor.abort());
                dead.notify_one();
            });
        }
        let platform = kit.platform(executor.clone(), recorder.events());
        let (sender, report) = watch::channel(None);
        let whole = async move {
            let run = app.run_on(platform);
            let report = tokio::select! {
                biased;
                () = dead.notified() => None,
                report = run => Some(report),
            };
            if report.as_ref().is_none_or(|report| report.forced.is_some()) {
                // The process would be gone now, and everything in it.
                io(executor.end()).await;
            }
            if report.is_some() {
                sender.send_replace(report);
            }
        };
        let activity = Some(kit.manual_clock().activity().clone());
        let outside = Arc::new(TokioExecutor::current());
        let spawner = Spawner::new(outside, activity, Events::nowhere());
        drop(spawner.spawn(&Scope::new(), TaskKind::Loop, &Arc::from("app"), whole));
        Self {
            handle,
            metrics,
            recorder,
            action_prefix,
            jobs,
            #[cfg(feature = "sqlite")]
            crash,
            report,
        }
    }

    /// Moves time until the app has ended, and returns how; `None` if it has crashed.
    pub(crate) async fn report(&self, clock: &ManualClock) -> Option<ShutdownReport> {
        let mut report = self.report.clone();
        let ended = async move {
            let ended = report.wait_for(Option::is_some).await;
            ended.ok().and_then(|report| (*report).clone())
        };
        clock.run_until(park(ended)).await
    }
}

impl StartedApp {
    pub(crate) fn new(app: TestApp, running: Arc<Running>) -> Self {
        Self { app, running }
    }

    /// Waits until the app is ready or never will be, moving time as far as that needs: false if it
    /// will not.
    pub async fn ready(&self) -> bool {
        let handle = &self.running.handle;
        self.run_until(park(handle.ready())).await
    }

    /// Whether the app is starting, ready or draining.
    pub fn readiness(&self) -> Readiness {
        self.running.handle.readiness()
    }

    /// The app's own handle.
    pub fn handle(&self) -> &AppHandle {
        &self.running.handle
    }

    /// Where the app listens, by listener.
    pub fn addresses(&self) -> Addresses {
        self.running.handle.addresses()
    }

    /// Acts as if the process had got a signal: the first stops the app, the second forces its
    /// exit.
    ///
    /// Returns at once; [`stopped`](StartedApp::stopped) waits for the end.
    pub fn signal(&self, signal: Signal) {
        self.running.handle.signal(signal);
    }

    /// Asks the app to stop; returns at once.
    pub fn shutdown(&self, cause: impl Into<Cause>) {
        self.running.handle.shutdown(cause);
    }

    /// Waits until the app has stopped, moving time as far as that needs, and returns its report;
    /// again if asked again.
    ///
    /// # Panics
    /// When nobody has told the app to stop; and as [`ManualClock::run_until`].
    pub async fn stopped(&self) -> ShutdownReport {
        self.settle().await;
        assert!(
            self.readiness() != Readiness::Ready,
            "nobody has told the app to stop; call `app.shutdown(…)` or `app.signal(…)` first, or \
             advance to where a component does"
        );
        let report = self.running.report(self.manual_clock()).await;
        report.expect("an app reports however it ends, unless it has crashed or its task panicked")
    }

    /// The instants that a periodic's runs stood for, in the order in which they ended, or for
    /// which this app has fired a durable schedule.
    ///
    /// Fires that never ran are left out; [`runs`](StartedApp::runs) has them, and how each run
    /// ended.
    pub fn runs_of(&self, name: &str) -> Vec<Timestamp> {
        self.running.recorder.runs_of(name)
    }

    /// Every run of every periodic that has ended, and every fire that was dropped, in that order.
    pub fn runs(&self) -> Vec<PeriodicRun> {
        self.running.recorder.runs()
    }

    /// The state of every periodic, in the order of registration.
    pub fn periodics(&self) -> Vec<PeriodicState> {
        self.running.handle.periodics()
    }

    /// Every follow-up that has ended or was dropped, in that order.
    ///
    /// One starts after its response has been taken, so [`settle`](TestApp::settle) between the
    /// call and the question.
    pub fn follow_ups(&self) -> Vec<FollowUpRun> {
        self.running.recorder.follow_ups()
    }

    /// The follow-ups of one name that have ended or were dropped.
    pub fn follow_ups_of(&self, name: &str) -> Vec<FollowUpRun> {
        let mut follow_ups = self.follow_ups();
        follow_ups.retain(|follow_up| &*follow_up.name == name);
        follow_ups
    }

    /// Every panic of a task, periodic or follow-up that was caught.
    pub fn panics(&self) -> Vec<PanicRecord> {
        self.running.recorder.panics()
    }

    /// The app's metrics as its health server would show them.
    pub fn metrics(&self) -> String {
        self.running.metrics.encode()
    }

    /// Asks the health server: `/live`, `/ready`, `/startup`.
    ///
    /// # Panics
    /// When the app has no health server, has stopped, or answers no JSON.
    pub async fn health(&self, path: &str) -> (StatusCode, serde_json::Value) {
        let answer = client::send(self, self.health_address(), get(path)).await;
        let (parts, body) = client::answered(answer).into_parts();
        let body = serde_json::from_slice(&body);
        let body = body.unwrap_or_else(|error| panic!("{path} did not answer JSON: {error}"));
        (parts.status, body)
    }

    /// Sends a request to the app and waits for the whole answer: real HTTP over an in-memory
    /// connection of its own.
    ///
    /// Time does not move meanwhile; for a handler that waits for time,
    /// `app.run_until(app.request(…))`.
    ///
    /// ```
    /// # use mainspring_test::StartedApp;
    /// # async fn f(app: StartedApp) {
    /// let answer = app.request(http::Request::get("/items?page=2").body("").unwrap()).await;
    /// assert_eq!(answer.status(), 200);
    /// # }
    /// ```
    ///
    /// # Panics
    /// When there is no answer; [`try_request`](StartedApp::try_request) says why.
    pub async fn request<B: Into<Bytes>>(&self, request: Request<B>) -> Response<Bytes> {
        client::answered(self.try_request(request).await)
    }

    /// Sends a request like [`request`](StartedApp::request).
    ///
    /// # Errors
    /// When the connection is refused, or ends before the whole answer has come.
    ///
    /// # Panics
    /// When the app has no main listener, or the answer waits for time that nobody moves.
    pub async fn try_request<B: Into<Bytes>>(
        &self,
        request: Request<B>,
    ) -> Result<Response<Bytes>, NoAnswer> {
        let request = request.map(Into::into);
        client::send(self, self.main_address(), request).await
    }

    /// Asks for a path with GET, like [`request`](StartedApp::request).
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Response<Bytes> {
        self.request(get(path)).await
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn crash(&self) -> Option<&crate::jobs::Crash> {
        self.running.crash.as_deref()
    }

    /// The jobs that the app was given.
    pub(crate) fn own_jobs(&self) -> Option<&Jobs> {
        self.running.jobs.as_ref()
    }

    /// The path of this app's actions.
    pub(crate) fn action_prefix(&self) -> &str {
        &self.running.action_prefix
    }

    fn main_address(&self) -> std::net::SocketAddr {
        let main = self.addresses().get("main").copied();
        main.expect("the app serves HTTP: it has an action or a route, and has bound its listener")
    }

    fn health_address(&self) -> std::net::SocketAddr {
        let health = self.addresses().get("health").copied();
        health.expect("the app has a health server, and has bound its listener")
    }
}

impl Deref for StartedApp {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl fmt::Debug for StartedApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartedApp")
            .field("readiness", &self.readiness())
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

fn get(path: &str) -> Request<Bytes> {
    let request = Request::get(path).body(Bytes::new());
    request.unwrap_or_else(|error| panic!("`{path}` is no path: {error}"))
}

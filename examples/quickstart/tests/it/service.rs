//! The quickstart as its supervisor sees it: a process with an environment, two lines, a log and an
//! exit code.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::{self, Answer, Pending};

/// How long anything here may take: only a failure ever waits for it.
const LIMIT: Duration = Duration::from_secs(30);

/// What every service of these tests gets unless the test says otherwise: free ports, and no drain
/// delay.
const SETTINGS: [(&str, &str); 3] = [
    ("MAINSPRING_ENV", "development"),
    ("MAINSPRING_HTTP_ADDR", "127.0.0.1:0"),
    ("MAINSPRING_HEALTH_ADDR", "127.0.0.1:0"),
];

/// How a service is started: only these settings, a folder of its own to run in, its data in there.
pub(crate) struct Plan {
    command: Command,
    folder: TempDir,
    data: PathBuf,
}

impl Plan {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
        command
            .env_clear()
            .envs(SETTINGS)
            .env("QUICKSTART_DATA", &data);
        command.current_dir(folder.path());
        Self {
            command,
            folder,
            data,
        }
    }

    /// The folder it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn running_in(mut self, folder: &str) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Where its data ends up.
    pub(crate) fn data_in(mut self, data: PathBuf) -> Self {
        self.data = data;
        self
    }

    /// Starts the service and waits for its two lines.
    pub(crate) fn start(self) -> Service {
        let process = Process::start(self.command);
        let address = |prefix: &str| match process.stdout.recv_timeout(LIMIT) {
            Ok(line) => match line.strip_prefix(prefix) {
                Some(address) => address.to_owned(),
                None => panic!("the line is not {prefix:?}: {line}"),
            },
            Err(_) => panic!("no line {prefix:?} but {:?}", process.said()),
        };
        let http = address("listening on http://");
        let health = address("health on http://");
        Service {
            process,
            http,
            health,
            data: self.data,
            folder: self.folder,
        }
    }

    /// Starts a service that ends by itself.
    pub(crate) fn ends(self) -> Ended {
        Process::start(self.command).ended()
    }

    /// Checks that the service refuses to start, with code 1 and all these texts.
    #[track_caller]
    pub(crate) fn refuses(self, texts: &[&str]) {
        let ended = self.ends();
        assert_eq!(ended.stdout, Vec::<String>::new(), "{}", ended.stderr);
        ended.with(1, texts);
    }
}

/// A service that is ready.
pub(crate) struct Service {
    pub(crate) http: String,
    pub(crate) health: String,
    process: Process,
    data: PathBuf,
    folder: TempDir,
}

impl Service {
    pub(crate) fn start() -> Self {
        Plan::new().start()
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        http::post(&self.http, path, body).unwrap()
    }

    pub(crate) fn register(&self, body: &str) -> Answer {
        self.post("/actions/account.register", body)
    }

    /// Sends a request for `demo.sleep`, and returns once its handler runs.
    pub(crate) fn sleeping(&self, ms: u32) -> Pending {
        let body = format!("{{\"ms\":{ms}}}");
        let pending = Pending::send(&self.http, "POST", "/actions/demo.sleep", &[], &body);
        while !self
            .health("/metrics")
            .body
            .contains("mainspring_actions_running 1\n")
        {}
        pending.unwrap()
    }

    pub(crate) fn health(&self, path: &str) -> Answer {
        http::get(&self.health, path).unwrap()
    }

    /// Waits until its data folder is as it should be. Each look asks the service, which takes a
    /// while, and fails once it is gone.
    pub(crate) fn wait_until(&self, is_there: impl Fn(&Path) -> bool + Send + 'static) {
        let (done, waited) = mpsc::channel();
        let (health, data) = (self.health.clone(), self.data.clone());
        thread(move || {
            while !is_there(&data) && http::get(&health, "/live").is_ok() {}
            let _ = done.send(());
        });
        waited.recv_timeout(LIMIT).unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until a line on stderr has this text.
    pub(crate) fn logged(&mut self, text: &str) {
        self.process.logged(text);
    }

    /// Waits for its end. What it wrote is in there.
    pub(crate) fn ended(self) -> Stopped {
        let Self {
            process,
            data,
            folder,
            ..
        } = self;
        Stopped {
            ended: process.ended(),
            data,
            _folder: folder,
        }
    }

    /// Asks it to stop, and waits until it has, with code 0.
    #[track_caller]
    pub(crate) fn stopped(self) -> Stopped {
        self.signal("-TERM");
        let stopped = self.ended();
        assert_eq!(stopped.ended.code, Some(0), "{}", stopped.ended.stderr);
        stopped
    }
}

/// A service that has ended, and the files it left.
pub(crate) struct Stopped {
    pub(crate) ended: Ended,
    data: PathBuf,
    _folder: TempDir,
}

impl Stopped {
    /// The lines of one of its files.
    pub(crate) fn lines(&self, file: &str) -> Vec<Value> {
        lines(&self.data.join(file))
    }

    pub(crate) fn analytics(&self) -> Vec<Value> {
        self.lines("analytics.jsonl")
    }
}

/// The lines of a file of JSON lines, every one of them whole.
pub(crate) fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line is whole"
    );
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// The lines that nobody has read before.
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

impl Ended {
    /// Checks the exit code and that all these texts are on stderr.
    #[track_caller]
    pub(crate) fn with(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "{text:?} is in\n{}",
                self.stderr
            );
        }
    }
}

struct Process {
    pid: u32,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// What has been read of it before its end.
    heard: String,
    ended: Receiver<Option<i32>>,
}

impl Process {
    fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pid = child.id();
        let stdout = by_line(child.stdout.take().unwrap());
        let stderr = by_line(child.stderr.take().unwrap());
        let (end, ended) = mpsc::channel();
        thread(move || wait(child, &end));
        Self {
            pid,
            stdout,
            stderr,
            heard: String::new(),
            ended,
        }
    }

    /// What is on stderr, as far as it comes soon.
    fn said(&self) -> Vec<String> {
        let next = || self.stderr.recv_timeout(Duration::from_secs(1)).ok();
        std::iter::from_fn(next).collect()
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .arg(name)
            .arg(self.pid.to_string())
            .status();
        assert!(kill.unwrap().success(), "the service can be signalled");
    }

    fn logged(&mut self, text: &str) {
        loop {
            let line = self.stderr.recv_timeout(LIMIT);
            let line = line.unwrap_or_else(|_| panic!("{text:?} is in {}", self.heard));
            let found = line.contains(text);
            self.heard.push_str(&line);
            self.heard.push('\n');
            if found {
                return;
            }
        }
    }

    fn ended(mut self) -> Ended {
        let Ok(code) = self.ended.recv_timeout(LIMIT) else {
            panic!("the service has not ended within {LIMIT:?}: {}", self.heard);
        };
        let mut stderr = std::mem::take(&mut self.heard);
        for line in self.stderr.iter() {
            stderr.push_str(&line);
            stderr.push('\n');
        }
        Ended {
            code,
            stdout: self.stdout.iter().collect(),
            stderr,
        }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Process {
    fn drop(&mut self) {
        if let Err(mpsc::TryRecvError::Empty) = self.ended.try_recv() {
            let _ = Command::new("kill")
                .arg("-KILL")
                .arg(self.pid.to_string())
                .output();
        }
    }
}

fn wait(mut child: Child, end: &Sender<Option<i32>>) {
    let status = child.wait().unwrap();
    let _ = end.send(status.code());
}

/// The lines of a stream, as they come.
fn by_line(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (line, lines) = mpsc::channel();
    thread(move || {
        let texts = BufReader::new(stream).lines().map_while(Result::ok);
        texts.for_each(|text| drop(line.send(text)));
    });
    lines
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that must not hang reads on threads"
)]
pub(crate) fn thread<T: Send + 'static>(
    run: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    std::thread::spawn(run)
}

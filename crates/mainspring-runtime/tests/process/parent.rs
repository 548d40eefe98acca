//! A child process as its supervisor sees it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// How long anything here may take: only a failure ever waits for it.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Process {
    pid: u32,
    lines: Receiver<String>,
    ended: Receiver<(ExitStatus, String)>,
}

/// How a child ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Process {
    pub(crate) fn start(case: &str) -> Self {
        Self::start_with(case, &[])
    }

    pub(crate) fn start_with(case: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", case])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let (line, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .for_each(|text| drop(line.send(text)))
        });
        let (end, ended) = mpsc::channel();
        thread(move || drop(end.send(wait(child))));
        Self { pid, lines, ended }
    }

    /// Reads lines until this one.
    pub(crate) fn until(&self, wanted: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line == wanted => return seen,
                Ok(line) => seen.push(line),
                Err(error) => panic!("no line {wanted:?} but {seen:?}: {error}"),
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .arg(name)
            .arg(self.pid.to_string())
            .status();
        assert!(kill.unwrap().success(), "the child can be signalled");
    }

    pub(crate) fn ended(self) -> Ended {
        match self.ended.recv_timeout(LIMIT) {
            Ok((status, stderr)) => Ended { status, stderr },
            Err(_) => panic!("the child has not ended within {LIMIT:?}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.try_recv().is_err() {
            let _ = Command::new("kill")
                .arg("-KILL")
                .arg(self.pid.to_string())
                .output();
        }
    }
}

impl Ended {
    /// Checks the exit code and that all these texts are on stderr.
    pub(crate) fn with(self, code: i32, texts: &[&str]) -> Self {
        let Self { status, stderr } = &self;
        assert_eq!(status.code(), Some(code), "{status}\n{stderr}");
        for text in texts {
            assert!(stderr.contains(text), "{text:?} is in\n{stderr}");
        }
        self
    }
}

fn wait(mut child: Child) -> (ExitStatus, String) {
    let mut stderr = Vec::new();
    let _ = child.stderr.take().unwrap().read_to_end(&mut stderr);
    (
        child.wait().unwrap(),
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that must not hang reads on threads"
)]
fn thread(run: impl FnOnce() + Send + 'static) {
    std::thread::spawn(run);
}

//! (a) What an action costs its server, against a bare axum handler that does the same JSON work.
//!
//! Each server is a child process; this process is the client. The child says how much processor
//! time it has used before and after each turn, so the client's own work does not count.

mod client;
pub mod server;

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::options::Options;
use crate::platform::one_thread;
use crate::report::Number;
use server::Kind;

/// Connections that ask at once, each for one answer after the other.
const CONNECTIONS: u32 = 32;

/// Measures both in turns.
///
/// # Errors
/// When a server does not start or answers wrongly.
pub fn measure(options: &Options) -> Result<Vec<Number>, String> {
    let requests = if options.quick { 200 } else { 1_500 };
    let (mut bare, mut ours) = (Server::start(Kind::Bare)?, Server::start(Kind::Action)?);
    let (mut of_bare, mut of_ours, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    // The first turn warms up both and is forgotten.
    for turn in 0..=options.runs() {
        let handler = bare.cost(requests)?;
        let action = ours.cost(requests)?;
        if turn > 0 {
            of_bare.push(handler);
            of_ours.push(action);
            ratio.push(action / handler);
        }
    }
    let note = format!("server's processor time, {CONNECTIONS} connections × {requests} requests");
    let unit = "µs";
    Ok(vec![
        Number::plain(
            "a",
            "one request of a bare axum handler",
            unit,
            of_bare,
            &note,
        ),
        Number::plain("a", "one request of an action", unit, of_ours, &note),
        Number::plain("a", "action / bare handler", "×", ratio, note).against(1.25, 1.6),
    ])
}

/// A server in a child process, which ends when this is dropped.
struct Server {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Server {
    fn start(kind: Kind) -> Result<Self, String> {
        let us = std::env::current_exe().map_err(|why| format!("where is this program? {why}"))?;
        let mut child = Command::new(us)
            .args(["serve", kind.word()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| format!("cannot start a server: {why}"))?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut server = Self {
            child,
            said: BufReader::new(output).lines(),
            port: 0,
        };
        server.port = server
            .hear()?
            .parse()
            .map_err(|why| format!("no port: {why}"))?;
        Ok(server)
    }

    /// The microseconds of processor time that one request costs.
    fn cost(&mut self, requests: u32) -> Result<f64, String> {
        let before = self.processor()?;
        one_thread().block_on(client::ask(self.port, CONNECTIONS, requests))?;
        let used = self.processor()? - before;
        Ok(used / 1e3 / f64::from(CONNECTIONS * requests))
    }

    /// The nanoseconds of processor time that the child has used.
    fn processor(&mut self) -> Result<f64, String> {
        let input = self.child.stdin.as_mut().ok_or("the server has no input")?;
        writeln!(input, "?").map_err(|why| format!("the server does not listen: {why}"))?;
        self.hear()?
            .parse()
            .map_err(|why| format!("no time: {why}"))
    }

    fn hear(&mut self) -> Result<String, String> {
        match self.said.next() {
            Some(Ok(line)) => Ok(line),
            Some(Err(why)) => Err(format!("the server cannot be heard: {why}")),
            None => Err("the server has ended".to_owned()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input ends it; what it says by then does not matter.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

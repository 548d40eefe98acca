//! The bytes of one connection, watched: what arrives, when the client leaves, and how the
//! connection closes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mainspring_core::spawn::BoxFuture;
use mainspring_runtime::io_time;
use mainspring_runtime::network::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::HttpLimits;
use super::refuse::of_hyper;
use super::state::ConnState;

/// How much is read at once of what is dropped.
const SCRAP_BYTES: usize = 16 * 1024;

/// A connection's bytes.
///
/// Its shutdown lingers where the client may still be sending: closing a socket with unread bytes
/// resets it, which may take the answer away from a client that has not read it yet.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    state: Arc<ConnState>,
    limits: HttpLimits,
    closing: Closing,
    /// Whether the last write had to wait.
    stalled: bool,
}

enum Closing {
    Open,
    Lingering {
        left: usize,
        timer: BoxFuture<'static, ()>,
        scrap: Box<[u8]>,
    },
    Closed,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>, state: Arc<ConnState>, limits: HttpLimits) -> Self {
        Self {
            stream,
            state,
            limits,
            closing: Closing::Open,
            stalled: false,
        }
    }

    /// Refuses to write an answer of hyper's own, which ends the connection: ours has a body.
    fn check(&self, bytes: &[u8]) -> io::Result<()> {
        if self.state.is_silent()
            && let Some(status) = of_hyper(bytes)
        {
            self.state.refuse(status);
            return Err(io::Error::other("the head was refused"));
        }
        Ok(())
    }

    fn note(&mut self, result: &Poll<io::Result<usize>>) {
        if result.is_pending() != self.stalled {
            self.stalled = result.is_pending();
            self.state.stalls(self.stalled);
        }
        if let Poll::Ready(Err(_)) = result {
            self.state.client_gone();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let room = buf.remaining();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buf));
        match &read {
            Ok(()) if buf.remaining() < room => this.state.received(),
            Ok(()) if room == 0 => {}
            _ => this.state.client_gone(),
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(buf)?;
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.note(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check(bufs.first().map_or(&[], |first| first))?;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Hyper flushes here only what it has handed over before.
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_ready() {
            this.state.flushed();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.closing {
                Closing::Open => {
                    let ended = ready!(Pin::new(&mut this.stream).poll_shutdown(cx));
                    this.closing = match ended.is_ok() && this.state.should_linger() {
                        true => Closing::Lingering {
                            left: this.limits.linger_bytes,
                            timer: Box::pin(io_time::pause(this.limits.linger_time)),
                            scrap: vec![0; SCRAP_BYTES].into_boxed_slice(),
                        },
                        false => Closing::Closed,
                    };
                }
                Closing::Lingering { left, timer, scrap } => {
                    if *left == 0 || timer.as_mut().poll(cx).is_ready() {
                        this.closing = Closing::Closed;
                        continue;
                    }
                    let mut buf = ReadBuf::new(scrap);
                    let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buf));
                    let count = buf.filled().len();
                    *left = left.saturating_sub(count);
                    if read.is_err() || count == 0 {
                        this.closing = Closing::Closed;
                    }
                }
                Closing::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}

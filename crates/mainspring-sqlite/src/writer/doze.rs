//! Sleeping while nothing happens: instead of looking every two milliseconds, the writer has the
//! system tell it when somebody writes to the log.
//!
//! The system tells of the write, which comes before the commit: after it the writer looks as
//! often as ever, until nothing has happened for a while. Where the system cannot tell, it never
//! dozes.

use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::{LOOK_EVERY, Message};
use crate::seam::IoInstant;

/// How long nothing must have happened before the writer dozes. Longer than a disk takes between
/// the writing of a commit and its end: a commit that was being written when the writer began to
/// doze would be seen by the next look only.
const AWAKE: Duration = Duration::from_secs(2);

/// How often a dozing writer looks all the same, should the system keep something to itself.
const DOZE: Duration = Duration::from_secs(5);

/// Whether the writer dozes.
pub(super) struct Dozing {
    stirred: IoInstant,
    /// Somebody will tell of the next write.
    armed: bool,
    watch: Watch,
}

enum Watch {
    NotYet(Sender<Message>),
    There(system::Watch),
    Impossible,
}

impl Dozing {
    pub(super) fn new(tell: Sender<Message>) -> Self {
        Self {
            stirred: IoInstant::now(),
            armed: false,
            watch: Watch::NotYet(tell),
        }
    }

    /// Something has happened, or begins to.
    pub(super) fn stir(&mut self) {
        self.stirred = IoInstant::now();
    }

    /// The system has told of a write, and does so once.
    pub(super) fn told(&mut self) {
        self.armed = false;
        self.stir();
    }

    /// How long to wait before the next look. The first one after arming comes soon, for what was
    /// written just before.
    pub(super) fn wait(&mut self, log: &Path) -> Duration {
        if self.armed {
            return DOZE;
        }
        if self.stirred.elapsed() > AWAKE {
            self.armed = self.arm(log);
            if !self.armed {
                self.watch = Watch::Impossible;
            }
        }
        LOOK_EVERY
    }

    fn arm(&mut self, log: &Path) -> bool {
        if let Watch::NotYet(tell) = &self.watch {
            let watch = system::Watch::start(tell.clone());
            self.watch = watch.map_or(Watch::Impossible, Watch::There);
        }
        match &self.watch {
            Watch::There(watch) => watch.arm(log),
            Watch::NotYet(_) | Watch::Impossible => false,
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::mpsc::Sender;

    use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
    use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
    use rustix::io::Errno;

    use super::Message;
    use crate::seam;

    /// Room for some events; a watch of one file has short ones.
    const EVENT_BYTES: usize = 512;

    /// A thread that waits for the system's word.
    pub(super) struct Watch {
        events: Arc<OwnedFd>,
        end: Arc<OwnedFd>,
    }

    impl Watch {
        pub(super) fn start(tell: Sender<Message>) -> Option<Self> {
            let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
            let events = Arc::new(inotify::init(flags).ok()?);
            let end = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).ok()?);
            let (seen, ended) = (Arc::clone(&events), Arc::clone(&end));
            let run = move || while wait(&seen, &ended) && tell.send(Message::Stir).is_ok() {};
            seam::thread("mainspring-watch", run).ok()?;
            Some(Self { events, end })
        }

        /// Has the next write told, once.
        pub(super) fn arm(&self, log: &Path) -> bool {
            let flags = WatchFlags::MODIFY | WatchFlags::ONESHOT;
            inotify::add_watch(&*self.events, log, flags).is_ok()
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            // It cannot fail: the number is far below its limit.
            rustix::io::write(&*self.end, &1_u64.to_ne_bytes()).unwrap_or_default();
        }
    }

    /// Waits for events and takes them; `false` when it has to end.
    fn wait(events: &OwnedFd, end: &OwnedFd) -> bool {
        let mut both = [
            PollFd::new(events, PollFlags::IN),
            PollFd::new(end, PollFlags::IN),
        ];
        match poll(&mut both, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return false,
        }
        let [_, ended] = &both;
        if !ended.revents().is_empty() {
            return false;
        }
        let mut bytes = [MaybeUninit::uninit(); EVENT_BYTES];
        let mut reader = Reader::new(events, &mut bytes);
        while reader.next().is_ok() {}
        true
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;
    use std::sync::mpsc::Sender;

    use super::Message;

    /// Never there.
    pub(super) struct Watch;

    impl Watch {
        pub(super) fn start(_: Sender<Message>) -> Option<Self> {
            None
        }

        pub(super) fn arm(&self, _: &Path) -> bool {
            false
        }
    }
}

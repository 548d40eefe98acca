//! The file by which a session shows that it is alive.
//!
//! `<db>-mainspring/<session>` is locked as long as its process lives: the system frees the lock
//! when the process ends, however it ends. In the file stand a beat and the rows whose bodies have
//! begun.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::{SessionId, Token};
use mainspring_core::store::PeerLock;
use mainspring_core::telemetry::event;

use crate::seam;

/// How often the thread of a session wakes: it writes its beat, if there are others who read it,
/// and looks whether its file is still there.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// The bytes of the beat, and of a slot: a row and its claim's token, folded.
const BEAT_BYTES: u64 = 8;
const SLOT_BYTES: usize = 16;

/// How often the file is made, should others sweep it away meanwhile: they do so once each.
const MAKE_TRIES: u32 = 8;

/// The most that is read of a file of somebody else.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Rows whose bodies had begun, each with its token, folded.
pub(crate) type Began = BTreeSet<(i64, u64)>;

/// The folder of the session files of a database.
pub(crate) fn folder(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-mainspring");
    PathBuf::from(name)
}

/// A token, folded to the length that stands in a slot.
pub(crate) fn folded(token: Token) -> u64 {
    let bytes = token.to_bytes();
    let part = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes));
    part(bytes.first_chunk()).rotate_left(1) ^ part(bytes.last_chunk())
}

/// The life of a session of this process.
#[derive(Debug)]
pub(crate) struct Life {
    inner: Arc<Inner>,
    /// Its thread ends when this goes.
    _stop: Sender<()>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: File,
    beat: AtomicU64,
    others: AtomicBool,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    used: BTreeMap<(i64, u64), u64>,
    free: Vec<u64>,
    next: u64,
}

impl Life {
    /// Makes and locks the file, and starts the thread that holds it; `gone` is called when
    /// somebody has removed it.
    pub(crate) fn begin(
        database: &Path,
        session: SessionId,
        gone: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        let folder = folder(database);
        let path = folder.join(session.to_string());
        let file = make(&folder, &path).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("{} cannot be made and locked", path.display()),
            )
            .with_source(error)
            .with_hint("the folder of the database must be writable and allow locks")
        })?;
        let inner = Arc::new(Inner {
            path,
            file,
            beat: AtomicU64::new(1),
            others: AtomicBool::new(false),
            slots: Mutex::default(),
        });
        inner.write_beat();
        let (stop, stopped) = channel::<()>();
        let held = Arc::clone(&inner);
        seam::thread("mainspring-session", move || {
            while stopped.recv_timeout(BEAT_EVERY) == Err(RecvTimeoutError::Timeout) {
                if !held.path.exists() {
                    tracing::warn!(
                        name: event::STORE_SESSION_REMOVED,
                        "the file of this process's session was removed"
                    );
                    return gone();
                }
                if held.others.load(Ordering::Acquire) {
                    held.beat.fetch_add(1, Ordering::AcqRel);
                    held.write_beat();
                }
            }
        })?;
        Ok(Self { inner, _stop: stop })
    }

    /// Whether there are other sessions, who read the beat.
    pub(crate) fn others(&self, others: bool) {
        self.inner.others.store(others, Ordering::Release);
    }

    pub(crate) fn beat(&self) -> u64 {
        self.inner.beat.load(Ordering::Acquire)
    }

    /// Notes that a body begins or has ended.
    pub(crate) fn mark(&self, row: i64, token: Token, running: bool) {
        let body = (row, folded(token));
        let mut slots = self.slots();
        let (slot, bytes) = match running {
            true => (Some(slots.take(body)), slot_of(body)),
            false => (slots.give(body), [0; SLOT_BYTES]),
        };
        if let Some(slot) = slot {
            self.inner.write_slot(slot, &bytes);
        }
    }

    /// Notes that a body has ended and that another one begins, which takes over its slot.
    pub(crate) fn mark_next(&self, ended: (i64, Token), begins: (i64, Token)) {
        let body = (begins.0, folded(begins.1));
        let mut slots = self.slots();
        // The slot that was freed last is the next one to be taken.
        slots.give((ended.0, folded(ended.1)));
        let slot = slots.take(body);
        self.inner.write_slot(slot, &slot_of(body));
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        let slots = self.inner.slots.lock();
        slots.unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the life in good order.
    pub(crate) fn end(self) {
        remove(&self.inner.path);
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // The thread holds the file a moment longer, and must not hold the lock.
        drop(self.inner.file.unlock());
    }
}

impl Inner {
    fn write_beat(&self) {
        let beat = self.beat.load(Ordering::Acquire).to_be_bytes();
        // A beat that is not written looks like a stall, which is what it is.
        drop(write_at(&self.file, &beat, 0));
    }

    fn write_slot(&self, slot: u64, bytes: &[u8; SLOT_BYTES]) {
        let at = BEAT_BYTES + slot * SLOT_BYTES as u64;
        // A mark that is not written costs at most one wrong guess about a death.
        drop(write_at(&self.file, bytes, at));
    }
}

fn slot_of(body: (i64, u64)) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    let (left, right) = bytes.split_at_mut(8);
    left.copy_from_slice(&body.0.to_be_bytes());
    right.copy_from_slice(&body.1.to_be_bytes());
    bytes
}

impl Slots {
    fn take(&mut self, body: (i64, u64)) -> u64 {
        if let Some(slot) = self.used.get(&body) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.used.insert(body, slot);
        slot
    }

    fn give(&mut self, body: (i64, u64)) -> Option<u64> {
        let slot = self.used.remove(&body)?;
        self.free.push(slot);
        Some(slot)
    }
}

/// What another process's file says.
pub(crate) fn observe(database: &Path, session: SessionId) -> (PeerLock, u64) {
    let path = folder(database).join(session.to_string());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (PeerLock::Free, 0),
        Err(_) => return (PeerLock::Unknown, 0),
    };
    let lock = match file.try_lock_shared() {
        Ok(()) => PeerLock::Free,
        Err(TryLockError::WouldBlock) => PeerLock::Held,
        Err(TryLockError::Error(_)) => PeerLock::Unknown,
    };
    let mut beat = [0; 8];
    let read = (&file).read_exact(&mut beat);
    (lock, read.map_or(0, |()| u64::from_be_bytes(beat)))
}

/// The rows whose bodies had begun when the session was last alive.
pub(crate) fn began(database: &Path, session: SessionId) -> Began {
    let path = folder(database).join(session.to_string());
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What cannot be read had not begun: nobody is blamed without a reason.
        drop(file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    }
    let mut began = Began::new();
    for slot in bytes
        .get(8..)
        .unwrap_or_default()
        .as_chunks::<SLOT_BYTES>()
        .0
    {
        let (left, right) = slot.split_at(8);
        if let (Some(row), Some(token)) = (left.first_chunk(), right.first_chunk()) {
            began.insert((i64::from_be_bytes(*row), u64::from_be_bytes(*token)));
        }
    }
    began.remove(&(0, 0));
    began
}

/// Removes the file of a session that has ended.
pub(crate) fn forget(database: &Path, session: SessionId) {
    remove(&folder(database).join(session.to_string()));
}

pub(crate) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(%error, "the file of a session that has ended could not be removed");
    }
}

fn make(folder: &Path, path: &Path) -> io::Result<File> {
    if !folder.exists() {
        match std::fs::create_dir(folder) {
            Ok(()) => own(folder, 0o700)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let mut tries = 1;
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        // Nobody holds it but somebody who takes it for a stray and removes it.
        file.lock()?;
        if path.exists() {
            own(path, 0o600)?;
            return Ok(file);
        }
        if tries == MAKE_TRIES {
            return Err(io::ErrorKind::NotFound.into());
        }
        tries += 1;
    }
}

/// Takes a file that we made from everybody else.
#[cfg(unix)]
pub(crate) fn own(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(crate) fn own(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(not(unix))]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    let mut file = file;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainspring_core::random::Random;
    use mainspring_core::time::Timestamp;

    #[test]
    fn a_body_takes_over_the_mark_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("app.db");
        let random = Random::seeded(1);
        let session = SessionId::new(&random, Timestamp::UNIX_EPOCH);
        let life = Life::begin(&database, session, || {}).unwrap();
        let token = Token::new(&random);
        let marked = || {
            let rows = began(&database, session).into_iter();
            rows.map(|(row, _)| row).collect::<Vec<_>>()
        };
        life.mark(1, token, true);
        life.mark(2, token, true);
        life.mark_next((1, token), (3, token));
        assert_eq!(marked(), [2, 3]);
        life.mark_next((9, token), (4, token));
        assert_eq!(marked(), [2, 3, 4], "nothing to take over");
        life.mark(3, token, false);
        assert_eq!(marked(), [2, 4]);
        life.end();
    }
}

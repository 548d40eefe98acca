//! What storage may do: fill up, become read-only, lose its end, flip a bit.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mainspring_core::error::{Error, ErrorKind};
use mainspring_core::job::Payload;
use mainspring_core::random::Random;
use mainspring_core::store::{Finished, NewJob, Page, Store};
use mainspring_sqlite::{SqliteSource, SqliteStore};
use tempfile::TempDir;

use crate::support::{Place, Stopwatch, at, done, within};

/// How long work may take to go on once there is space again.
const RESUMES: f64 = 5.0;

/// How many damaged copies are looked at.
const DAMAGES: u64 = 60;

/// A file system of its own, of a fixed size.
struct Disk(TempDir);

impl Disk {
    /// `None`, said by name, where nobody may mount.
    fn new(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let disk = mount(&["-t", "tmpfs", "-o", "size=2m", "tmpfs"], folder.path());
        if !disk {
            println!("skipped: {test} needs the right to mount a file system");
            return None;
        }
        Some(Self(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all the space that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.path("ballast")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.path("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

fn mount(words: &[&str], path: &Path) -> bool {
    let mount = Command::new("mount").args(words).arg(path).output();
    mount.is_ok_and(|mounted| mounted.status.success())
}

fn open(path: &Path) -> Result<SqliteStore, Error> {
    SqliteSource::new(path).open_blocking(at(0))
}

fn large(place: &Place) -> NewJob {
    let mut job = place.job("a");
    job.payload = Payload::from_json(vec![b'1'; 100_000], 1).unwrap();
    job
}

#[tokio::test]
async fn work_goes_on_soon_after_a_full_disk_has_space_again() {
    let Some(disk) = Disk::new("a full disk") else {
        return;
    };
    let place = Place::new();
    let store = open(&disk.path("app.db")).unwrap();
    let session = place.session(&store).await;
    store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    let claimed = place.claim(&store, session).await.jobs;
    disk.fill();
    let mut kept = 1;
    let refused = loop {
        let job = large(&place);
        match store.enqueue(at(1), vec![job.clone()]).await {
            Ok(_) => kept += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::StorageFull, "{error:?}");
                assert!(error.hint().unwrap().contains("space"), "{error:?}");
                break job;
            }
        }
    };
    // The engine's own calls wait; it may be that the log has room for a small one.
    let mut finish = store.finish(at(2), vec![done(claimed[0].claim)]);
    let early = within(Duration::from_millis(500), &mut finish).await;
    let watch = Stopwatch::start();
    disk.free();
    let finished = match early {
        Some(Ok(finished)) => Ok(finished),
        // The engine does it again.
        Some(Err(_)) => store.finish(at(2), vec![done(claimed[0].claim)]).await,
        None => finish.await,
    };
    assert!(matches!(finished.unwrap()[..], [Finished::Now(_)]));
    assert!(
        store.get(refused.id).await.unwrap().is_none(),
        "it was refused"
    );
    store.enqueue(at(3), vec![large(&place)]).await.unwrap();
    assert!(watch.seconds() < RESUMES, "{}", watch.seconds());
    let counts = store.counts().await.unwrap();
    let jobs: u64 = counts.iter().map(|count| count.jobs).sum();
    assert_eq!(jobs, kept + 1, "what was refused was not written");
}

#[tokio::test]
async fn storage_that_becomes_read_only_is_named() {
    let Some(disk) = Disk::new("a read-only disk") else {
        return;
    };
    let place = Place::new();
    let path = disk.path("app.db");
    drop(open(&path).unwrap());
    assert!(mount(&["-o", "remount,ro"], disk.0.path()));
    let watch = Stopwatch::start();
    let error = match open(&path) {
        Err(error) => error,
        Ok(store) => {
            let write = store.enqueue(at(0), vec![place.job("a")]).await;
            write.unwrap_err()
        }
    };
    assert_eq!(error.kind(), ErrorKind::ReadOnly, "{error:?}");
    assert!(watch.seconds() < RESUMES, "nobody hangs");
    assert!(mount(&["-o", "remount,rw"], disk.0.path()));
    let store = open(&path).unwrap();
    store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
}

/// A database with jobs of both sizes of payloads, closed; what was written into it.
async fn written(place: &Place) -> BTreeMap<[u8; 16], Payload> {
    let store = place.open();
    let mut jobs = Vec::new();
    for number in 0..150 {
        let mut job = place.job("a");
        let length = [20, 200, 3_000][number % 3];
        let text = format!("\"{number}-{}\"", "x".repeat(length));
        job.payload = Payload::from_json(text, 1).unwrap();
        jobs.push(job);
    }
    let payloads = jobs
        .iter()
        .map(|job| (*job.id.as_bytes(), job.payload.clone()));
    let payloads = payloads.collect();
    store.enqueue(at(0), jobs).await.unwrap();
    store.close().await.unwrap();
    payloads
}

/// Uses a damaged file as a worker does: all it is given is what was written, or known to be bad.
async fn use_damaged(place: &Place, path: &Path, written: &BTreeMap<[u8; 16], Payload>) -> bool {
    let used = async {
        let store = open(path)?;
        let session = place.token();
        let session = mainspring_core::job::SessionId::from_bytes(session.to_bytes());
        store.open_session(at(0), session, "test").await?;
        store.list(Default::default(), Page::default()).await?;
        let claimed = store
            .claim(at(1), place.request(session, &["a"], 200))
            .await?;
        for job in &claimed.jobs {
            let known = written.values().any(|payload| *payload == job.payload);
            assert!(
                known || !job.payload.is_intact(),
                "a wrong payload would run"
            );
        }
        let finishes = claimed.jobs.iter().map(|job| done(job.claim)).collect();
        store.finish(at(2), finishes).await?;
        store.counts().await?;
        store.close().await
    };
    let mut used = Box::pin(used);
    let used = within(crate::support::SOON, &mut used).await;
    match used.expect("nobody hangs") {
        Ok(()) => true,
        Err(error) => {
            let typed = [ErrorKind::Corrupt, ErrorKind::Schema, ErrorKind::StoreGone];
            assert!(typed.contains(&error.kind()), "{error:?}");
            false
        }
    }
}

async fn damage(name: &str, spoil: impl Fn(&mut Vec<u8>, &Random)) {
    let place = Place::new();
    let written = written(&place).await;
    let sound = fs::read(place.path()).unwrap();
    let mut found = 0;
    for seed in 0..DAMAGES {
        let mut bytes = sound.clone();
        spoil(&mut bytes, &Random::seeded(seed));
        let path = place.folder.path().join(format!("{name}-{seed}.db"));
        fs::write(&path, bytes).unwrap();
        println!("{name} with seed {seed}");
        found += u64::from(!use_damaged(&place, &path, &written).await);
    }
    println!("{name}: {found} of {DAMAGES} damages were told as errors");
    assert!(found > 0, "no damage was found at all");
}

#[tokio::test]
async fn a_file_without_its_end_is_an_error_or_harmless() {
    damage("cut", |bytes, random| {
        let length = random.below(bytes.len() as u64);
        bytes.truncate(usize::try_from(length).unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_flipped_bit_is_an_error_or_harmless() {
    damage("bit", |bytes, random| {
        let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
        bytes[at] ^= 1 << random.below(8);
    })
    .await;
}

#[tokio::test]
async fn pages_of_noise_are_an_error_or_harmless() {
    damage("noise", |bytes, random| {
        let pages = bytes.len() as u64 / 4096;
        let from = usize::try_from(random.below(pages) * 4096).unwrap();
        for byte in &mut bytes[from..from + 4096] {
            *byte = random.u64().to_le_bytes()[0];
        }
    })
    .await;
}

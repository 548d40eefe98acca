//! Storage that is full.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use mainspring_core::error::ErrorKind;
use mainspring_core::job::{Payload, Verdict};
use mainspring_core::store::{Finish, Finished, Store};
use mainspring_core::telemetry::event;

use crate::support::{Place, Stopwatch, at, within};
use crate::warnings::Log;

/// A disk of its own for a place; only an administrator can make one.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &options, "none"])
            .arg(folder);
        let done = mount.output().is_ok_and(|output| output.status.success());
        if !done {
            println!("not run: no disk can be mounted here");
        }
        done.then_some(Self(folder))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let mut umount = Command::new("umount");
        let lazy = umount.arg("-l").arg(self.0).status();
        drop(lazy);
    }
}

#[tokio::test]
async fn work_goes_on_when_a_full_disk_has_room_again() {
    let place = Place::new();
    let folder = place.folder.path().to_owned();
    let Some(_disk) = Disk::mount(&folder, "4m") else {
        return;
    };
    let log = Log::default();
    let _heard = log.listen();
    let store = place.open();
    let session = place.session(&store).await;
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    let running = place.claim(&store, session).await.jobs[0].claim;
    let mut acknowledged = Vec::new();
    let error = loop {
        let jobs: Vec<_> = std::iter::repeat_with(|| place.job("b")).take(10).collect();
        let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
        match store.enqueue(at(0), jobs).await {
            Ok(_) => acknowledged.extend(ids),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error:?}");
    assert!(error.hint().is_some() && !acknowledged.is_empty());
    fill(&folder);
    let output = Some(Bytes::from(vec![b'7'; 60_000]));
    let verdict = Verdict::Succeed { output };
    let attempt = Finish::new(running, verdict, Some(at(1)));
    let mut finish = store.finish(at(1), vec![attempt]);
    let early = within(Duration::from_millis(400), &mut finish).await;
    assert!(early.is_none(), "an engine waits for room: {early:?}");
    assert_eq!(
        log.count(event::STORE_FULL),
        1,
        "one line, not ten a second"
    );
    let watch = Stopwatch::start();
    fs::remove_file(ballast).unwrap();
    let finished = finish.await.unwrap();
    assert!(watch.seconds() < 5.0, "{}", watch.seconds());
    assert!(matches!(finished[..], [Finished::Now(_)]));
    store.enqueue(at(2), vec![place.job("a")]).await.unwrap();
    for ids in acknowledged.chunks(100) {
        let found = store.get_many(ids.to_vec()).await.unwrap();
        assert!(found.iter().all(Option::is_some));
    }
    store.close().await.unwrap();
    place.check_integrity();
}

/// Takes what room is left for a page or two.
fn fill(folder: &Path) {
    let mut number = 0;
    while fs::write(folder.join(format!("fill-{number}")), vec![1; 4096]).is_ok() {
        number += 1;
    }
}

#[tokio::test]
async fn a_large_job_on_a_small_disk_leaves_no_half() {
    let place = Place::new();
    let folder = place.folder.path().to_owned();
    let Some(_disk) = Disk::mount(&folder, "2m") else {
        return;
    };
    let store = place.open();
    let mut jobs: Vec<_> = std::iter::repeat_with(|| place.job("a")).take(20).collect();
    for job in &mut jobs {
        job.payload = Payload::from_json(vec![b'7'; 200_000], 1).unwrap();
    }
    let error = store.enqueue(at(0), jobs).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error:?}");
    assert!(store.counts().await.unwrap().is_empty());
    store.enqueue(at(0), vec![place.job("a")]).await.unwrap();
    store.close().await.unwrap();
    place.check_integrity();
}

//! The welcome mail: a durable job, and the outbox that it writes to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mainspring::prelude::*;
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;

/// The mail that a new user gets; enqueued in the transaction of the registration.
#[derive(Debug, Serialize, Deserialize, Job)]
#[job(kind = "welcome-mail")]
pub(crate) struct WelcomeMail {
    pub(crate) email: String,
    pub(crate) registered_at: Timestamp,
}

impl WelcomeMail {
    /// The whole mail; every attempt of a job writes the same bytes.
    fn text(&self, key: &str) -> String {
        let date = self.registered_at.strftime("%a, %d %b %Y %H:%M:%S +0000");
        let to = &self.email;
        format!(
            "Date: {date}\nFrom: quickstart@example.com\nTo: {to}\nSubject: Welcome\n\
             Message-ID: <{key}@example.com>\nMIME-Version: 1.0\n\
             Content-Type: text/plain; charset=utf-8\n\nWelcome! Your account is ready.\n"
        )
    }
}

/// The folder that mails are put in, for a mail server to take them from.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(Arc<PathBuf>);

impl Outbox {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(Arc::new(folder))
    }

    /// Puts a mail there, whole or not at all; a second time it is the same file.
    fn put(&self, key: &str, text: &str) -> Result<(), BoxError> {
        let folder = self.0.as_path();
        let (part, whole) = (
            folder.join(format!("{key}.part")),
            folder.join(format!("{key}.eml")),
        );
        let put = write(&part, text).and_then(|()| {
            std::fs::rename(&part, &whole)?;
            // The name is in the folder, which has to reach the disk as well.
            File::open(folder)?.sync_all()
        });
        put.map_err(|error| format!("cannot write {}: {error}", whole.display()).into())
    }
}

impl Component for Outbox {
    fn name(&self) -> &str {
        "outbox"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        let folder = Arc::clone(&self.0);
        blocking(move || {
            std::fs::create_dir_all(&*folder)
                .map_err(|error| format!("cannot make {}: {error}", folder.display()).into())
        })
        .await
    }
}

impl Worker for Outbox {
    type Job = WelcomeMail;

    async fn work(&self, ctx: JobContext, mail: WelcomeMail) -> Result<Outcome, BoxError> {
        let (outbox, key) = (self.clone(), ctx.idempotency_key());
        blocking(move || outbox.put(&key, &mail.text(&key))).await?;
        Ok(Done)
    }
}

/// Writes the file up to the disk. What an attempt before has left of it is overwritten and not
/// truncated first: if that attempt is not quite dead, both write the same.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

//! What the programs work on.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mainspring::prelude::*;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{SqlitePool, SqliteTransaction};

use crate::RegisterInput;

const SCHEMA: &str = "\
    create table if not exists users (id integer primary key, email text not null unique) strict";

pub(crate) struct Stores {
    pub(crate) cache: CacheStore,
    pub(crate) users: UserStore,
    pub(crate) analytics: Analytics,
    pub(crate) mailer: Mailer,
}

impl Stores {
    /// Users in this file, where the jobs are as well.
    pub(crate) fn on(file: &Path) -> Self {
        Self {
            cache: CacheStore,
            users: UserStore::on(file),
            analytics: Analytics::default(),
            mailer: Mailer::default(),
        }
    }
}

pub(crate) struct CacheStore;

impl CacheStore {
    pub(crate) async fn prefetch(&self, ctx: Context, keys: &[&str]) -> Result<(), BoxError> {
        for _key in keys {
            ctx.sleep(Duration::from_millis(10)).await?;
        }
        Ok(())
    }
}

pub(crate) fn popular_keys() -> &'static [&'static str] {
    &["mainsprings", "hands"]
}

#[derive(Clone)]
pub(crate) struct UserStore(SqlitePool);

impl UserStore {
    fn on(file: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true);
        Self(SqlitePoolOptions::new().connect_lazy_with(options))
    }

    pub(crate) async fn begin_immediate(&self) -> sqlx::Result<SqliteTransaction<'static>> {
        self.0.begin_with("BEGIN IMMEDIATE").await
    }

    pub(crate) async fn create(
        &self,
        tx: &mut SqliteTransaction<'_>,
        input: &RegisterInput,
    ) -> Result<i64, ActionError> {
        let created = sqlx::query_scalar("insert into users (email) values (?) returning id")
            .bind(&input.email)
            .fetch_one(&mut **tx)
            .await;
        created.map_err(|error| match error.as_database_error() {
            Some(taken) if taken.is_unique_violation() => {
                ActionError::conflict("this address is registered already")
            }
            _ => error.into(),
        })
    }
}

impl Component for UserStore {
    fn name(&self) -> &str {
        "users"
    }

    async fn start(&self, _ctx: Context) -> Result<(), BoxError> {
        sqlx::raw_sql(SCHEMA).execute(&self.0).await?;
        Ok(())
    }

    async fn stop(&self, _ctx: Context) -> Result<(), BoxError> {
        self.0.close().await;
        Ok(())
    }
}

#[derive(Clone, Default)]
pub(crate) struct Analytics(Arc<Mutex<Vec<i64>>>);

impl Analytics {
    pub(crate) async fn record(&self, ctx: Context, _: &str, user: i64) -> Result<(), BoxError> {
        ctx.sleep(Duration::from_secs(1)).await?;
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.push(user);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn recorded(&self) -> Vec<i64> {
        let recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.clone()
    }
}

/// Sends each mail once, by its key.
#[derive(Clone, Default)]
pub(crate) struct Mailer(Arc<Mutex<Vec<(String, i64)>>>);

impl Mailer {
    pub(crate) async fn send_once(&self, key: String, user: i64) -> Result<(), BoxError> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.iter().all(|(known, _)| *known != key) {
            sent.push((key, user));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn sent(&self) -> Vec<i64> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().map(|(_, user)| *user).collect()
    }
}

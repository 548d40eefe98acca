-- One row: what this database is.
CREATE TABLE mainspring_store (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id BLOB NOT NULL
) STRICT;
INSERT INTO mainspring_store (one, id) VALUES (1, randomblob(16));

-- A queue and a kind. Ready jobs are kept by lane, so that a claim never meets a kind it does not know.
CREATE TABLE mainspring_lane (
  lane INTEGER PRIMARY KEY,
  queue TEXT NOT NULL,
  kind TEXT NOT NULL,
  UNIQUE (queue, kind)
) STRICT;

-- What changes while a job lives stands first, what never does last: an update in place rewrites the
-- row, and a payload that would overflow its page stands in mainspring_detail.
--
-- pen and ord say where a job is looked for, so that one index serves all who look: ready jobs in
-- lane * 4, those that must run alone in lane * 4 + 2, those behind a gate in gate * 4 + 1, scheduled
-- ones in 0 by due, those that are over in -state by ended_at; nowhere while they run. Each index that
-- a change of state touches costs as much as the rest of the statement. (A list after IN in an index's
-- condition would build a table of its own each time.)
--
-- barred: 1 held behind its gate, 2 must run alone. marks: see marks.rs. outcome: see outcome.rs.
CREATE TABLE mainspring_job (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  lane INTEGER NOT NULL,
  state INTEGER NOT NULL,
  pen INTEGER,
  barred INTEGER NOT NULL,
  marks INTEGER NOT NULL,
  ord INTEGER NOT NULL,
  due INTEGER NOT NULL,
  level INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  claims INTEGER NOT NULL,
  deaths INTEGER NOT NULL,
  gate INTEGER,
  token BLOB,
  session BLOB,
  enqueued_at INTEGER NOT NULL,
  claimed_at INTEGER,
  began_at INTEGER,
  ended_at INTEGER,
  outcome INTEGER,
  version INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  meta TEXT,
  payload BLOB
) STRICT;
CREATE INDEX mainspring_job_pen ON mainspring_job (pen, ord, seq) WHERE pen IS NOT NULL;

-- Running jobs that somebody wants cancelled.
CREATE TABLE mainspring_wish (
  seq INTEGER PRIMARY KEY,
  session BLOB NOT NULL
) STRICT;

-- What few jobs have.
CREATE TABLE mainspring_detail (
  seq INTEGER PRIMARY KEY,
  error TEXT,
  cancel TEXT,
  schedule TEXT,
  scheduled_for INTEGER,
  unique_key TEXT,
  progress BLOB,
  cursor BLOB,
  output BLOB,
  payload BLOB
) STRICT;

-- Attempts before the one that stands in the job's row.
CREATE TABLE mainspring_attempt (
  seq INTEGER NOT NULL,
  claim INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  session BLOB,
  claimed_at INTEGER NOT NULL,
  ended_at INTEGER,
  outcome INTEGER NOT NULL,
  error TEXT,
  PRIMARY KEY (seq, claim)
) STRICT, WITHOUT ROWID;

-- Unique keys that are taken. until: when a key with a window is free again.
CREATE TABLE mainspring_unique (
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  id BLOB NOT NULL,
  until INTEGER,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX mainspring_unique_until ON mainspring_unique (until) WHERE until IS NOT NULL;

-- used: how many places are taken. tat: the state of its rate. opens_at: when the rate lets the next
-- one in, if nothing else keeps it out.
CREATE TABLE mainspring_gate (
  gate INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  used INTEGER NOT NULL,
  cap INTEGER NOT NULL,
  rate_count INTEGER,
  rate_per INTEGER,
  tat INTEGER NOT NULL,
  opens_at INTEGER
) STRICT;
CREATE INDEX mainspring_gate_opens ON mainspring_gate (opens_at) WHERE opens_at IS NOT NULL;

-- A queue about which something was said: that it is paused, where its rate is.
CREATE TABLE mainspring_queue (
  queue TEXT PRIMARY KEY,
  paused INTEGER NOT NULL DEFAULT 0,
  tat INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE mainspring_session (
  session BLOB PRIMARY KEY,
  name TEXT NOT NULL,
  opened_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What one claim took: rows are the jobs' numbers, 8 bytes each. A claim of a thousand jobs is one row
-- here instead of a thousand entries of an index. It is removed after the last of its jobs; a rescue
-- reads it and asks each job whether it still runs under this token.
CREATE TABLE mainspring_claim (
  token BLOB PRIMARY KEY,
  session BLOB NOT NULL,
  rows BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE mainspring_schedule (
  schedule TEXT PRIMARY KEY,
  cursor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

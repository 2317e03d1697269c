//! The SQLite database: opening, schema, recovery.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use crate::clock;
use crate::item::{Item, OCTET_STREAM};

const SCHEMA_VERSION: i64 = 1;

/// `history` keeps every version ever written and so is also the sequence: the next version is its
/// maximum plus one, in the same transaction as the write.
///
/// The times of a version are those of its transaction. `visible_ns` is known only after COMMIT, so it
/// is NULL until the next transaction (or the idle timer) writes it.
const SCHEMA: &str = "
CREATE TABLE items(
  key BLOB NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  value BLOB,
  content_type BLOB,
  modified_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE history(
  version INTEGER PRIMARY KEY,
  first_version INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  key BLOB NOT NULL
) STRICT;
CREATE TABLE transactions(
  first_version INTEGER PRIMARY KEY,
  began_ns INTEGER NOT NULL,
  visible_ns INTEGER
) STRICT;
CREATE TABLE idempotency(
  key TEXT NOT NULL PRIMARY KEY,
  fingerprint BLOB NOT NULL,
  status INTEGER NOT NULL,
  version INTEGER,
  body TEXT NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency(at_ms);
CREATE TABLE boot(id TEXT NOT NULL) STRICT;
";

/// Why the origin cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite refused.
    #[error("database {name}: {source}")]
    Sqlite {
        /// As given on the command line.
        name: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Two writers would give out the same versions.
    #[error("database {0} is in use by another edgecmp-origin")]
    InUse(String),
    /// The lock file cannot be made.
    #[error("lock file {0}: {1}")]
    LockFile(PathBuf, std::io::Error),
    /// Written by another release.
    #[error("database {0} has schema {1}, this release knows schema {SCHEMA_VERSION}")]
    Schema(String, i64),
}

/// Where the data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this process; for tests and demos.
    Memory,
    /// A file; WAL, every commit is on disk before it is acknowledged.
    File(PathBuf),
}

impl FromStr for Location {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            ":memory:" => Self::Memory,
            path => Self::File(PathBuf::from(path)),
        })
    }
}

/// What the writer owns.
#[derive(Debug)]
pub struct Database {
    /// The one connection that writes.
    pub connection: Connection,
    /// The last version given out; 0 if none.
    pub last_version: u64,
    /// Held until the writer ends. The system drops it when the process dies.
    _lock: Option<File>,
}

/// An opened database and what it held.
#[derive(Debug)]
pub struct Recovered {
    /// For the writer.
    pub database: Database,
    /// For reads of the history.
    pub read: Connection,
    /// All keys, tombstones included.
    pub items: HashMap<Bytes, Item>,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
}

impl Recovered {
    /// Opens, creates what is missing, and ends what a crash left open.
    pub fn open(location: &Location) -> Result<Self, OpenError> {
        let path = match location {
            Location::Memory => None,
            Location::File(path) => Some(path.clone()),
        };
        let name = path.as_ref().map_or(":memory:".to_owned(), |path| path.display().to_string());
        let lock = path.as_deref().map(|path| lock(path, &name)).transpose()?;
        let sqlite = |source| OpenError::Sqlite { name: name.clone(), source };
        let target = target(location);
        let connection = connect(&target).map_err(sqlite)?;
        prepare(&connection, &name)?;
        recover_times(&connection).map_err(sqlite)?;
        let items = load_items(&connection).map_err(sqlite)?;
        let last_version = connection
            .query_row("SELECT coalesce(max(version), 0) FROM history", [], |row| row.get(0))
            .map_err(sqlite)?;
        let read = connect(&target).map_err(sqlite)?;
        let database = Database { connection, last_version, _lock: lock };
        Ok(Self { database, read, items, path })
    }
}

/// A name that two connections can open. The `memdb` VFS is SQLite's in-memory database that has one.
fn target(location: &Location) -> PathBuf {
    static MEMORY_DATABASES: AtomicU64 = AtomicU64::new(0);
    match location {
        Location::Memory => {
            let number = MEMORY_DATABASES.fetch_add(1, Ordering::Relaxed);
            PathBuf::from(format!("file:/edgecmp-origin-{number}?vfs=memdb"))
        }
        Location::File(path) => path.clone(),
    }
}

fn lock(path: &Path, name: &str) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    let failed = |error| OpenError::LockFile(lock_path.clone(), error);
    let file = File::create(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(name.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn connect(target: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(target)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    // A database in memory has no WAL and says so; that is fine.
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Rewriting a few hundred documents per transaction fills the default 1,000 pages at once.
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn prepare(connection: &Connection, name: &str) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { name: name.to_owned(), source };
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
    match found {
        0 => connection
            .execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"))
            .map_err(sqlite),
        SCHEMA_VERSION => Ok(()),
        other => Err(OpenError::Schema(name.to_owned(), other)),
    }
}

/// Ends what was open, before anyone can be served.
///
/// A transaction that was committed but whose visibility was not yet recorded becomes visible now:
/// nobody could be served in between. Times of an earlier boot of the machine do not compare with
/// ours; what was written then was visible before this boot began, so both become 0.
fn recover_times(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let boot = clock::boot_id();
    let known: Option<String> =
        transaction.query_row("SELECT id FROM boot", [], |row| row.get(0)).optional()?;
    if known.as_deref() != Some(&boot) {
        transaction.execute("UPDATE transactions SET began_ns = 0, visible_ns = 0", [])?;
        transaction.execute("DELETE FROM boot", [])?;
        transaction.execute("INSERT INTO boot(id) VALUES (?1)", [&boot])?;
    }
    transaction.execute(
        "UPDATE transactions SET visible_ns = ?1 WHERE visible_ns IS NULL",
        [clock::boottime_ns()],
    )?;
    transaction.commit()
}

fn load_items(connection: &Connection) -> rusqlite::Result<HashMap<Bytes, Item>> {
    let mut statement =
        connection.prepare("SELECT key, version, value, content_type, modified_ms FROM items")?;
    let mut rows = statement.query(params![])?;
    let mut items = HashMap::new();
    while let Some(row) = rows.next()? {
        let content_type = row.get::<_, Option<Vec<u8>>>(3)?;
        let item = Item {
            version: row.get(1)?,
            value: row.get::<_, Option<Vec<u8>>>(2)?.map(Bytes::from),
            content_type: content_type
                .and_then(|bytes| HeaderValue::from_bytes(&bytes).ok())
                .unwrap_or(OCTET_STREAM),
            modified_ms: row.get(4)?,
        };
        items.insert(Bytes::from(row.get::<_, Vec<u8>>(0)?), item);
    }
    Ok(items)
}

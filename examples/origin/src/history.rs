//! The history: every version ever written and when it became visible, for an oracle.
//!
//! # Records
//!
//! A page is a plain sequence of records, little-endian, in version order and without gaps:
//!
//! | bytes | field | |
//! |---|---|---|
//! | 0..8 | `version` u64 | from 1, each one more than the last |
//! | 8..16 | `began_ns` u64 | before this instant nobody could see it |
//! | 16..24 | `visible_ns` u64 | no read that starts after this instant misses it |
//! | 24..28 | `crc` u32 | CRC-32 (IEEE) of the value; 0 for a delete |
//! | 28 | `kind` u8 | 0 value, 1 delete |
//! | 29 | reserved | 0 |
//! | 30..32 | `key_len` u16 | |
//! | 32.. | key | `key_len` bytes |
//!
//! Times are `CLOCK_BOOTTIME` nanoseconds of the origin's machine. Both are 0 for a version that was
//! written before the machine's present boot. An empty page: there is nothing after `after` yet.

use std::sync::Arc;

use axum::http::StatusCode;
use parking_lot::Mutex;
use rusqlite::{Connection, params};

use crate::problem::Problem;

/// Bytes of a record before its key.
pub const HEADER_BYTES: usize = 32;

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The version.
    pub version: u64,
    /// Before this instant nobody could see it.
    pub began_ns: u64,
    /// No read that starts after this instant misses it.
    pub visible_ns: u64,
    /// CRC-32 of the value, 0 for a delete.
    pub crc: u32,
    /// The key was deleted.
    pub deleted: bool,
    /// The key.
    pub key: Vec<u8>,
}

impl Record {
    fn write(&self, page: &mut Vec<u8>) {
        // Keys have at most 4,096 bytes; what the database holds went through that check.
        let key_len = u16::try_from(self.key.len()).unwrap_or(u16::MAX);
        page.extend_from_slice(&self.version.to_le_bytes());
        page.extend_from_slice(&self.began_ns.to_le_bytes());
        page.extend_from_slice(&self.visible_ns.to_le_bytes());
        page.extend_from_slice(&self.crc.to_le_bytes());
        page.extend_from_slice(&[u8::from(self.deleted), 0]);
        page.extend_from_slice(&key_len.to_le_bytes());
        page.extend_from_slice(&self.key[..usize::from(key_len)]);
    }

    /// Reads the first record of `page` and what follows it; `None` if it is not whole.
    pub fn read(page: &[u8]) -> Option<(Self, &[u8])> {
        let (version, page) = page.split_first_chunk()?;
        let (began_ns, page) = page.split_first_chunk()?;
        let (visible_ns, page) = page.split_first_chunk()?;
        let (crc, page) = page.split_first_chunk()?;
        let ([kind, _reserved], page) = page.split_first_chunk()?;
        let (key_len, page) = page.split_first_chunk()?;
        let (key, page) = page.split_at_checked(usize::from(u16::from_le_bytes(*key_len)))?;
        let record = Self {
            version: u64::from_le_bytes(*version),
            began_ns: u64::from_le_bytes(*began_ns),
            visible_ns: u64::from_le_bytes(*visible_ns),
            crc: u32::from_le_bytes(*crc),
            deleted: *kind == 1,
            key: key.to_vec(),
        };
        Some((record, page))
    }
}

/// Reads pages on a connection of its own, so that a long page does not hold up the writer.
#[derive(Debug, Clone)]
pub struct HistoryReader {
    connection: Arc<Mutex<Connection>>,
}

impl HistoryReader {
    /// `connection`: to the database the writer writes.
    pub fn new(connection: Connection) -> Self {
        Self { connection: Arc::new(Mutex::new(connection)) }
    }

    /// At most `limit` records after version `after`, encoded.
    pub async fn page(&self, after: u64, limit: u32) -> Result<Vec<u8>, Problem> {
        let connection = Arc::clone(&self.connection);
        let read = move || read_page(&connection.lock(), after, limit);
        let failed = |error: &dyn std::fmt::Display| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("history not read: {error}"))
        };
        let page = tokio::task::spawn_blocking(read).await.map_err(|error| failed(&error))?;
        page.map_err(|error| failed(&error))
    }
}

/// Times are recorded in version order, so that the rows with both times are a prefix.
fn read_page(connection: &Connection, after: u64, limit: u32) -> rusqlite::Result<Vec<u8>> {
    let mut statement = connection.prepare_cached(
        "SELECT version, began_ns, visible_ns, crc, kind, key
         FROM history CROSS JOIN transactions USING (first_version)
         WHERE version > ?1 AND visible_ns IS NOT NULL
         ORDER BY version LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, limit])?;
    let mut page = Vec::new();
    while let Some(row) = rows.next()? {
        let record = Record {
            version: row.get(0)?,
            began_ns: row.get(1)?,
            visible_ns: row.get(2)?,
            crc: row.get(3)?,
            deleted: row.get(4)?,
            key: row.get(5)?,
        };
        record.write(&mut page);
    }
    Ok(page)
}

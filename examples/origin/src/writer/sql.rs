//! The writer's statements, prepared once and cached by the connection.

use axum::http::StatusCode;
use rusqlite::{OptionalExtension, Result, Transaction, params};

use super::{Answer, Idempotency};
use crate::item::Item;

/// Kinds in `history`.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Value = 0,
    Delete = 1,
}

pub fn put_item(transaction: &Transaction<'_>, key: &[u8], item: &Item) -> Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO items(key, version, value, content_type, modified_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT(key) DO UPDATE SET version = excluded.version, value = excluded.value,
           content_type = excluded.content_type, modified_ms = excluded.modified_ms",
    )?;
    let content_type = item.value.as_ref().map(|_| item.content_type.as_bytes());
    let value = item.value.as_deref();
    statement.execute(params![key, item.version, value, content_type, item.modified_ms])?;
    Ok(())
}

pub fn add_history(transaction: &Transaction<'_>, key: &[u8], item: &Item, first_version: u64) -> Result<()> {
    let (kind, crc) = match &item.value {
        Some(value) => (Kind::Value, crc32fast::hash(value)),
        None => (Kind::Delete, 0),
    };
    let mut statement = transaction.prepare_cached(
        "INSERT INTO history(version, first_version, kind, crc, key) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    statement.execute(params![item.version, first_version, kind as i64, crc, key])?;
    Ok(())
}

pub fn add_transaction(transaction: &Transaction<'_>, first_version: u64, began_ns: u64) -> Result<()> {
    let mut statement =
        transaction.prepare_cached("INSERT INTO transactions(first_version, began_ns) VALUES (?1, ?2)")?;
    statement.execute(params![first_version, began_ns])?;
    Ok(())
}

pub fn set_visible(transaction: &Transaction<'_>, first_version: u64, visible_ns: u64) -> Result<()> {
    let mut statement =
        transaction.prepare_cached("UPDATE transactions SET visible_ns = ?2 WHERE first_version = ?1")?;
    statement.execute(params![first_version, visible_ns])?;
    Ok(())
}

/// The answer once given to this idempotency key, with the fingerprint of its request.
pub fn find_answer(transaction: &Transaction<'_>, key: &str) -> Result<Option<([u8; 32], Answer)>> {
    let mut statement = transaction
        .prepare_cached("SELECT fingerprint, status, version, body FROM idempotency WHERE key = ?1")?;
    statement
        .query_row([key], |row| {
            let status: u16 = row.get(1)?;
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
                version: row.get(2)?,
                body: row.get(3)?,
                replayed: true,
            };
            Ok((row.get(0)?, answer))
        })
        .optional()
}

pub fn keep_answer(
    transaction: &Transaction<'_>,
    idempotency: &Idempotency,
    answer: &Answer,
    at_ms: i64,
) -> Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO idempotency(key, fingerprint, status, version, body, at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let Idempotency { key, fingerprint } = idempotency;
    let status = answer.status.as_u16();
    statement.execute(params![key, fingerprint, status, answer.version, answer.body, at_ms])?;
    Ok(())
}

/// Forgets at most `limit` answers older than `before_ms`, the oldest first.
pub fn prune_answers(transaction: &Transaction<'_>, before_ms: i64, limit: usize) -> Result<usize> {
    let mut statement = transaction.prepare_cached(
        "DELETE FROM idempotency WHERE key IN
           (SELECT key FROM idempotency WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
    )?;
    statement.execute(params![before_ms, limit])
}

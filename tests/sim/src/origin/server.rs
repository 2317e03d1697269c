//! The store: linearizable, idempotent, and its own historian.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::plan::{Plan, Sabotage, Validators};
use crate::world::Nanos;

/// One change of one key. Where it stands in its key's history is the order
/// that the oracle judges by.
#[derive(Clone, Debug)]
pub struct Row {
    /// The version that the origin calls it by.
    pub version: u128,
    pub value: Option<Bytes>,
    /// When it took effect: all at once.
    pub at: Nanos,
    /// The idempotency key under which it came; none for a restore.
    pub written_as: Option<Box<str>>,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Done(u128),
    /// The same idempotency key was here before: nothing was written again.
    Replayed(u128),
    /// `if_version` is not the present version.
    Conflict,
}

/// The system of record.
#[derive(Debug)]
pub struct Server {
    keys: BTreeMap<Vec<u8>, Key>,
    done: BTreeMap<Box<str>, u128>,
    wide: bool,
    sabotage: Sabotage,
    next_value: u64,
}

#[derive(Debug, Default)]
struct Key {
    rows: Vec<Row>,
    /// Not in the backup: a version is never given twice.
    last_version: u128,
}

impl Server {
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            keys: BTreeMap::new(),
            done: BTreeMap::new(),
            wide: plan.validators == Validators::Wide,
            sabotage: plan.sabotage,
            next_value: 0,
        }
    }

    /// A value that nobody has written before, `len` bytes long.
    pub fn fresh_value(&mut self, len: usize) -> Bytes {
        self.next_value += 1;
        let mut value = self.next_value.to_be_bytes().to_vec();
        value.resize(len.max(8), b'.');
        value.into()
    }

    /// What the key was at some instant.
    #[must_use]
    pub fn at(&self, key: &[u8], at: Nanos) -> Option<&Row> {
        self.keys.get(key)?.rows.iter().rev().find(|row| row.at <= at)
    }

    /// The whole history of all keys.
    pub fn histories(&self) -> impl Iterator<Item = (&[u8], &[Row])> {
        self.keys.iter().map(|(name, key)| (name.as_slice(), key.rows.as_slice()))
    }

    /// Writes, or deletes.
    pub fn write(
        &mut self,
        key: &[u8],
        value: Option<Bytes>,
        written_as: &str,
        if_version: Option<u128>,
        now: Nanos,
    ) -> Applied {
        if self.sabotage != Sabotage::ForgetfulOrigin
            && let Some(version) = self.done.get(written_as)
        {
            return Applied::Replayed(*version);
        }
        let wide = self.wide;
        let entry = self.keys.entry(key.to_vec()).or_default();
        let present = entry.rows.last().map_or(0, |row| row.version);
        if if_version.is_some_and(|expected| expected != present) {
            return Applied::Conflict;
        }
        let version = match (entry.last_version, wide) {
            (0, true) => 1 << 100,
            (last, _) => last + 1,
        };
        entry.last_version = version;
        if self.sabotage != Sabotage::LyingOrigin || version % 16 != 0 {
            entry.rows.push(Row { version, value, at: now, written_as: Some(written_as.into()) });
        }
        self.done.insert(written_as.into(), version);
        Applied::Done(version)
    }

    /// Goes back to what everything was at `then`. Says how many keys changed.
    pub fn restore(&mut self, then: Nanos, now: Nanos) -> usize {
        let mut changed = 0;
        for key in self.keys.values_mut() {
            let backup = key.rows.iter().rev().find(|row| row.at <= then).cloned();
            // A key that was not there then is left as it is: nothing has a version for "never".
            let Some(backup) = backup else { continue };
            if key.rows.last().is_some_and(|last| last.version != backup.version) {
                key.rows.push(Row { at: now, written_as: None, ..backup });
                changed += 1;
            }
        }
        changed
    }
}

//! The read snapshot: the current state of all keys, in memory.
//!
//! # Linearizability
//!
//! One thread writes (`writer`). It calls [`State::publish`] only *after* COMMIT and *before* it
//! acknowledges any write of the transaction, and a whole transaction is published under one write
//! lock. So a read never sees what could still be rolled back; a read that starts after an
//! acknowledgement sees that write; and once one read has seen a write, every later read does, of
//! this key and of every other key of the same transaction. After a crash the snapshot is rebuilt
//! from what was committed, before the first request is accepted.
//!
//! Readers hold the lock for a hash lookup and a reference count; values are shared, not copied.
//! The price: the current state has to fit in memory.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use parking_lot::RwLock;

use crate::item::Item;

/// How many superseded versions of a key fault injection can serve.
const KEPT_VERSIONS: usize = 16;

/// What readers see.
#[derive(Debug)]
pub struct State {
    tables: RwLock<Tables>,
}

#[derive(Debug)]
struct Tables {
    current: HashMap<Bytes, Item>,
    /// Superseded versions, newest last; only with fault injection.
    previous: Option<HashMap<Bytes, VecDeque<Item>>>,
}

impl State {
    /// The state as recovered from the database.
    pub fn new(current: HashMap<Bytes, Item>, keep_previous: bool) -> Self {
        let previous = keep_previous.then(HashMap::new);
        Self { tables: RwLock::new(Tables { current, previous }) }
    }

    /// The key's current item; a tombstone if it was deleted, `None` if it never was.
    pub fn get(&self, key: &[u8]) -> Option<Item> {
        self.tables.read().current.get(key).cloned()
    }

    /// Many keys as of one instant.
    pub fn get_many<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Vec<Option<Item>> {
        let tables = self.tables.read();
        keys.map(|key| tables.current.get(key).cloned()).collect()
    }

    /// A wrong answer on purpose: the item as it was `lag` versions of this key ago, as far as kept.
    pub fn get_lagging(&self, key: &[u8], lag: usize) -> Option<Item> {
        let tables = self.tables.read();
        let previous = tables.previous.as_ref().and_then(|all| all.get(key));
        match (lag, previous) {
            (1.., Some(items)) if !items.is_empty() => items.get(items.len().saturating_sub(lag)).cloned(),
            _ => tables.current.get(key).cloned(),
        }
    }

    /// Makes a committed transaction visible, at once and whole. `items` in version order.
    pub fn publish(&self, items: Vec<(Bytes, Item)>) {
        let mut tables = self.tables.write();
        let Tables { current, previous } = &mut *tables;
        for (key, item) in items {
            let replaced = current.insert(key.clone(), item);
            if let (Some(previous), Some(replaced)) = (previous.as_mut(), replaced) {
                let kept = previous.entry(key).or_default();
                kept.push_back(replaced);
                if kept.len() > KEPT_VERSIONS {
                    kept.pop_front();
                }
            }
        }
    }

    /// Keys known, tombstones included.
    pub fn key_count(&self) -> usize {
        self.tables.read().current.len()
    }
}

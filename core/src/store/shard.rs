//! One shard: a table for readers, a lock for writers, an account of bytes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::Usage;
use super::eviction::{Queue, Ticket, Turn};
use super::table::{Loaded, Place, Table};
use crate::facts::entry::Entry;

const FIRST_SLOTS: usize = 16;
/// Share of a table that may be in use (tombstones included) before it is replaced.
const MAX_LOAD: (usize, usize) = (7, 8);
/// What an entry costs beside itself: two slots (tables are half full on the
/// mean) and a ticket.
const PLACE_BYTES: usize = 2 * Table::SLOT_BYTES + size_of::<Ticket>();

/// What a writer does with a key.
#[derive(Debug)]
pub enum Change {
    /// Leave it.
    Keep,
    /// Put this entry in the place of what is there.
    Put(Arc<Entry>),
    /// Take it out.
    Remove,
}

/// What a change did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Entries that had to leave for it.
    pub evicted: usize,
    /// The entry alone is larger than the shard: it was not kept.
    pub too_large: bool,
}

/// One shard of a store.
#[derive(Debug)]
pub struct Shard {
    table: ArcSwap<Table>,
    writer: Mutex<Writer>,
    capacity: usize,
    /// Copies of the writer's account, for `usage` without its lock.
    entries: AtomicUsize,
    bytes: AtomicUsize,
    departures: AtomicU64,
}

#[derive(Debug, Default)]
struct Writer {
    queue: Queue,
    entries: usize,
    bytes: usize,
    /// Slots that are not empty: entries and tombstones.
    used_slots: usize,
}

impl Shard {
    /// An empty shard of at most `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self {
            table: ArcSwap::from_pointee(Table::new(FIRST_SLOTS)),
            writer: Mutex::default(),
            capacity,
            entries: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            departures: AtomicU64::new(0),
        }
    }

    /// See [`super::Store::departures`].
    pub fn departures(&self) -> u64 {
        self.departures.load(Ordering::Acquire)
    }

    /// See [`super::Store::load`].
    pub fn load(&self, hash: u64, key: &[u8]) -> Option<Loaded> {
        self.table.load().load(hash, |entry| entry.key().as_bytes() == key)
    }

    /// See [`super::Store::usage`].
    pub fn usage(&self) -> Usage {
        Usage { entries: self.entries.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// See [`super::Store::change`].
    pub fn change(
        &self,
        hash: u64,
        key: &[u8],
        decide: impl FnOnce(Option<&Arc<Entry>>) -> Change,
    ) -> Outcome {
        // What leaves is dropped after the lock is given back: freeing a large
        // value takes longer than anything else here.
        let mut leaving = Vec::new();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let table = self.table.load_full();
        let place = table.place(hash, |entry| entry.key().as_bytes() == key);
        let present = match place {
            Place::Occupied(slot) => table.get(slot),
            Place::Vacant { .. } => None,
        };
        let mut outcome = Outcome::default();
        let change = decide(present.as_ref());
        // Also what was never kept has left: it was returned to a read.
        let removed = matches!(change, Change::Remove);
        match (change, place) {
            (Change::Keep, _) | (Change::Remove, Place::Vacant { .. }) => {}
            (Change::Remove, Place::Occupied(slot)) => leaving.extend(writer.take(&table, slot)),
            (Change::Put(entry), _) if cost(&entry) > self.capacity => {
                outcome.too_large = true;
                // What was there is not current any more.
                if let Place::Occupied(slot) = place {
                    leaving.extend(writer.take(&table, slot));
                }
            }
            (Change::Put(entry), Place::Occupied(slot)) => {
                if let Some(old) = &present {
                    old.set_in_store(false);
                    entry.set_ticket(old.ticket());
                    writer.bytes = writer.bytes + cost(&entry) - cost(old);
                    if old.take_visited() {
                        entry.visit();
                    }
                }
                table.put(slot, hash, entry);
                leaving.extend(present);
            }
            (Change::Put(entry), Place::Vacant { slot, fresh }) => {
                entry.set_ticket(writer.queue.admit(hash));
                writer.entries += 1;
                writer.bytes += cost(&entry);
                writer.used_slots += usize::from(fresh);
                table.put(slot, hash, entry);
            }
        }
        outcome.evicted = self.make_room(&mut writer, &table, &mut leaving);
        if outcome.evicted > 0 || removed || outcome.too_large {
            self.departures.fetch_add(1, Ordering::AcqRel);
        }
        self.replace_if_crowded(&mut writer, &table);
        self.entries.store(writer.entries, Ordering::Relaxed);
        self.bytes.store(writer.bytes, Ordering::Relaxed);
        drop(writer);
        drop(leaving);
        outcome
    }

    fn make_room(&self, writer: &mut Writer, table: &Table, leaving: &mut Vec<Arc<Entry>>) -> usize {
        let before = leaving.len();
        while writer.bytes > self.capacity {
            let victim = writer.queue.next_victim(|ticket| match find(table, ticket) {
                None => Turn::Lapsed,
                Some(entry) if entry.take_visited() => Turn::Read,
                Some(_) => Turn::Idle,
            });
            let Some(ticket) = victim else { break };
            if let Place::Occupied(slot) = table.place(ticket.hash, |e| e.ticket() == ticket.number) {
                leaving.extend(writer.take(table, slot));
            }
        }
        leaving.len() - before
    }

    /// Publishes a new table when the present one is too full of entries or
    /// tombstones. Readers in the old one end their walk undisturbed.
    fn replace_if_crowded(&self, writer: &mut Writer, table: &Table) {
        if writer.used_slots * MAX_LOAD.1 < table.slots() * MAX_LOAD.0 {
            return;
        }
        let next = Table::new((writer.entries * 2).next_power_of_two().max(FIRST_SLOTS));
        // The eviction queue knows every entry's hash: nothing is hashed again.
        writer.queue.tidy(0, |ticket| find(table, ticket).is_some());
        for ticket in writer.queue.tickets() {
            if let Some(entry) = find(table, ticket)
                && let Place::Vacant { slot, .. } = next.place(ticket.hash, |_| false)
            {
                next.put(slot, ticket.hash, entry.to_arc());
            }
        }
        writer.used_slots = writer.entries;
        self.table.store(Arc::new(next));
    }
}

impl Writer {
    fn take(&mut self, table: &Table, slot: usize) -> Option<Arc<Entry>> {
        table.get(slot)?.set_in_store(false);
        let entry = table.take(slot)?;
        self.entries -= 1;
        self.bytes -= cost(&entry);
        self.queue.tidy(self.entries, |ticket| find(table, ticket).is_some());
        Some(entry)
    }
}

fn find(table: &Table, ticket: Ticket) -> Option<Loaded> {
    table.load(ticket.hash, |entry| entry.ticket() == ticket.number)
}

fn cost(entry: &Entry) -> usize {
    entry.footprint() + PLACE_BYTES
}

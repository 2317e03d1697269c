//! What the writers of one shard have: its lock, its account of bytes, its
//! eviction policy, and what waits to be freed.

use super::Usage;
use super::eviction::{Policy, Residents, Turn};
use super::limbo::Limbo;
use super::reclaim::Domain;
use super::table::{BUCKET, OwnedTable, Place, Published, Table};
use crate::facts::entry::{Entry, SharedEntry};
use crate::facts::memory::{self, allocated_by_system};
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};

/// Share of a table's slots that may be in use before it is replaced.
const MAX_LOAD: (usize, usize) = (4, 5);
/// Entries of a new table per entry that it has to hold: tables are between
/// half and four fifths full.
const GROWTH: (usize, usize) = (3, 2);
/// A table less full than that is replaced by a smaller one.
const MIN_LOAD: (usize, usize) = (1, 8);
const FIRST_BUCKETS: usize = 2;
/// Share of the capacity that retired entries may take before others leave for them.
const RETIRED_SHARE: usize = 64;
/// And where there is room, before a look at the readers.
const RETIRED_SHARE_IF_ROOM: usize = 16;

/// What a writer does with a key.
#[derive(Debug)]
pub enum Change {
    /// Leave it.
    Keep,
    /// Put this entry in the place of what is there.
    Put(SharedEntry),
    /// Take it out.
    Remove,
}

/// What a change did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Entries that had to leave for it.
    pub evicted: usize,
    /// The entry was not kept: it alone is larger than the shard, or a reader has
    /// held back for so long what had left that there is no memory for more.
    pub not_kept: bool,
}

/// The parts of the store that a shard's writer needs.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The shard's table.
    pub published: &'a Published,
    /// The store's readers.
    pub domain: &'a Domain,
    /// The store's hash function.
    pub hasher: &'a super::HashState,
    /// See [`super::Store::removals`].
    pub removals: &'a AtomicU64,
}

impl Surroundings<'_> {
    /// An entry leaves the store: before readers can find it gone. Under the shard's lock.
    fn note_removal(&self, entry: &Entry) {
        entry.set_in_store(false);
        // Nobody else writes it. Release: who sees the count sees that.
        self.removals.store(self.removals.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    fn hash(&self, key: &[u8]) -> u64 {
        super::hash(self.hasher, key)
    }
}

/// The writers' side of one shard.
///
/// What the replacement of an entry writes stands first, and together: most often
/// another processor wrote it last, and each of its lines has to come from there.
#[derive(Debug)]
#[repr(C)]
pub struct Shard {
    /// Copies of the writer's account, for `usage` without its lock.
    bytes: AtomicUsize,
    entries: AtomicUsize,
    removals: AtomicU64,
    departures: AtomicU64,
    capacity: usize,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
#[repr(C)]
struct Writer {
    limbo: Limbo<Retired>,
    /// Bytes of the entries.
    live: usize,
    /// Bytes of the table, and of what the policy takes.
    fixed: usize,
    /// Bytes retired since the last look at the readers.
    retired: usize,
    /// A group of the limbo is full: some of those before may be free by now.
    sealed: bool,
    /// A table waits to be freed: worth a look at the readers at once.
    rebuilt: bool,
    /// Most of what was here has left: so may what is kept for entries to come.
    deserted: bool,
    entries: usize,
    /// Slots that are not as if never used.
    used_slots: usize,
    /// Where the sweep goes on.
    sweep: usize,
    policy: Policy,
}

/// What was unlinked: kept only to be dropped in time.
#[derive(Debug)]
#[expect(dead_code, reason = "dropping it is all that is done with it")]
enum Retired {
    Entry(SharedEntry),
    Table(OwnedTable),
}

impl Shard {
    /// An empty shard of at most `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        let writer = Writer {
            limbo: Limbo::default(),
            live: 0,
            fixed: 0,
            retired: 0,
            sealed: false,
            rebuilt: false,
            deserted: false,
            entries: 0,
            used_slots: 0,
            sweep: 0,
            policy: Policy::new(),
        };
        Self {
            bytes: AtomicUsize::new(0),
            entries: AtomicUsize::new(0),
            removals: AtomicU64::new(0),
            departures: AtomicU64::new(0),
            capacity,
            writer: Mutex::new(writer),
        }
    }

    /// The table of a shard that holds nothing yet.
    pub fn first_table() -> OwnedTable {
        OwnedTable::new(FIRST_BUCKETS)
    }

    /// See [`super::Store::departures`].
    pub fn departures(&self) -> u64 {
        self.departures.load(Ordering::Acquire)
    }

    /// See [`super::Store::removals`].
    #[inline]
    pub fn removals(&self) -> &AtomicU64 {
        &self.removals
    }

    /// See [`super::Store::usage`].
    pub fn usage(&self) -> Usage {
        Usage { entries: self.entries.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// See [`super::Store::change`].
    pub fn change(
        &self,
        around: Surroundings<'_>,
        hash: u64,
        key: &[u8],
        decide: impl FnOnce(Option<&Entry>) -> Change,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut writer = self.writer();
        // SAFETY: the shard's lock is held.
        let table = unsafe { around.published.load() };
        let place = table.place(hash, key);
        let present = match place {
            Place::Occupied(slot) => entry_in(table, slot),
            Place::Vacant { .. } => None,
        };
        let change = decide(present.as_ref());
        // Also what was never kept has left: it was returned to a read.
        let removed = matches!(change, Change::Remove);
        let brought = if let Change::Put(entry) = &change { entry.footprint() } else { 0 };
        match (change, place) {
            (Change::Keep, _) | (Change::Remove, Place::Vacant { .. }) => {}
            (Change::Remove, Place::Occupied(slot)) => writer.remove(around, table, slot),
            (Change::Put(_), _) if brought > self.largest() || self.is_held_up(&writer) => {
                outcome.not_kept = true;
                // What was there is not current any more.
                if let Place::Occupied(slot) = place {
                    writer.remove(around, table, slot);
                }
            }
            (Change::Put(entry), Place::Occupied(slot)) => {
                let grown = writer.replace(around, table, (slot, hash), (entry, brought));
                if !grown && writer.limbo.bytes() <= self.capacity / RETIRED_SHARE {
                    // Nothing has to leave for it.
                    self.end(writer, around, false);
                    return outcome;
                }
            }
            (Change::Put(entry), Place::Vacant { slot, fresh }) => {
                writer.policy.admit(slot, hash, brought as u64);
                writer.entries += 1;
                writer.live += brought;
                writer.used_slots += usize::from(fresh);
                entry.set_in_store(true);
                table.put(slot, hash, entry);
            }
        }
        outcome.evicted = self.make_room(&mut writer, around, brought);
        if writer.rebuild(around) {
            // The new table may be larger.
            outcome.evicted += self.make_room(&mut writer, around, 0);
        }
        if outcome.evicted > 0 || removed || outcome.not_kept {
            self.note_departure(&writer);
        }
        writer.settle(around);
        self.end(writer, around, false);
        outcome
    }

    fn note_departure(&self, _locked: &Writer) {
        // Nobody else writes it.
        self.departures.store(self.departures.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Takes out what `spent` says of the next `buckets` buckets; how many
    /// left, and whether the round through the shard is over.
    pub fn sweep(
        &self,
        around: Surroundings<'_>,
        buckets: usize,
        mut spent: impl FnMut(&Entry) -> bool,
    ) -> (usize, bool) {
        let mut writer = self.writer();
        // SAFETY: the shard's lock is held.
        let table = unsafe { around.published.load() };
        let (from, to) = (writer.sweep, (writer.sweep + buckets * BUCKET).min(table.slots()));
        let before = writer.entries;
        for slot in from..to {
            if entry_in(table, slot as u32).is_some_and(|entry| spent(&entry)) {
                writer.remove(around, table, slot as u32);
            }
        }
        let over = to == table.slots();
        writer.sweep = if over { 0 } else { to };
        if writer.rebuild(around) {
            writer.sweep = 0;
        }
        let swept = before - writer.entries;
        if swept > 0 {
            self.note_departure(&writer);
        }
        writer.settle(around);
        // What left is freed at the end of a round at the latest: a shard that
        // nobody writes to would hold it for ever.
        self.end(writer, around, over);
        (swept, over)
    }

    /// Whether a reader that holds on to a hit keeps half the memory from being
    /// freed. Nothing new is kept then: all that leaves waits as well, and the
    /// memory would grow past the capacity.
    fn is_held_up(&self, writer: &Writer) -> bool {
        writer.limbo.bytes() > self.capacity / 2
    }

    /// The largest entry that is kept: a shard must have room for its own
    /// bookkeeping beside it.
    fn largest(&self) -> usize {
        self.capacity - self.capacity / RETIRED_SHARE - Table::BUCKET_BYTES * FIRST_BUCKETS
    }

    /// Evicts until there is room for the entries, the table, and a share for
    /// what waits to be freed; how many left.
    ///
    /// If more than the share waits (a reader holds on), entries have to leave
    /// for that too. But what is evicted now waits as well, and frees nothing
    /// before the reader ends: so a change takes out at most twice what it
    /// `brought`, and a reader that was only interrupted costs little.
    fn make_room(&self, writer: &mut Writer, around: Surroundings<'_>, brought: usize) -> usize {
        // SAFETY: the shard's lock is held.
        let table = unsafe { around.published.load() };
        let most = self.capacity - self.capacity / RETIRED_SHARE;
        let most_for_now = self.capacity - writer.reserve(self.capacity);
        let enough = writer.live.saturating_sub(2 * brought);
        let mut evicted = 0;
        while writer.bytes(table) > if writer.live > enough { most_for_now } else { most } {
            let Some(turn) = writer.policy.next(&Standing { table, around }) else { break };
            match turn {
                Turn::Evict(slot) => {
                    evicted += 1;
                    writer.retire(around, table, slot, false);
                }
                Turn::Lapsed(slot) => writer.used_slots -= usize::from(table.unreserve(slot)),
            }
        }
        evicted
    }

    /// Frees what can be freed, publishes the account.
    fn end<'a>(&'a self, mut writer: MutexGuard<'a, Writer>, around: Surroundings<'_>, tidy: bool) {
        let mut free = Vec::new();
        let look = std::mem::take(&mut writer.rebuilt) || (tidy && !writer.limbo.is_empty());
        if std::mem::take(&mut writer.sealed) || look || self.is_full_of_retired(&writer) {
            writer.limbo.collect(around.domain, &mut free);
            if look || around.domain.is_look_due() || self.is_full_of_retired(&writer) {
                writer.retired = 0;
                writer.limbo.seal(around.domain);
                // A look at the readers interrupts all processors: not under the lock.
                drop(writer);
                around.domain.oldest_pin();
                writer = self.writer();
                writer.limbo.collect(around.domain, &mut free);
            }
        }
        self.entries.store(writer.entries, Ordering::Relaxed);
        self.bytes.store(writer.live + writer.fixed + writer.limbo.bytes(), Ordering::Relaxed);
        let deserted = std::mem::take(&mut writer.deserted);
        drop(writer);
        // Without the lock: freeing a large value takes longer than anything else here.
        drop(free);
        if deserted {
            memory::tidy();
        }
    }

    /// Whether retired entries take so much that a look at the readers is worth it,
    /// and it was not had just now; beyond the capacity it is worth it always, and while
    /// nothing new is kept: then nothing may leave either that would make it due.
    fn is_full_of_retired(&self, writer: &Writer) -> bool {
        let (bytes, all) = (writer.limbo.bytes(), writer.live + writer.fixed + writer.limbo.bytes());
        let share = |part: usize| self.capacity / part;
        let has_room = all < self.capacity - share(RETIRED_SHARE_IF_ROOM);
        let most = share(if has_room { RETIRED_SHARE_IF_ROOM } else { RETIRED_SHARE });
        bytes > most && (writer.retired > most / 2 || all > self.capacity || self.is_held_up(writer))
    }
}

impl Writer {
    fn bytes(&self, table: Table<'_>) -> usize {
        self.live + self.fixed_bytes(table)
    }

    fn fixed_bytes(&self, table: Table<'_>) -> usize {
        allocated_by_system(table.bytes()) + self.policy.overhead_bytes()
    }

    /// Table and policy may take more, or less, than before.
    fn settle(&mut self, around: Surroundings<'_>) {
        // SAFETY: the shard's lock is held.
        self.fixed = self.fixed_bytes(unsafe { around.published.load() });
    }

    /// Keeps what was unlinked until nobody reads it.
    fn keep(&mut self, around: Surroundings<'_>, what: Retired, bytes: usize) {
        self.retired += bytes;
        self.sealed |= self.limbo.retire(around.domain, what, bytes);
    }

    /// Room for what waits to be freed. A reader that holds a hit for long may
    /// not empty the store: it costs half of it at the most.
    fn reserve(&self, capacity: usize) -> usize {
        self.limbo.bytes().clamp(capacity / RETIRED_SHARE, capacity / 2)
    }

    fn retire(&mut self, around: Surroundings<'_>, table: Table<'_>, slot: u32, reserved: bool) {
        if let Some(entry) = entry_in(table, slot) {
            // Before the key can be found missing.
            around.note_removal(&entry);
        }
        let (entry, as_new) = table.take(slot, reserved);
        if let Some(entry) = entry {
            let bytes = entry.footprint();
            self.entries -= 1;
            self.live -= bytes;
            self.used_slots -= usize::from(as_new);
            self.keep(around, Retired::Entry(entry), bytes);
        }
    }

    /// Takes an entry out for another reason than eviction: the policy still
    /// has its number, and gives it back when its turn comes.
    fn remove(&mut self, around: Surroundings<'_>, table: Table<'_>, slot: u32) {
        let bytes = entry_in(table, slot).map_or(0, |entry| entry.footprint());
        self.policy.removed(slot, bytes as u64);
        self.retire(around, table, slot, true);
    }

    /// Whether the new entry is larger than the one before.
    fn replace(
        &mut self,
        around: Surroundings<'_>,
        table: Table<'_>,
        (slot, hash): (u32, u64),
        (entry, bytes): (SharedEntry, usize),
    ) -> bool {
        if let Some(old) = entry_in(table, slot) {
            entry.inherit_visits(&old);
            // Before its successor can be found.
            around.note_removal(&old);
        }
        entry.set_in_store(true);
        let Some(old) = table.put(slot, hash, entry) else { return true };
        let before = old.footprint();
        if before != bytes {
            self.live = self.live + bytes - before;
            self.policy.reweighed(slot, before as u64, bytes as u64);
        }
        self.keep(around, Retired::Entry(old), before);
        bytes > before
    }

    /// Replaces the table if it is too full or too empty. Readers in the old one
    /// end their walk undisturbed.
    fn rebuild(&mut self, around: Surroundings<'_>) -> bool {
        // SAFETY: the shard's lock is held.
        let table = unsafe { around.published.load() };
        let slots = table.slots();
        let crowded = self.used_slots * MAX_LOAD.1 > slots * MAX_LOAD.0;
        let deserted = slots > FIRST_BUCKETS * BUCKET && self.entries * MIN_LOAD.1 < slots * MIN_LOAD.0;
        if !crowded && !deserted {
            return false;
        }
        let wanted = self.entries.max(BUCKET) * GROWTH.0 * MAX_LOAD.1 / (GROWTH.1 * MAX_LOAD.0);
        let next = OwnedTable::new(wanted.div_ceil(BUCKET).max(FIRST_BUCKETS));
        let mut moves = vec![None; slots];
        table.copy_to(next.table(), |key| around.hash(key), |from, to| moves[from as usize] = Some(to));
        self.policy.remap(|slot| moves[slot as usize]);
        self.used_slots = self.entries;
        let bytes = allocated_by_system(table.bytes());
        let old = around.published.replace(next);
        self.keep(around, Retired::Table(old), bytes);
        self.rebuilt = true;
        self.deserted |= deserted;
        true
    }
}

/// The entry in a slot, for a look: all that is taken out goes to the limbo
/// first, and what that gives out is dropped after the shard's lock.
fn entry_in(table: Table<'_>, slot: u32) -> Option<Entry> {
    // SAFETY: the caller has the lock and uses the view under it, see above.
    unsafe { table.entry(slot) }
}

/// What the policy may ask about the entries of a table.
struct Standing<'a> {
    table: Table<'a>,
    around: Surroundings<'a>,
}

impl Residents for Standing<'_> {
    fn take_visits(&self, slot: u32) -> u8 {
        entry_in(self.table, slot).map_or(0, |entry| entry.take_visits())
    }

    fn hash(&self, slot: u32) -> u64 {
        entry_in(self.table, slot).map_or(0, |entry| self.around.hash(entry.key()))
    }

    fn weight(&self, slot: u32) -> u64 {
        entry_in(self.table, slot).map_or(0, |entry| entry.footprint() as u64)
    }

    fn is_live(&self, slot: u32) -> bool {
        entry_in(self.table, slot).is_some()
    }
}

//! What JavaScript has a row of already: a hit that it was shown before costs a
//! number, not a copy, and its key need not be read again.
//!
//! A row holds all of an answer that is the same the next time. `lib/cache.js`
//! knows the number of a key's last row. Nothing here or there decides whether an
//! answer may be given: core does, each time. Either it is given the row's value,
//! and says whether it would return *that very entry* again (`Moment::renew`); or
//! it looks the key up, and if what it finds is an entry of which there is a row,
//! that is named in place of a new one.
//!
//! A renewal touches one cache line: of many keys few would be in the processor's
//! second-level cache if the entry itself were looked at each time, and those of
//! JavaScript beside it. The entry is looked at as long as core's eviction has use for
//! another visit of it.
//!
//! An entry is told by the address of its value. That is safe since the value is
//! held: while it is, no other can have the address, and it never changes. Only
//! reads that ask for nothing special have their rows named again: the bound that
//! they are held to is the same each time.
//!
//! What is held is bounded. Some time after the bound was reached all is forgotten,
//! and what is still read is soon known again; freeing it is spread over the calls
//! that follow.

use std::time::Duration;

use edgecmp::facts::entry::MAX_VISITS;
use edgecmp::{Cache, Reader, Renewal, Value};

/// Rows, at the most. Below what `environment::outcome` adds to numbers.
const MAX_ROWS: usize = 1 << 17;
/// Bytes of the values behind them and of the pages that they keep, at the most,
/// each with its [`OVERHEAD`].
const MAX_BYTES: usize = 16 << 20;
/// What a row takes beside key and value, of which there are two: in JavaScript,
/// and in core if the entry has left the cache.
const OVERHEAD: usize = 320;
/// Forgotten rows that one new one lets go.
const LET_GO: usize = 4;
/// Once it is full, so many values in a row's stead go without one before all is
/// forgotten: making rows costs more than they save where they are not used again.
const PATIENCE: usize = 16;
const FIRST_CELLS: usize = 1 << 10;

/// The rows of one environment.
pub(crate) struct Shown {
    /// Open addressing, at most half full; a power of two.
    cells: Vec<Cell>,
    /// In the order of their numbers.
    rows: Vec<Row>,
    bytes: usize,
    /// Bytes of the rows that were written since the last one of these, itself
    /// included: it keeps its page, and with it rows that are nobody's any more.
    written: usize,
    refused: usize,
    forgotten: Vec<Row>,
}

/// A row's value, and the handle of the cache that it came from. A cache line.
#[repr(align(64))]
struct Row {
    value: Value,
    renewal: Renewal,
    handle: u32,
    /// How often the entry was visited since what `renewal` says of it; [`NEW`] before
    /// there is any. Eviction takes visits back only as it takes an entry out of the
    /// shard, and that ends the renewal: once there are as many as an entry can have,
    /// it has them still.
    visits: u8,
}

/// A row that was never asked for again. Not each one will be a second time: a look at
/// the entry costs less than a new renewal, which is for the times after that.
const NEW: u8 = u8::MAX;

const _: () = assert!(size_of::<Row>() == 64);

impl Row {
    /// The staleness if the value would be returned now.
    #[inline(always)]
    fn again(&mut self, cache: &Cache, reader: &mut Reader) -> Option<Duration> {
        if (1..MAX_VISITS).contains(&self.visits) || self.visits == NEW {
            let receipt = cache.lookup_again(&self.value)?;
            self.visits = self.visits.wrapping_add(1);
            return Some(receipt.staleness);
        }
        let mut renewal = self.renewal;
        let moment = cache.moment(reader, &renewal)?;
        if !moment.renew(&mut self.value, &mut renewal) {
            return None;
        }
        if renewal != self.renewal {
            // The entry was looked at, and visited.
            (self.renewal, self.visits) = (renewal, 1);
        }
        Some(self.value.staleness())
    }
}

/// An address and the number of its row.
#[derive(Clone, Copy)]
struct Cell {
    address: usize,
    number: u32,
}

/// No value has this address.
const EMPTY: Cell = Cell { address: 0, number: 0 };

impl Shown {
    /// No rows.
    pub(crate) fn new() -> Self {
        Self {
            cells: vec![EMPTY; FIRST_CELLS],
            rows: Vec::new(),
            bytes: 0,
            written: 0,
            refused: 0,
            forgotten: Vec::new(),
        }
    }

    /// The number of the row of this value.
    #[inline(always)]
    pub(crate) fn find(&self, value: &[u8]) -> Option<u32> {
        let address = value.as_ptr().addr();
        let mut index = self.home(address);
        loop {
            let cell = self.cells[index & (self.cells.len() - 1)];
            if cell.address == address {
                return Some(cell.number);
            }
            if cell.address == EMPTY.address {
                return None;
            }
            index += 1;
        }
    }

    /// The staleness of a row's value if the cache of its handle would return it now.
    #[inline(always)]
    pub(crate) fn again<'a>(
        &mut self,
        number: u32,
        reader: &mut Reader,
        cache: impl FnOnce(u32) -> Option<&'a Cache>,
    ) -> Option<Duration> {
        let row = self.rows.get_mut(number as usize)?;
        row.again(cache(row.handle)?, reader)
    }

    /// A row of so many bytes was written to the present page.
    pub(crate) fn written(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes);
    }

    /// The number of the row that was written last, if there is room for it; it
    /// keeps its page, of so many bytes. Zero: all others are forgotten.
    pub(crate) fn add(&mut self, value: Value, handle: u32, page_bytes: usize) -> Option<u32> {
        self.forgotten.truncate(self.forgotten.len().saturating_sub(LET_GO));
        let in_core = value.key().len() + value.bytes().map_or(0, <[u8]>::len);
        let cost = value.key().len() + in_core + self.written.min(page_bytes) + OVERHEAD;
        if self.rows.len() == MAX_ROWS || self.bytes + cost > MAX_BYTES {
            self.refused += 1;
            if self.refused < PATIENCE * self.rows.len() {
                return None;
            }
            self.cells = vec![EMPTY; FIRST_CELLS];
            self.refused = 0;
            self.bytes = 0;
            // What is still left of the last time goes now.
            self.forgotten = std::mem::take(&mut self.rows);
        }
        self.bytes += cost;
        self.written = 0;
        self.rows.push(Row { value, renewal: Renewal::NONE, handle, visits: NEW });
        if self.rows.len() * 2 > self.cells.len() {
            self.cells = vec![EMPTY; self.cells.len() * 2];
            (0..self.rows.len()).for_each(|number| self.put(number));
        } else {
            self.put(self.rows.len() - 1);
        }
        Some(self.rows.len() as u32 - 1)
    }

    fn put(&mut self, number: usize) {
        let address = self.rows[number].value.bytes().unwrap_or_default().as_ptr().addr();
        let mut index = self.home(address);
        let mask = self.cells.len() - 1;
        while self.cells[index & mask].address != EMPTY.address {
            index += 1;
        }
        self.cells[index & mask] = Cell { address, number: number as u32 };
    }

    /// Nobody chooses addresses: a multiplication spreads them well enough.
    #[inline(always)]
    fn home(&self, address: usize) -> usize {
        let product = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (product >> 40) as usize & (self.cells.len() - 1)
    }
}

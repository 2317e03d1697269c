//! What is measured: anything that can be filled, read and written.

use std::cell::Cell;
use std::sync::LazyLock;

use bench_common::{keys, ticks};

/// An implementation under measurement. The measured loops are generic over
/// it: nothing in them is called through a pointer.
pub trait Subject: Sized + Send + Sync + 'static {
    /// As the tables call it.
    const NAME: &'static str;
    /// As the tables call it in the mixes with writes.
    const NAME_IN_MIXES: &'static str = Self::NAME;
    /// The crate whose version the tables show.
    const CRATE: &'static str;
    /// What a read hands out.
    const READ: &'static str;
    /// Where it does less than edgecmp, or more.
    const NOTE: &'static str;
    /// Whether values can be replaced while others read.
    const WRITES: bool = true;
    /// Threads that may share it.
    const THREADS: usize = usize::MAX;

    /// Holds the keys of ids 0..n, inserted in that order.
    fn filled(n: usize) -> Self;

    /// Reads a key: checks its expiry, counts the hit, returns the value's
    /// first word; 0 if there is none.
    fn read(&self, key: &[u8], hits: &Hits) -> u64;

    /// Replaces the value of a key that is there.
    fn write(&self, key: &[u8], value: &[u8]) {
        let _ = (key, value);
        unreachable!("a subject with WRITES has its own");
    }
}

/// A thread's own count of hits, on its own cache lines: what counting costs
/// an implementation that leaves it to its user.
#[repr(align(128))]
#[derive(Default)]
pub struct Hits(Cell<u64>);

impl Hits {
    #[inline(always)]
    pub fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// A value with its expiry, for peers that have none of their own.
#[derive(Clone)]
pub struct Timed<V> {
    expires: u64,
    value: V,
}

impl<V: AsRef<[u8]>> Timed<V> {
    pub fn new(value: V) -> Self {
        Self { expires: expiry(), value }
    }

    /// The check, the count and the touch, the same for all peers.
    #[inline(always)]
    pub fn read(&self, hits: &Hits) -> u64 {
        if ticks::now() > self.expires {
            return 0;
        }
        hits.add();
        keys::first_word(self.value.as_ref())
    }
}

/// The expiry of a value written now: none expires within a run. Peers that have
/// no clock get the cheapest there is: none is charged for a slower one.
fn expiry() -> u64 {
    static BOUND: LazyLock<u64> = LazyLock::new(|| (3_600e9 * ticks::ticks_per_nano()) as u64);
    ticks::now() + *BOUND
}

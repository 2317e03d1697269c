//! Memory: an allocator that counts, and the child process in which each
//! implementation is filled alone.
//!
//! What is counted is what the allocator really set aside for each block
//! (`malloc_usable_size` and its header), the same way for all. Next to it
//! stands the growth of the resident set, for what does not come from malloc.
//! edgecmp's entries and tables do not: its own account of what it holds is taken,
//! which is of whole blocks and a bit more (`core/tests/accounting.rs` holds it
//! against the resident set).

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::subject::Subject;
use bench_common::keys::{KEY, VALUE};

/// What malloc keeps before each block.
const HEADER: i64 = 8;

pub struct Counting;

/// Off while times are measured: then it costs the load of one flag.
static ON: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);

fn size(block: *mut u8) -> i64 {
    // SAFETY: called only with blocks that malloc has given and not taken back.
    let usable = unsafe { libc::malloc_usable_size(block.cast()) };
    usable as i64 + HEADER
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let block = unsafe { System.alloc(layout) };
        if ON.load(Ordering::Relaxed) && !block.is_null() {
            LIVE.fetch_add(size(block), Ordering::Relaxed);
        }
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let block = unsafe { System.alloc_zeroed(layout) };
        if ON.load(Ordering::Relaxed) && !block.is_null() {
            LIVE.fetch_add(size(block), Ordering::Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if ON.load(Ordering::Relaxed) {
            LIVE.fetch_sub(size(block), Ordering::Relaxed);
        }
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let before = if ON.load(Ordering::Relaxed) { size(block) } else { 0 };
        // SAFETY: the caller's promise.
        let moved = unsafe { System.realloc(block, layout, new_size) };
        if ON.load(Ordering::Relaxed) && !moved.is_null() {
            LIVE.fetch_add(size(moved) - before, Ordering::Relaxed);
        }
        moved
    }
}

/// Counts by the account of what is filled, which this returns in bytes, in
/// place of malloc's: for entries that do not live in malloc's memory.
pub fn accounted(fill: impl FnOnce() -> usize) {
    let counting = ON.swap(false, Ordering::Relaxed);
    let bytes = fill();
    ON.store(counting, Ordering::Relaxed);
    if counting {
        LIVE.fetch_add(bytes as i64, Ordering::Relaxed);
    }
}

/// Bytes an entry takes beyond its key and its value.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    pub allocated: f64,
    pub resident: f64,
}

/// Fills something with `n` keys and counts. Nothing else may run meanwhile.
pub fn counted<T>(n: usize, fill: impl FnOnce() -> T) -> (T, Footprint) {
    let (live, resident_before) = (LIVE.load(Ordering::Relaxed), resident());
    ON.store(true, Ordering::Relaxed);
    let filled = fill();
    ON.store(false, Ordering::Relaxed);
    let overhead = |bytes: i64| bytes as f64 / n as f64 - (KEY + VALUE) as f64;
    let allocated = overhead(LIVE.load(Ordering::Relaxed) - live);
    (filled, Footprint { allocated, resident: overhead(resident() - resident_before) })
}

/// Fills a subject and counts. For a process that does nothing else.
pub fn footprint<S: Subject>(n: usize) -> Footprint {
    let (_subject, footprint) = counted(n, || S::filled(n));
    footprint
}

/// The footprint, taken by this program in a process of its own.
pub fn in_child(name: &str, n: usize) -> Option<Footprint> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new(program).args(["--footprint-of", name, "--n", &n.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    Some(Footprint { allocated: numbers.next()?, resident: numbers.next()? })
}

/// Bytes of memory free for use, if the system says.
pub fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn resident() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: i64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    // SAFETY: reads a constant of the system.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
}

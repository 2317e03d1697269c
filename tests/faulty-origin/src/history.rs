//! What the origin's keys were, and when: by this answers are judged. Of each
//! key the last versions are kept, in memory that does not grow.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::nanos;

/// Versions kept of a key.
const KEPT: u64 = 512;
/// The version is being committed.
const NOT_YET: u64 = u64::MAX;

#[derive(Debug)]
struct Row {
    latest: AtomicU64,
    /// When a version had become visible: no read that began later may miss it.
    visible: Box<[AtomicU64]>,
}

/// All versions of all keys.
#[derive(Debug)]
pub struct History {
    rows: Vec<Row>,
}

/// What is wrong with an answer, or how far behind the origin it truly was.
pub type Judged = Result<u64, String>;

impl History {
    /// Every key at version 1.
    pub fn new(keys: usize) -> Self {
        let row = || {
            let visible: Box<[AtomicU64]> = (0..KEPT).map(|_| AtomicU64::new(NOT_YET)).collect();
            visible[1].store(nanos(), Ordering::Relaxed);
            Row { latest: AtomicU64::new(1), visible }
        };
        Self { rows: (0..keys).map(|_| row()).collect() }
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.rows.len()
    }

    /// The version that an answer is made of now.
    pub fn latest(&self, index: usize) -> u64 {
        self.rows[index].latest.load(Ordering::Acquire)
    }

    /// Commits the next version of a key. By one thread.
    pub fn write(&self, index: usize) {
        let row = &self.rows[index];
        let next = row.latest.load(Ordering::Relaxed) + 1;
        let visible = &row.visible[(next % KEPT) as usize];
        visible.store(NOT_YET, Ordering::Release);
        row.latest.store(next, Ordering::SeqCst);
        visible.store(nanos(), Ordering::Release);
    }

    /// Judges an answer to a read that began at `began`: nanoseconds for which,
    /// by then, the version had been replaced.
    pub fn judge(&self, index: usize, bytes: Option<&[u8]>, version: u128, began: u64) -> Judged {
        let wrong = |what: &str| {
            let text = String::from_utf8_lossy(bytes.unwrap_or(b"nothing"));
            Err(format!("{} at {version}: {what}: {text:.40}", key(index)))
        };
        let Some(version) = u64::try_from(version).ok().filter(|version| *version > 0) else {
            return wrong("no version");
        };
        let latest = self.latest(index);
        if version > latest {
            return wrong("not committed yet");
        }
        if !is_value(index, version, bytes) {
            return wrong("another value");
        }
        if version == latest {
            return Ok(0);
        }
        // What replaced it; or the oldest that is still known, which came later.
        let next = (version + 1).max((latest + 2).saturating_sub(KEPT));
        let replaced = self.rows[index].visible[(next % KEPT) as usize].load(Ordering::Acquire);
        Ok(began.saturating_sub(replaced))
    }
}

pub fn key(index: usize) -> String {
    format!("key-{index:04}")
}

/// What a key is at a version: 100 bytes and more.
pub fn value(index: usize, version: u64) -> String {
    format!("{index:04} {version:019}{:.<80}", "")
}

fn is_value(index: usize, version: u64, bytes: Option<&[u8]>) -> bool {
    let Some(bytes) = bytes.filter(|bytes| bytes.len() == 104) else { return false };
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, digit| n * 10 + u64::from(digit.wrapping_sub(b'0')));
    number(&bytes[..4]) == index as u64
        && number(&bytes[5..24]) == version
        && bytes[24..].iter().all(|byte| *byte == b'.')
}

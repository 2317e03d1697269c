//! What is measured in one go: so many threads, such a mix.

use std::fmt;

/// What the threads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mix {
    /// Reads, each after the one before: the address of the next key depends on
    /// the value read last, as in a program that works with what it reads.
    Read,
    /// Reads that do not depend on each other: the processor may begin the next
    /// while the last waits for memory.
    Overlapped,
    /// As `Read`, one in 100 operations a write.
    Write1,
    /// As `Read`, ten in 100 operations a write.
    Write10,
    /// As `Read`, of one single key.
    Hot,
}

impl Mix {
    pub const fn write_percent(self) -> u8 {
        match self {
            Self::Write1 => 1,
            Self::Write10 => 10,
            Self::Read | Self::Overlapped | Self::Hot => 0,
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Read => "read-only",
            Self::Overlapped => "overlapped",
            Self::Write1 => "99/1",
            Self::Write10 => "90/10",
            Self::Hot => "hot",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub threads: usize,
    pub mix: Mix,
}

/// How long a cell is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub warm: usize,
    pub ops: usize,
}

/// Beyond this many keys only reads are measured, of few implementations.
pub const LARGE: usize = 1_000_000;

/// The cells of a number of keys.
pub fn cells(n: usize, cores: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    for threads in [1, 2].into_iter().filter(|threads| *threads <= cores) {
        let cell = |mix| Cell { threads, mix };
        cells.push(cell(Mix::Read));
        if n > LARGE {
            continue;
        }
        cells.extend([cell(Mix::Write1), cell(Mix::Write10), cell(Mix::Hot)]);
        if threads == 1 {
            cells.push(cell(Mix::Overlapped));
        }
    }
    cells.sort_unstable();
    cells
}

impl Effort {
    /// Where the keys do not fit the near caches, the warm-up is as long as the
    /// measurement: what was measured before has taken them.
    pub fn of(n: usize, mix: Mix, quick: bool) -> Self {
        let (warm, ops) = match mix {
            Mix::Hot => (1 << 14, 1 << 18),
            _ if n <= 100_000 => (1 << 16, 1 << 19),
            _ => (1 << 19, 1 << 19),
        };
        let part = if quick { 4 } else { 1 };
        Self { warm: warm / part, ops: ops / part }
    }
}

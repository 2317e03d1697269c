//! The record of a run: trace, digest, tally, failures.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// What happened how often.
pub type Tally = BTreeMap<&'static str, u64>;

/// Lines kept unless all are wanted.
const LAST_LINES: usize = 120;

#[derive(Debug)]
pub(super) struct Recorder {
    full: bool,
    lines: VecDeque<String>,
    dropped: u64,
    digest: u64,
    pub tally: Tally,
    pub failures: Vec<String>,
}

impl Recorder {
    pub fn new(full: bool) -> Self {
        Self {
            full,
            lines: VecDeque::new(),
            dropped: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            tally: Tally::new(),
            failures: Vec::new(),
        }
    }

    /// Mixes a step into the digest (FNV-1a): two runs that scheduled anything
    /// differently differ, even if no line of the trace shows it.
    pub fn step(&mut self, bits: u64) {
        self.digest = (self.digest ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
    }

    pub fn line(&mut self, now: u64, line: fmt::Arguments<'_>) {
        if !self.full && self.lines.len() == LAST_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        let line = format!("{:>15.6} ms  {line}", now as f64 / 1e6);
        for byte in line.bytes() {
            self.step(u64::from(byte));
        }
        self.lines.push_back(line);
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub fn text(&self) -> (String, u64) {
        let mut text = String::new();
        if self.dropped > 0 {
            text.push_str(&format!("({} earlier lines)\n", self.dropped));
        }
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        (text, self.digest)
    }
}

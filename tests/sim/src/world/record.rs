//! The record of a run: trace, digest, tally, failures.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::Nanos;

/// What happened how often.
pub type Tally = BTreeMap<&'static str, u64>;

#[derive(Debug)]
pub(super) struct Recorder {
    traced: bool,
    text: String,
    /// The line at hand, when none is kept.
    line: String,
    digest: u64,
    pub tally: Tally,
    pub failures: Vec<(Nanos, String)>,
}

impl Recorder {
    pub fn new(traced: bool) -> Self {
        Self {
            traced,
            text: String::new(),
            line: String::new(),
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

    pub fn line(&mut self, now: Nanos, line: fmt::Arguments<'_>) {
        let mut text = std::mem::take(&mut self.line);
        text.clear();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{now:>16}  {line}");
        for byte in text.bytes() {
            self.step(u64::from(byte));
        }
        if self.traced {
            self.text.push_str(&text);
        }
        self.line = text;
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub fn text(&self) -> (String, u64) {
        (self.text.clone(), self.digest)
    }
}

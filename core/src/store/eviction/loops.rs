//! Loops that are longer than the memory.
//!
//! Keys that are wanted in turn, all of them, again and again: whatever is let
//! in for a key that returned takes the place of one that is wanted before it.
//! Nothing gains but to hold still (LIRS: Jiang and Zhang, SIGMETRICS 2002).
//!
//! The sign of it: most of what leaves main comes back, while most of what came
//! in for it was not read before its own turn. Main then takes only one in
//! [`PROBE`] of those that return. These probes drive out others, and tell by
//! whether those come back when the loop is over.

use super::ghosts::Left;

/// Of those that return in a loop one in so many gets a place.
const PROBE: u32 = 8;
/// Part of those that left main that comes back in a loop, at the least.
const REGRET: f32 = 0.5;
/// By so much they are ahead of those that came in for them.
const MARGIN: f32 = 0.2;
/// A part of fewer cases than that says nothing.
const FEW: f32 = 8.0;

#[derive(Debug, Default)]
pub struct Loops {
    /// Of those that left main: those that came back.
    regrets: Part,
    /// Of those that came in because they had returned: those that were read.
    trials: Part,
    is_loop: bool,
    returns: u32,
}

/// A part of the cases of late.
#[derive(Debug, Default)]
struct Part {
    cases: f32,
    of_it: f32,
}

impl Part {
    fn forget(&mut self, residents: usize) {
        if self.cases > (residents as f32 / 8.0).max(16.0) {
            self.cases /= 2.0;
            self.of_it /= 2.0;
        }
    }

    fn known(&self) -> Option<f32> {
        (self.cases >= FEW).then(|| (self.of_it / self.cases).min(1.0))
    }
}

impl Loops {
    /// An entry was evicted.
    pub fn left(&mut self, left: Left) {
        if left == Left::Main {
            self.regrets.cases += 1.0;
        }
    }

    /// An entry that had come in as one that returned has its first turn.
    pub fn tried(&mut self, was_read: bool, residents: usize) {
        self.trials.cases += 1.0;
        self.trials.of_it += if was_read { 1.0 } else { 0.0 };
        self.trials.forget(residents);
    }

    /// An evicted key is wanted again: whether main takes it.
    pub fn returned(&mut self, left: Left, residents: usize) -> bool {
        if left == Left::Main {
            self.regrets.of_it += 1.0;
        }
        if let Some(regret) = self.regrets.known() {
            if self.is_loop {
                self.is_loop = regret >= REGRET;
                if !self.is_loop {
                    self.trials = Part::default();
                }
            } else {
                let good = self.trials.known().unwrap_or(0.5);
                self.is_loop = regret > REGRET && regret > good + MARGIN;
            }
        }
        self.regrets.forget(residents);
        self.returns = self.returns.wrapping_add(u32::from(self.is_loop));
        !self.is_loop || self.returns.is_multiple_of(PROBE)
    }
}

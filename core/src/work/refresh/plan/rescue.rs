//! Keys that the origin could not be asked for, until it is back.

use std::collections::BTreeSet;

use std::time::Duration;

use crate::facts::clock::Instant;
use crate::facts::key::Key;

/// Requests have come, or not, after so long.
const UNDER_WAY: Duration = Duration::from_secs(10);

/// Who is refreshed with the first requests after an outage, and in which order.
#[derive(Debug)]
pub(super) struct Rescue {
    /// No more than so many keys that are not hot.
    most: usize,
    /// Hot keys that could not be refreshed.
    stranded: BTreeSet<Key>,
    /// Others that were read meanwhile: read now and then, they could meet one outage
    /// after the other, and grow old between them.
    turned_away: BTreeSet<Key>,
    /// Those that were taken since the origin is back: if it goes away again, perhaps in vain.
    taken: BTreeSet<Key>,
    taken_at: Instant,
}

impl Rescue {
    pub(super) fn new(most: usize) -> Self {
        let [stranded, turned_away, taken] = [const { BTreeSet::new() }; 3];
        Self { most, stranded, turned_away, taken, taken_at: Instant::ZERO }
    }

    /// A hot key could not be refreshed.
    pub(super) fn strand(&mut self, key: &Key) {
        self.turned_away.remove(key);
        self.stranded.insert(key.clone());
    }

    /// A key that was read could not be asked for. It comes after the hot ones.
    pub(super) fn turn_away(&mut self, key: &Key) {
        if self.turned_away.len() < self.most && !self.stranded.contains(key) {
            self.turned_away.insert(key.clone());
        }
    }

    /// A hot key needs it no more: it was proved, or is gone.
    pub(super) fn spare(&mut self, key: &Key) {
        self.stranded.remove(key);
    }

    /// Takes some.
    pub(super) fn take(&mut self, most: usize, now: Instant) -> Vec<Key> {
        self.taken_at = now;
        let next = || self.stranded.pop_first().or_else(|| self.turned_away.pop_first());
        let taken: Vec<_> = std::iter::from_fn(next).take(most).collect();
        self.taken.extend(taken.iter().cloned());
        taken
    }

    /// The origin is away again: what was taken may have been taken in vain.
    pub(super) fn again(&mut self) {
        for key in std::mem::take(&mut self.taken) {
            self.turn_away(&key);
        }
    }

    /// The origin is well, and those that were taken have come. Others, for whom the ramp
    /// was too short or whose read was the first to see an outage, wait for the next one
    /// to end, or for a read to ask.
    pub(super) fn over(&mut self, now: Instant) {
        if now.since(self.taken_at) > UNDER_WAY {
            self.taken.clear();
        }
    }
}

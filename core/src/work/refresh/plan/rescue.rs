//! Keys that the origin could not be asked for, until it is back.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::facts::clock::Instant;
use crate::facts::key::Key;

/// So long after the last key was taken, or turned away, requests have come, or not, and
/// keys were read again, or not.
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
    /// The last time that one was taken, or turned away.
    touched_at: Instant,
}

impl Rescue {
    pub(super) fn new(most: usize) -> Self {
        let [stranded, turned_away, taken] = [const { BTreeSet::new() }; 3];
        Self { most, stranded, turned_away, taken, touched_at: Instant::ZERO }
    }

    /// A hot key could not be refreshed.
    pub(super) fn strand(&mut self, key: &Key) {
        self.turned_away.remove(key);
        self.stranded.insert(key.clone());
    }

    /// A key that was read could not be asked for. It comes after the hot ones.
    pub(super) fn turn_away(&mut self, key: &Key, now: Instant) {
        self.touched_at = now;
        if self.turned_away.len() < self.most && !self.stranded.contains(key) {
            self.turned_away.insert(key.clone());
        }
    }

    /// A key needs it no more: it was proved, or is gone.
    pub(super) fn spare(&mut self, key: &Key) {
        for keys in [&mut self.stranded, &mut self.turned_away, &mut self.taken] {
            keys.remove(key);
        }
    }

    /// Takes some.
    pub(super) fn take(&mut self, most: usize, now: Instant) -> Vec<Key> {
        self.touched_at = now;
        let next = || self.stranded.pop_first().or_else(|| self.turned_away.pop_first());
        let taken: Vec<_> = std::iter::from_fn(next).take(most).collect();
        self.taken.extend(taken.iter().cloned());
        taken
    }

    /// The origin is away again: what was taken may have been taken in vain.
    pub(super) fn again(&mut self, now: Instant) {
        for key in std::mem::take(&mut self.taken) {
            self.turn_away(&key, now);
        }
    }

    /// The origin is well: reads ask for themselves again. Not at once: the ramp may have
    /// been too short for some, or the origin be away again before anybody else knows.
    pub(super) fn over(&mut self, now: Instant) {
        if now.since(self.touched_at) > UNDER_WAY {
            self.taken.clear();
            self.turned_away.clear();
        }
    }
}

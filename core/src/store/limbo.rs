//! What was taken out of a table and waits until nobody reads it any more.

use std::collections::VecDeque;

use super::reclaim::Domain;

/// What was unlinked and waits for its readers, oldest first. One per shard,
/// under the shard's lock.
#[derive(Debug)]
pub struct Limbo<T> {
    retired: VecDeque<Retired<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Retired<T> {
    tag: u64,
    bytes: usize,
    what: T,
}

impl<T> Default for Limbo<T> {
    fn default() -> Self {
        Self { retired: VecDeque::new(), bytes: 0 }
    }
}

impl<T> Limbo<T> {
    /// Takes in what was just unlinked.
    pub fn retire(&mut self, domain: &Domain, what: T, bytes: usize) {
        self.retired.push_back(Retired { tag: domain.tag(), bytes, what });
        self.bytes += bytes;
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.retired.len()
    }

    /// Gives out what nobody reads any more; to be dropped without the lock. Looks
    /// at the readers only if more than so many, or so many bytes, would wait:
    /// that interrupts all processors, and what another shard saw not long ago
    /// mostly serves this one too.
    pub fn collect(&mut self, domain: &Domain, count: usize, bytes: usize) -> Vec<T> {
        let mut out = Vec::new();
        self.give_out(domain.known_oldest(), &mut out);
        if self.len() > count || self.bytes > bytes {
            self.give_out(domain.oldest_pin(), &mut out);
        }
        out
    }

    fn give_out(&mut self, oldest: u64, out: &mut Vec<T>) {
        let free = self.retired.partition_point(|retired| retired.tag < oldest);
        let bytes = &mut self.bytes;
        out.extend(self.retired.drain(..free).map(|retired| {
            *bytes -= retired.bytes;
            retired.what
        }));
    }
}

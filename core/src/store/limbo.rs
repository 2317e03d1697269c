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

    /// Gives out, to be dropped without the lock, what nobody reads any more by the
    /// last look at the readers ([`Domain::oldest_pin`]), whichever shard's it was.
    pub fn collect(&mut self, domain: &Domain, out: &mut Vec<T>) {
        let oldest = domain.known_oldest();
        let free = self.retired.partition_point(|retired| retired.tag < oldest);
        let bytes = &mut self.bytes;
        out.extend(self.retired.drain(..free).map(|retired| {
            *bytes -= retired.bytes;
            retired.what
        }));
    }
}

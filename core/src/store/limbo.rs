//! What was taken out of a table and waits until nobody reads it any more.

use std::collections::VecDeque;

use super::reclaim::Domain;

/// What was unlinked and waits for its readers, oldest first. One per shard,
/// under the shard's lock.
///
/// A tag costs a full fence, so one is taken for a group: a tag may be later than
/// the unlinking by as much as one likes, what it is on waits so much longer.
#[derive(Debug)]
pub struct Limbo<T> {
    retired: VecDeque<T>,
    groups: VecDeque<Group>,
    /// The last of them, which has no tag yet.
    open: Group,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    tag: u64,
    len: usize,
    bytes: usize,
}

/// So many are a group.
const GROUP: usize = if cfg!(edgecmp_loom) { 1 } else { 16 };

impl<T> Default for Limbo<T> {
    fn default() -> Self {
        Self { retired: VecDeque::new(), groups: VecDeque::new(), open: Group::default(), bytes: 0 }
    }
}

impl<T> Limbo<T> {
    /// Takes in what was just unlinked; whether a group is full, and has its tag.
    pub fn retire(&mut self, domain: &Domain, what: T, bytes: usize) -> bool {
        self.retired.push_back(what);
        self.bytes += bytes;
        self.open.len += 1;
        self.open.bytes += bytes;
        let is_full = self.open.len == GROUP;
        if is_full {
            self.seal(domain);
        }
        is_full
    }

    /// Gives all that waits its tag: before a look at the readers that is to free it.
    pub fn seal(&mut self, domain: &Domain) {
        if self.open.len > 0 {
            let group = std::mem::take(&mut self.open);
            self.groups.push_back(Group { tag: domain.tag(), ..group });
        }
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.retired.is_empty()
    }

    /// How many wait.
    #[cfg(all(test, not(edgecmp_loom)))]
    pub fn len(&self) -> usize {
        self.retired.len()
    }

    /// Gives out, to be dropped without the lock, what nobody reads any more by the
    /// last look at the readers ([`Domain::oldest_pin`]), whichever shard's it was.
    pub fn collect(&mut self, domain: &Domain, out: &mut Vec<T>) {
        let oldest = domain.known_oldest();
        while let Some(group) = self.groups.pop_front_if(|group| group.tag < oldest) {
            self.bytes -= group.bytes;
            out.extend(self.retired.drain(..group.len));
        }
    }
}

#[cfg(all(test, not(edgecmp_loom)))]
mod tests {
    use super::*;

    fn collected(limbo: &mut Limbo<usize>, domain: &Domain) -> Vec<usize> {
        let mut out = Vec::new();
        limbo.collect(domain, &mut out);
        out
    }

    #[test]
    fn a_group_leaves_together_and_what_has_no_tag_stays() {
        let (domain, mut limbo) = (Domain::new(), Limbo::default());
        let sealed: Vec<_> = (0..2 * GROUP + 3).filter(|index| limbo.retire(&domain, *index, 10)).collect();
        assert_eq!(sealed, [GROUP - 1, 2 * GROUP - 1], "the last of each group");
        assert!(collected(&mut limbo, &domain).is_empty(), "nobody has looked");
        domain.oldest_pin();
        assert_eq!(collected(&mut limbo, &domain), Vec::from_iter(0..2 * GROUP));
        assert_eq!((limbo.len(), limbo.bytes()), (3, 30));
        limbo.seal(&domain);
        assert!(collected(&mut limbo, &domain).is_empty(), "unlinked after that look, for all it knows");
        domain.oldest_pin();
        assert_eq!(collected(&mut limbo, &domain).len(), 3);
        assert!(limbo.is_empty() && limbo.bytes() == 0);
    }

    #[test]
    fn tags_make_a_look_due_and_the_look_undoes_it() {
        let (domain, mut limbo) = (Domain::new(), Limbo::default());
        while !domain.is_look_due() {
            limbo.retire(&domain, 0, 1);
        }
        assert!(limbo.len() > 4 * GROUP, "not for every group: after {}", limbo.len());
        domain.oldest_pin();
        assert!(!domain.is_look_due());
    }
}

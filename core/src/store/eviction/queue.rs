//! A queue of slots in chunks: no copy when it grows, no half of it unused.

use std::collections::VecDeque;

const CHUNK: usize = 128;
const SLOT_BITS: u32 = 29;
const TRIAL: u32 = 1 << 31;

/// A slot's place in a queue, in 4 bytes: its number, visits that are left of
/// earlier turns, and whether its first turn in main is still to come after it
/// had returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(u32);

impl Node {
    pub const MAX_SLOTS: u32 = 1 << SLOT_BITS;

    pub fn new(slot: u32) -> Self {
        debug_assert!(slot < Self::MAX_SLOTS, "a table has fewer slots");
        Self(slot)
    }

    pub fn with_credit(self, visits: u8) -> Self {
        debug_assert!(visits < 4, "two bits");
        Self(self.0 | u32::from(visits) << SLOT_BITS)
    }

    pub fn on_trial(self) -> Self {
        Self(self.0 | TRIAL)
    }

    pub fn slot(self) -> u32 {
        self.0 & (Self::MAX_SLOTS - 1)
    }

    pub fn credit(self) -> u8 {
        (self.0 >> SLOT_BITS & 3) as u8
    }

    pub fn is_on_trial(self) -> bool {
        self.0 & TRIAL != 0
    }

    fn moved_to(self, slot: u32) -> Self {
        Self(self.0 & !(Self::MAX_SLOTS - 1) | slot)
    }
}

/// First in, first out.
#[derive(Debug, Default)]
pub struct Queue {
    chunks: VecDeque<Box<[Node; CHUNK]>>,
    /// Taken of the first chunk.
    taken: usize,
    len: usize,
    /// The last chunk that ran empty.
    spare: Option<Box<[Node; CHUNK]>>,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn push(&mut self, node: Node) {
        let at = self.taken + self.len;
        if at == self.chunks.len() * CHUNK {
            let chunk = self.spare.take().unwrap_or_else(|| Box::new([Node(0); CHUNK]));
            self.chunks.push_back(chunk);
        }
        self.chunks[at / CHUNK][at % CHUNK] = node;
        self.len += 1;
    }

    pub fn pop(&mut self) -> Option<Node> {
        if self.len == 0 {
            return None;
        }
        let node = self.chunks[0][self.taken];
        self.taken += 1;
        self.len -= 1;
        if self.taken == CHUNK {
            self.taken = 0;
            self.spare = self.chunks.pop_front();
        }
        Some(node)
    }

    /// Renames slots, in their order; those without a new name are dropped.
    pub fn retain_mapped(&mut self, mut to: impl FnMut(u32) -> Option<u32>) {
        for _ in 0..self.len {
            if let Some(node) = self.pop()
                && let Some(slot) = to(node.slot())
            {
                self.push(node.moved_to(slot));
            }
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let chunks = self.chunks.len() + usize::from(self.spare.is_some());
        chunks * size_of::<[Node; CHUNK]>() + self.chunks.capacity() * size_of::<Box<[Node; CHUNK]>>()
    }
}

//! Who leaves when memory is short.
//!
//! ```text
//!           new key                      key known as a ghost
//!              |                                  |
//!              v                                  v
//!         +---------+   read meanwhile     +-------------+ <-+ read since the
//!         | window  | -------------------> |    main     |   | last look
//!         +---------+                      +-------------+ --+
//!              | not read                         | not read
//!              v                                  v
//!         ghost of the window               ghost of main
//! ```
//!
//! Two queues and the hashes of what left last (*ghosts*), as S3-FIFO has them
//! (Yang et al., SOSP 2023): most keys are wanted once, so a new key has to be
//! read within a short window, or to come back soon after it, to get a place in
//! main. One that was read just once there gets a second round in the window. Main is a CLOCK that counts visits (Corbató, 1968; GCLOCK: Smith, 1978):
//! reads move nothing.
//!
//! What S3-FIFO fixes is found out here:
//! - **The share of the window** ([`balance`]) follows what comes back, as in ARC
//!   and CAR (Megiddo and Modha, FAST 2003; Bansal and Modha, FAST 2004): a key
//!   that returns soon after it left the window says that the window is too
//!   short, one that left main says that main is. Recency or frequency: whichever
//!   the workload rewards.
//! - **Loops** ([`loops`]) longer than the memory are what CLOCK and LRU fail at:
//!   each key leaves just before it is wanted. Then main is held still, as
//!   LIRS would (Jiang and Zhang, SIGMETRICS 2002).
//!
//! All is weighted by bytes. Time is counted in *turnovers*: one is over when as
//! many bytes have left as are resident. There is no clock, no randomness and no
//! I/O in here, and the work for one new key is constant on the mean: every step
//! of a hand uses up a visit, a node, or an eviction.
//!
//! Memory: 4 bytes a resident entry, 4 to 5 more for ghosts once anything was
//! evicted, a bit a slot.

mod balance;
mod bits;
mod ghosts;
mod loops;
mod queue;

use crate::facts::entry::MAX_VISITS;
use balance::Balance;
use bits::Bits;
use ghosts::{Ghost, Ghosts, Left};
use loops::Loops;
use queue::{Node, Queue};

/// What the policy may ask of the shard about the entry in a slot.
pub trait Residents {
    /// Visits noted since the last call, and clears them. Costs a cache miss.
    fn take_visits(&self, slot: u32) -> u8;
    /// Hash of the entry's key. Costs a cache miss.
    fn hash(&self, slot: u32) -> u64;
    /// Bytes of the entry. Costs a cache miss.
    fn weight(&self, slot: u32) -> u64;
    /// False: the entry was taken out, and the slot waits for its node to be dropped.
    fn is_live(&self, slot: u32) -> bool;
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The entry in this slot leaves.
    Evict(u32),
    /// The node of an entry that has left is dropped: its slot may be used again.
    Lapsed(u32),
}

/// So many entries are passed over for one eviction at the most: a writer is
/// not held up by a long row of entries that were all read.
const MAX_PASSED: usize = 256;

/// What becomes of the entry at the head of a queue.
enum Verdict {
    Evict,
    /// From the window to main.
    Promote,
    /// Another round, with this credit of visits.
    Stay(u8),
}

/// The policy of one shard.
#[derive(Debug, Default)]
pub struct Policy {
    window: Queue,
    main: Queue,
    /// Which queue the node of a slot is in.
    in_main: Bits,
    /// Bytes of live entries.
    window_bytes: u64,
    main_bytes: u64,
    /// Live entries.
    residents: usize,
    ghosts: Ghosts,
    balance: Balance,
    loops: Loops,
}

impl Policy {
    /// Slots are numbered below this.
    pub const MAX_SLOTS: u32 = Node::MAX_SLOTS;

    /// A policy with nothing to choose from.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new key was placed in this slot.
    pub fn admit(&mut self, slot: u32, hash: u64, weight: u64) {
        let node = Node::new(slot);
        let in_main = match self.ghosts.take(hash) {
            Some(ghost) => self.is_admitted(ghost, weight).then(|| node.on_trial()),
            None if self.ghosts.has_any() => None,
            // Before anything had to leave, the queues fill by their shares.
            None => self.window_exceeds().then_some(node),
        };
        self.residents += 1;
        self.in_main.set(slot, in_main.is_some());
        if let Some(node) = in_main {
            self.main_bytes += weight;
            self.main.push(node);
        } else {
            self.window_bytes += weight;
            self.window.push(node);
        }
    }

    /// A key that left not long ago is wanted again: whether main takes it.
    fn is_admitted(&mut self, ghost: Ghost, weight: u64) -> bool {
        let admitted = self.loops.returned(ghost.left, self.residents);
        let share = weight as f32 / (self.bytes() + weight) as f32;
        self.balance.returned(ghost, share, admitted);
        admitted
    }

    /// The value in a slot was replaced.
    pub fn reweighed(&mut self, slot: u32, before: u64, now: u64) {
        let bytes = self.bytes_of(slot);
        *bytes = bytes.saturating_sub(before) + now;
    }

    /// The entry was taken out; its node stays until its turn.
    pub fn removed(&mut self, slot: u32, weight: u64) {
        self.leaves(slot, weight);
    }

    /// Who leaves. To be called until the shard is within its capacity.
    pub fn next(&mut self, residents: &impl Residents) -> Option<Turn> {
        let mut passed = 0;
        loop {
            // The newest gets its chance, however short the window.
            let from_window = self.main.is_empty() || self.window.len() > 1 && self.window_exceeds();
            let node = if from_window { self.window.pop() } else { self.main.pop() }?;
            let slot = node.slot();
            if !residents.is_live(slot) {
                return Some(Turn::Lapsed(slot));
            }
            let visits = (node.credit() + residents.take_visits(slot)).min(MAX_VISITS);
            let verdict = match from_window {
                _ if passed == MAX_PASSED => Verdict::Evict,
                true => self.judge_in_window(node, visits),
                false => self.judge_in_main(node, visits),
            };
            passed += 1;
            match verdict {
                Verdict::Evict => {
                    let left = if from_window { Left::Window } else { Left::Main };
                    self.evict(slot, left, residents);
                    return Some(Turn::Evict(slot));
                }
                Verdict::Promote => {
                    let weight = residents.weight(slot);
                    self.window_bytes = self.window_bytes.saturating_sub(weight);
                    self.main_bytes += weight;
                    self.in_main.set(slot, true);
                    self.main.push(Node::new(slot));
                }
                Verdict::Stay(credit) => {
                    let queue = if from_window { &mut self.window } else { &mut self.main };
                    queue.push(Node::new(slot).with_credit(credit));
                }
            }
        }
    }

    fn judge_in_window(&self, node: Node, visits: u8) -> Verdict {
        // One read may be the tail of one use: it earns another round. Where
        // recency is what counts, to have been read at all does.
        let enough = if self.balance.favours_recency() { 1 } else { 2 };
        if visits >= enough {
            Verdict::Promote
        } else if visits > 0 && node.credit() == 0 {
            Verdict::Stay(visits)
        } else {
            Verdict::Evict
        }
    }

    fn judge_in_main(&mut self, node: Node, visits: u8) -> Verdict {
        if node.is_on_trial() {
            self.loops.tried(visits > 0, self.residents);
        }
        visits.checked_sub(1).map_or(Verdict::Evict, Verdict::Stay)
    }

    fn evict(&mut self, slot: u32, left: Left, residents: &impl Residents) {
        let weight = residents.weight(slot);
        self.ghosts.remember(residents.hash(slot), left, self.residents);
        self.ghosts.advance(weight, self.bytes());
        self.balance.left(left, self.residents);
        self.loops.left(left);
        self.leaves(slot, weight);
    }

    fn leaves(&mut self, slot: u32, weight: u64) {
        let bytes = self.bytes_of(slot);
        *bytes = bytes.saturating_sub(weight);
        self.residents = self.residents.saturating_sub(1);
    }

    fn bytes(&self) -> u64 {
        self.window_bytes + self.main_bytes
    }

    fn bytes_of(&mut self, slot: u32) -> &mut u64 {
        if self.in_main.get(slot) { &mut self.main_bytes } else { &mut self.window_bytes }
    }

    fn window_exceeds(&self) -> bool {
        self.window_bytes as f32 > self.balance.window_share() * self.bytes() as f32
    }

    /// The table was rebuilt: entries have other slots, those that were taken
    /// out have none.
    pub fn remap(&mut self, mut to: impl FnMut(u32) -> Option<u32>) {
        let mut in_main = Bits::default();
        for (queue, is_main) in [(&mut self.window, false), (&mut self.main, true)] {
            queue.retain_mapped(|slot| {
                let slot = to(slot)?;
                in_main.set(slot, is_main);
                Some(slot)
            });
        }
        self.in_main = in_main;
    }

    /// Bytes that the policy itself takes.
    pub fn overhead_bytes(&self) -> usize {
        self.window.bytes() + self.main.bytes() + self.in_main.bytes() + self.ghosts.bytes()
    }
}

#[cfg(all(test, not(edgecmp_loom)))]
mod tests;

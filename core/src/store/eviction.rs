//! Who leaves when memory is short: second chance (CLOCK; Corbató, 1968).
//!
//! A queue of tickets in order of arrival; an entry that was read since its
//! last turn goes to the back, another leaves. Reads only set a bit. A ticket
//! names an entry by hash and number, so the queue keeps no value alive.

use std::collections::VecDeque;

/// An entry's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Hash of the key.
    pub hash: u64,
    /// Number that the entry carries; another number: the ticket has lapsed.
    pub number: u64,
}

/// What stands behind a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// No entry carries it any more.
    Lapsed,
    /// Its entry was read since the last turn.
    Read,
    /// Its entry was not read.
    Idle,
}

/// The queue of one shard.
#[derive(Debug, Default)]
pub struct Queue {
    tickets: VecDeque<Ticket>,
    next_number: u64,
}

impl Queue {
    /// A ticket for a new entry.
    pub fn admit(&mut self, hash: u64) -> u64 {
        self.next_number += 1;
        self.tickets.push_back(Ticket { hash, number: self.next_number });
        self.next_number
    }

    /// The entry that leaves, with its ticket already gone. `turn` looks at
    /// what stands behind a ticket and clears its read bit.
    pub fn next_victim(&mut self, mut turn: impl FnMut(Ticket) -> Turn) -> Option<Ticket> {
        // Two rounds: in the second nobody can still be Read but by new reads.
        for _ in 0..2 * self.tickets.len() {
            let ticket = self.tickets.pop_front()?;
            match turn(ticket) {
                Turn::Lapsed => {}
                Turn::Read => self.tickets.push_back(ticket),
                Turn::Idle => return Some(ticket),
            }
        }
        self.tickets.pop_front()
    }

    /// Drops lapsed tickets once they are the greater part.
    pub fn tidy(&mut self, live: usize, mut is_live: impl FnMut(Ticket) -> bool) {
        if self.tickets.len() > 2 * live + 64 {
            self.tickets.retain(|ticket| is_live(*ticket));
        }
    }

    /// All tickets, next to leave first; lapsed ones included.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.tickets.iter().copied()
    }
}

//! S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
//! SOSP 2023): a small queue of 10%, a main queue, a ghost queue as long as main.

use std::collections::VecDeque;

use super::Simulated;

const MAX_VISITS: u8 = 3;

pub struct S3Fifo {
    small_capacity: usize,
    capacity: usize,
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    ghosts: VecDeque<(u32, u32)>,
    resident: Vec<bool>,
    visits: Vec<u8>,
    /// Number of the id's youngest ghost; 0: none.
    ghost_number: Vec<u32>,
    next_number: u32,
}

impl S3Fifo {
    pub fn new(capacity: usize, ids: usize) -> Self {
        Self {
            small_capacity: (capacity / 10).max(1),
            capacity,
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: VecDeque::new(),
            resident: vec![false; ids],
            visits: vec![0; ids],
            ghost_number: vec![0; ids],
            next_number: 0,
        }
    }

    fn evict(&mut self) {
        if self.small.len() >= self.small_capacity || self.main.is_empty() {
            while let Some(id) = self.small.pop_front() {
                if self.visits[id as usize] > 1 {
                    self.visits[id as usize] = 0;
                    self.main.push_back(id);
                } else {
                    self.resident[id as usize] = false;
                    self.remember(id);
                    return;
                }
            }
        }
        while let Some(id) = self.main.pop_front() {
            if self.visits[id as usize] == 0 {
                self.resident[id as usize] = false;
                return;
            }
            self.visits[id as usize] -= 1;
            self.main.push_back(id);
        }
    }

    fn remember(&mut self, id: u32) {
        self.next_number += 1;
        self.ghost_number[id as usize] = self.next_number;
        self.ghosts.push_back((id, self.next_number));
        if self.ghosts.len() > self.capacity - self.small_capacity
            && let Some((old, number)) = self.ghosts.pop_front()
            && self.ghost_number[old as usize] == number
        {
            self.ghost_number[old as usize] = 0;
        }
    }
}

impl Simulated for S3Fifo {
    fn access(&mut self, id: u32) -> bool {
        let at = id as usize;
        if self.resident[at] {
            self.visits[at] = (self.visits[at] + 1).min(MAX_VISITS);
            return true;
        }
        while self.small.len() + self.main.len() >= self.capacity {
            self.evict();
        }
        self.resident[at] = true;
        self.visits[at] = 0;
        if self.ghost_number[at] != 0 {
            self.ghost_number[at] = 0;
            self.main.push_back(id);
        } else {
            self.small.push_back(id);
        }
        false
    }
}

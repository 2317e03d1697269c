//! SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024).

use super::Simulated;
use super::links::{Links, List};

pub struct Sieve {
    capacity: usize,
    links: Links,
    list: List,
    resident: Vec<bool>,
    visited: Vec<bool>,
    hand: Option<u32>,
}

impl Sieve {
    pub fn new(capacity: usize, ids: usize) -> Self {
        Self {
            capacity,
            links: Links::new(ids),
            list: List::new(),
            resident: vec![false; ids],
            visited: vec![false; ids],
            hand: None,
        }
    }

    fn evict(&mut self) {
        let Some(mut at) = self.hand.or_else(|| self.list.back()) else { return };
        while self.visited[at as usize] {
            self.visited[at as usize] = false;
            at = self.links.newer(at).or_else(|| self.list.back()).expect("the list is not empty");
        }
        self.hand = self.links.newer(at);
        self.list.remove(&mut self.links, at);
        self.resident[at as usize] = false;
    }
}

impl Simulated for Sieve {
    fn access(&mut self, id: u32) -> bool {
        if self.resident[id as usize] {
            self.visited[id as usize] = true;
            return true;
        }
        if self.list.len() == self.capacity {
            self.evict();
        }
        self.resident[id as usize] = true;
        self.visited[id as usize] = false;
        self.list.push_front(&mut self.links, id);
        false
    }
}

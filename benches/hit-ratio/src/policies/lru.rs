//! Least recently used.

use super::Simulated;
use super::links::{Links, List};

pub struct Lru {
    capacity: usize,
    links: Links,
    list: List,
    resident: Vec<bool>,
}

impl Lru {
    pub fn new(capacity: usize, ids: usize) -> Self {
        Self { capacity, links: Links::new(ids), list: List::new(), resident: vec![false; ids] }
    }
}

impl Simulated for Lru {
    fn access(&mut self, id: u32) -> bool {
        let hit = self.resident[id as usize];
        if hit {
            self.list.remove(&mut self.links, id);
        } else if self.list.len() == self.capacity
            && let Some(victim) = self.list.pop_back(&mut self.links)
        {
            self.resident[victim as usize] = false;
        }
        self.resident[id as usize] = true;
        self.list.push_front(&mut self.links, id);
        hit
    }
}

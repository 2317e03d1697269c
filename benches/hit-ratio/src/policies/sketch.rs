//! Count-min sketch of 4-bit counters that are halved every ten capacities
//! (Einziger, Friedman, Manes, "TinyLFU", ACM ToS 2017).

use bench_common::random::hash;

pub struct Sketch {
    counters: Vec<u8>,
    mask: usize,
    sample: usize,
    additions: usize,
}

const ROWS: usize = 4;

impl Sketch {
    pub fn new(capacity: usize) -> Self {
        let width = (capacity * 4).next_power_of_two().max(64);
        Self { counters: vec![0; width * ROWS], mask: width - 1, sample: 10 * capacity, additions: 0 }
    }

    fn places(&self, id: u32) -> [usize; ROWS] {
        let hash = hash(u64::from(id));
        let (low, high) = (hash as u32 as usize, (hash >> 32) as usize | 1);
        std::array::from_fn(|row| {
            row * (self.mask + 1) + (low.wrapping_add(row.wrapping_mul(high)) & self.mask)
        })
    }

    pub fn estimate(&self, id: u32) -> u8 {
        self.places(id).map(|at| self.counters[at]).into_iter().min().unwrap_or(0)
    }

    pub fn add(&mut self, id: u32) {
        for at in self.places(id) {
            self.counters[at] = (self.counters[at] + 1).min(15);
        }
        self.additions += 1;
        if self.additions >= self.sample {
            self.additions /= 2;
            self.counters.iter_mut().for_each(|count| *count /= 2);
        }
    }
}

//! The clairvoyant optimum (Belady, 1966), free not to keep what it fetched:
//! no policy can be better.

use std::collections::BinaryHeap;

const NEVER: u32 = u32::MAX;

/// Hits of the optimum.
pub fn hits(capacity: usize, ids: usize, requests: &[u32]) -> u64 {
    let next = next_uses(ids, requests);
    let mut resident = vec![false; ids];
    // Residents by their next use; rows of earlier uses lapse.
    let mut due = vec![NEVER; ids];
    let mut heap: BinaryHeap<(u32, u32)> = BinaryHeap::with_capacity(2 * capacity);
    let mut held = 0;
    let mut hits = 0;
    for (at, &id) in requests.iter().enumerate() {
        let i = id as usize;
        if resident[i] {
            hits += 1;
        } else {
            resident[i] = true;
            held += 1;
        }
        due[i] = next[at];
        heap.push((next[at], id));
        // With the new one held for a moment too: it may itself be the farthest.
        while held > capacity
            && let Some((use_at, farthest)) = heap.pop()
        {
            let f = farthest as usize;
            if resident[f] && due[f] == use_at {
                resident[f] = false;
                held -= 1;
            }
        }
        if heap.len() > 8 * capacity + 1024 {
            heap.retain(|&(use_at, id)| resident[id as usize] && due[id as usize] == use_at);
        }
    }
    hits
}

fn next_uses(ids: usize, requests: &[u32]) -> Vec<u32> {
    let mut last = vec![NEVER; ids];
    let mut next = vec![NEVER; requests.len()];
    for (at, &id) in requests.iter().enumerate().rev() {
        next[at] = last[id as usize];
        last[id as usize] = at as u32;
    }
    next
}

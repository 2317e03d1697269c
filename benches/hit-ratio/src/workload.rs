//! A sequence of requests.

use std::collections::HashMap;

/// Requests for dense ids, and the cache sizes to try.
pub struct Workload {
    pub name: String,
    /// Number of different ids.
    pub ids: usize,
    pub requests: Vec<u32>,
    /// A real application's trace, and not made here.
    pub is_trace: bool,
    /// Whether the bars are judged by it.
    pub is_judged: bool,
}

/// Cache sizes in thousandths of the different keys.
const SIZES: [usize; 8] = [1, 5, 10, 20, 50, 100, 250, 500];
/// A cache of fewer entries is none.
const SMALLEST: usize = 32;

impl Workload {
    pub fn new(name: &str, keys: impl IntoIterator<Item = u64>) -> Self {
        let mut ids = HashMap::new();
        let requests = keys
            .into_iter()
            .map(|key| {
                let next = ids.len() as u32;
                *ids.entry(key).or_insert(next)
            })
            .collect();
        Self { name: name.to_owned(), ids: ids.len(), requests, is_trace: false, is_judged: true }
    }

    pub fn trace(name: &str, keys: impl IntoIterator<Item = u64>) -> Self {
        Self { is_trace: true, ..Self::new(name, keys) }
    }

    /// For the eye only.
    pub fn not_judged(self) -> Self {
        Self { is_judged: false, ..self }
    }

    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<_> = SIZES.iter().map(|t| (self.ids * t / 1000).max(SMALLEST)).collect();
        sizes.dedup();
        sizes
    }
}

//! Policies of other crates, as they come.

use super::Simulated;

/// W-TinyLFU of the moka crate.
pub struct Moka(moka::sync::Cache<u32, ()>);

impl Moka {
    pub fn new(capacity: usize) -> Self {
        Self(moka::sync::Cache::new(capacity as u64))
    }
}

impl Simulated for Moka {
    fn access(&mut self, id: u32) -> bool {
        let hit = self.0.get(&id).is_some();
        if !hit {
            self.0.insert(id, ());
        }
        // It records and evicts in batches; one by one is fair to it, and holds
        // it to its capacity.
        self.0.run_pending_tasks();
        hit
    }
}

/// The quick_cache crate: CLOCK-Pro and S3-FIFO combined.
pub struct QuickCache(quick_cache::unsync::Cache<u32, ()>);

impl QuickCache {
    pub fn new(capacity: usize) -> Self {
        Self(quick_cache::unsync::Cache::new(capacity))
    }
}

impl Simulated for QuickCache {
    fn access(&mut self, id: u32) -> bool {
        let hit = self.0.get(&id).is_some();
        if !hit {
            self.0.insert(id, ());
        }
        hit
    }
}

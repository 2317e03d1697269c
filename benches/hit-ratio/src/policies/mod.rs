//! What is compared.

mod crates;
mod edgecmp;
mod links;
mod lru;
mod optimum;
mod s3_fifo;
mod sieve;
mod sketch;
mod store;
mod w_tiny_lfu;

/// A policy under simulation; ids are dense numbers of keys.
trait Simulated {
    /// A request: whether it was a hit. A miss fetches the key and offers it to the cache.
    fn access(&mut self, id: u32) -> bool;
}

/// What one run showed.
pub struct Measured {
    pub hit_ratio: f64,
    /// Bytes of the policy itself an entry at the end, where that is known.
    pub overhead: Option<f64>,
    /// Entries held on the mean, where that is not the size asked for.
    pub held: Option<f64>,
}

impl From<f64> for Measured {
    fn from(hit_ratio: f64) -> Self {
        Self { hit_ratio, overhead: None, held: None }
    }
}

/// Of a cache of so many entries, on so many ids, these requests.
pub type Run = fn(usize, usize, &[u32]) -> Measured;

pub const EDGECMP: &str = "edgecmp";
pub const STORE: &str = "edgecmp-store";
pub const OPTIMUM: &str = "optimum";
pub const MOKA: &str = "moka";
pub const QUICK_CACHE: &str = "quick_cache";

/// In the order of the table's columns.
pub const ALL: &[(&str, Run)] = &[
    ("lru", |n, ids, r| hit_ratio(&mut lru::Lru::new(n, ids), r).into()),
    ("sieve", |n, ids, r| hit_ratio(&mut sieve::Sieve::new(n, ids), r).into()),
    ("s3-fifo", |n, ids, r| hit_ratio(&mut s3_fifo::S3Fifo::new(n, ids), r).into()),
    ("w-tinylfu", |n, ids, r| hit_ratio(&mut w_tiny_lfu::WTinyLfu::new(n, ids), r).into()),
    (MOKA, |n, _, r| hit_ratio(&mut crates::Moka::new(n), r).into()),
    (QUICK_CACHE, |n, _, r| hit_ratio(&mut crates::QuickCache::new(n), r).into()),
    (EDGECMP, |n, _, r| {
        let mut policy = edgecmp::Edgecmp::new(n);
        let hit_ratio = hit_ratio(&mut policy, r);
        Measured { hit_ratio, overhead: Some(policy.overhead()), held: None }
    }),
    (STORE, store::run),
    (OPTIMUM, |n, ids, r| (optimum::hits(n, ids, r) as f64 / r.len() as f64).into()),
];

fn hit_ratio(policy: &mut dyn Simulated, requests: &[u32]) -> f64 {
    let hits = requests.iter().filter(|id| policy.access(**id)).count();
    hits as f64 / requests.len() as f64
}

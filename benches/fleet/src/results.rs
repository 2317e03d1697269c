//! What was measured, and its medians.

use std::collections::BTreeMap;

use bench_common::quantile::{median, nearest};

use crate::stampede::Stampede;
use crate::strategies::Name;

/// Quantiles, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Times {
    pub fn of(mut ns: Vec<u64>) -> Self {
        ns.sort_unstable();
        let at = |share: f64| nearest(&ns, share).map_or(0.0, |ns| ns as f64 / 1e3);
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999) }
    }
}

/// Of one run, or the medians of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// After the warm-up, as are shares and times.
    pub reads: u64,
    pub errors: u64,
    pub waiting_share: f64,
    pub waiting_share_hot: f64,
    /// Of the whole run, as are leases, staleness and violations.
    pub origin_requests: u64,
    pub origin_keys: u64,
    /// The nodes counted otherwise than the origin.
    pub miscounted: bool,
    pub lower_bound_keys: u64,
    pub lease_attempts: u64,
    pub lease_conflicts: u64,
    pub lease_failures: u64,
    /// Lease conflicts a key refreshed, without those of the warm-up.
    pub settled_conflicts_per_key: f64,
    /// From the start of the call.
    pub service: Times,
    /// From when it was to start.
    pub response: Times,
    /// How late the driver itself was.
    pub late_p99_us: f64,
    pub worst_staleness_ms: f64,
    /// Of the bound.
    pub violations: u64,
    /// Of any rule of the oracle; of a baseline those of the receipt mean nothing.
    pub broken_promises: u64,
    pub busy: f64,
}

impl Figures {
    pub fn conflicts_per_key(&self) -> f64 {
        self.lease_conflicts as f64 / self.origin_keys.max(1) as f64
    }

    /// Keys asked, as a multiple of the fewest possible.
    pub fn keys_ratio(&self) -> f64 {
        self.origin_keys as f64 / self.lower_bound_keys.max(1) as f64
    }

    /// Medians; of what must not happen at all, the sums and the worst.
    fn medians(rounds: &[Self]) -> Self {
        let median = |field: &dyn Fn(&Self) -> f64| median(rounds.iter().map(field));
        let count = |field: &dyn Fn(&Self) -> u64| median(&|figures| field(figures) as f64).round() as u64;
        let times = |of: &dyn Fn(&Self) -> Times| Times {
            p50: median(&|figures| of(figures).p50),
            p95: median(&|figures| of(figures).p95),
            p99: median(&|figures| of(figures).p99),
            p999: median(&|figures| of(figures).p999),
        };
        let sum = |field: &dyn Fn(&Self) -> u64| rounds.iter().map(field).sum();
        Self {
            reads: count(&|f| f.reads),
            errors: sum(&|f| f.errors),
            waiting_share: median(&|f| f.waiting_share),
            waiting_share_hot: median(&|f| f.waiting_share_hot),
            origin_requests: count(&|f| f.origin_requests),
            origin_keys: count(&|f| f.origin_keys),
            miscounted: rounds.iter().any(|f| f.miscounted),
            lower_bound_keys: count(&|f| f.lower_bound_keys),
            lease_attempts: count(&|f| f.lease_attempts),
            lease_conflicts: count(&|f| f.lease_conflicts),
            lease_failures: count(&|f| f.lease_failures),
            settled_conflicts_per_key: median(&|f| f.settled_conflicts_per_key),
            service: times(&|f| f.service),
            response: times(&|f| f.response),
            late_p99_us: median(&|f| f.late_p99_us),
            worst_staleness_ms: rounds.iter().map(|f| f.worst_staleness_ms).fold(0.0, f64::max),
            violations: sum(&|f| f.violations),
            broken_promises: sum(&|f| f.broken_promises),
            busy: median(&|f| f.busy),
        }
    }
}

/// All of a bench.
#[derive(Default)]
pub struct Results {
    main: BTreeMap<Name, Vec<Figures>>,
    /// By number of nodes.
    scale: BTreeMap<(Name, usize), Vec<Figures>>,
    pub stampede: Option<Stampede>,
    pub writes: &'static str,
}

impl Results {
    pub fn new(writes: &'static str) -> Self {
        Self { writes, ..Self::default() }
    }

    pub fn add(&mut self, name: Name, figures: Figures) {
        self.main.entry(name).or_default().push(figures);
    }

    pub fn add_scale(&mut self, name: Name, nodes: usize, figures: Figures) {
        self.scale.entry((name, nodes)).or_default().push(figures);
    }

    /// Each round by itself.
    pub fn rounds(&self, name: Name) -> Option<&[Figures]> {
        self.main.get(&name).map(Vec::as_slice)
    }

    pub fn row(&self, name: Name) -> Option<Figures> {
        self.rounds(name).map(Figures::medians)
    }

    pub fn rows(&self) -> impl Iterator<Item = (Name, Figures)> {
        self.main.iter().map(|(name, rounds)| (*name, Figures::medians(rounds)))
    }

    pub fn scale(&self) -> impl Iterator<Item = (Name, usize, Figures)> {
        self.scale.iter().map(|((name, nodes), rounds)| (*name, *nodes, Figures::medians(rounds)))
    }

    pub fn scale_row(&self, name: Name, nodes: usize) -> Option<Figures> {
        self.scale.get(&(name, nodes)).map(|rounds| Figures::medians(rounds))
    }
}

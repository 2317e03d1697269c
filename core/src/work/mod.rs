//! Work: fetch, compare, refresh, write. Decides what to do; the ports do it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::coordination::fences::Fences;
use crate::coordination::flight::FlightTable;
use crate::coordination::gate::Gate;
use crate::coordination::lease::Leases;
use crate::env::Env;
use crate::facts::clock::{BootClock, Clock, Instant};
use crate::facts::error::Result;
use crate::facts::options::Options;
use crate::facts::statistics::{Counters, Stat, Statistics};
use crate::lease_store::LeaseStore;
use crate::origin::Origin;
use crate::rules::breaker::State;
use crate::store::Store;

pub mod ask;
pub mod compare;
pub mod fetch;
pub mod install;
pub mod line;
pub mod policy;
pub mod refresh;
pub mod sweep;
pub mod write;

use line::Line;
use policy::Policy;
use refresh::RefreshQueue;

/// One cache node: everything that reads, flights and background work share.
pub struct Node {
    /// Time, tasks and chance.
    pub env: Arc<dyn Env>,
    /// What the options say.
    pub policy: Policy,
    /// What is cached.
    pub store: Store,
    /// Fetches in progress.
    pub flights: Arc<FlightTable>,
    /// What acknowledged writes leave for answers that lag.
    pub fences: Fences,
    /// What stands before the origin.
    pub gate: Gate,
    /// Misses that gather for one request.
    pub line: Line,
    /// The system of record.
    pub origin: Arc<dyn Origin>,
    /// Who refreshes for the fleet.
    pub leases: Leases,
    /// What happened.
    pub counters: Counters,
    /// Refreshes that reads asked for.
    pub refreshes: RefreshQueue,
    background: AtomicBool,
    on_boot_clock: bool,
    /// Until then (nanoseconds of the local clock) the origin has no compare.
    compare_off_until: AtomicU64,
}

impl Node {
    /// A node with nothing cached. Starts nothing.
    pub fn new(
        options: &Options,
        env: Arc<dyn Env>,
        origin: Arc<dyn Origin>,
        leases: Arc<dyn LeaseStore>,
    ) -> Result<Self> {
        let policy = Policy::of(options);
        let refreshes = RefreshQueue::new(&policy, env.signal()?);
        let fences = Fences::new(options.capacity.0, env.random());
        Ok(Self {
            store: Store::new(options.capacity.0 - fences.bytes(), options.max_value_bytes.0),
            flights: Arc::default(),
            fences,
            gate: Gate::new(policy.gate, env.now()),
            leases: Leases::new(leases, policy.lease_ttl, policy.lease_timeout, env.now()),
            line: Line::default(),
            counters: Counters::default(),
            background: AtomicBool::new(false),
            compare_off_until: AtomicU64::new(0),
            on_boot_clock: env.is_boot_clock(),
            env,
            origin,
            policy,
            refreshes,
        })
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        self.env.now()
    }

    /// Not before the present instant, cheaply; see [`crate::facts::clock::Clock::latest`].
    #[inline]
    pub fn latest(&self) -> Instant {
        // Without the indirect call for all but the simulation.
        if self.on_boot_clock { BootClock.latest() } else { self.env.latest() }
    }

    /// Starts the background work with the first flight or write: before it there
    /// is nothing that could be refreshed, or leave.
    pub fn start_background(self: &Arc<Self>) {
        if !self.background.load(Ordering::Relaxed) && !self.background.swap(true, Ordering::AcqRel) {
            // Refused only by a closed environment, which needs neither.
            let _ = self.env.spawn(Box::pin(refresh::run(Arc::clone(self))));
            let _ = self.env.spawn(Box::pin(sweep::run(Arc::clone(self))));
        }
    }

    /// Whether there is background work, and so something that may have to be ended.
    pub fn has_started(&self) -> bool {
        self.background.load(Ordering::Acquire)
    }

    /// Whether the origin is believed to have a compare.
    pub fn compares(&self) -> bool {
        self.origin.has_compare() && self.now().as_nanos() >= self.compare_off_until.load(Ordering::Relaxed)
    }

    fn compare_off(&self, until: Instant) {
        self.compare_off_until.store(until.as_nanos(), Ordering::Relaxed);
    }

    /// All statistics now.
    pub fn statistics(&self) -> Statistics {
        let mut sums = self.counters.sums();
        let usage = self.store.usage();
        sums[Stat::Entries as usize] = usage.entries as u64;
        sums[Stat::Bytes as usize] = usage.bytes as u64;
        sums[Stat::FlightsActive as usize] = self.flights.active() as u64;
        sums[Stat::BreakerState as usize] = match self.gate.breaker_state(self.now()) {
            State::Closed => 0,
            State::HalfOpen => 1,
            State::Open => 2,
        };
        Statistics::from_values(sums)
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("policy", &self.policy).finish_non_exhaustive()
    }
}

//! Nodes: caches that can be closed, or die, and come up again empty.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edgecmp::cache::{Cache, Parts};
use edgecmp::lease_store::LeaseStore;

use crate::env::SimEnv;
use crate::lease::FlakyLeases;
use crate::origin::{Link, Server, Weather};
use crate::plan::{Plan, Sabotage};
use crate::trace;
use crate::world::{Owner, World};

/// One cache from opening to end. G2 and G3 are promises of one such life.
#[derive(Debug)]
pub struct Life {
    pub id: u32,
    pub owner: Owner,
    pub cache: Cache,
}

/// All nodes of a run, and what they share.
#[derive(Debug)]
pub struct Fleet {
    pub world: Arc<World>,
    pub plan: Arc<Plan>,
    pub server: Arc<Mutex<Server>>,
    pub weather: Arc<Mutex<Weather>>,
    /// The highest version of each key that any client has seen: what a
    /// session carries from node to node (G3).
    pub seen: Mutex<BTreeMap<usize, u128>>,
    shared_leases: Arc<FlakyLeases>,
    shared_link: Link,
    nodes: Vec<Mutex<Arc<Life>>>,
    lives: AtomicU32,
}

impl Fleet {
    /// A fleet with all caches open.
    #[must_use]
    pub fn open(world: &Arc<World>, plan: &Arc<Plan>) -> Arc<Self> {
        let server = Arc::new(Mutex::new(Server::new(plan)));
        let weather = Arc::default();
        let clock = SimEnv::new(world, Owner::Harness, 0, 0);
        let mut fleet = Self {
            shared_link: Link::new("shared".into(), world, plan, &weather, &server),
            shared_leases: FlakyLeases::new(world, clock),
            world: Arc::clone(world),
            plan: Arc::clone(plan),
            server,
            weather,
            seen: Mutex::default(),
            nodes: Vec::new(),
            lives: AtomicU32::new(0),
        };
        fleet.nodes = (0..plan.nodes).map(|node| Mutex::new(fleet.begin(node))).collect();
        Arc::new(fleet)
    }

    fn begin(&self, node: usize) -> Arc<Life> {
        let id = self.lives.fetch_add(1, Ordering::Relaxed);
        let owner = Owner::Cache(id);
        let ahead = self.plan.ahead.get(node).copied().unwrap_or(0);
        let env = SimEnv::new(&self.world, owner, self.plan.drift_ppm[node], ahead);
        let leases: Arc<dyn LeaseStore> = if self.plan.shared_leases {
            Arc::clone(&self.shared_leases) as _
        } else {
            FlakyLeases::new(&self.world, Arc::clone(&env))
        };
        let link = match self.plan.sabotage {
            Sabotage::DoubleFetch => self.shared_link.clone(),
            _ => Link::new(format!("n{node}.{id}"), &self.world, &self.plan, &self.weather, &self.server),
        };
        let parts = Parts { env, origin: Arc::new(link), leases };
        let cache =
            Cache::open_with_parts(self.plan.options.clone(), parts).expect("a plan has valid options");
        Arc::new(Life { id, owner, cache })
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The cache that a node has now.
    #[must_use]
    pub fn node(&self, node: usize) -> Arc<Life> {
        Arc::clone(&self.nodes[node].lock().expect("nothing panics while it looks up a node"))
    }

    /// Ends a node's cache and its runtime, whatever they are doing.
    pub fn end(&self, node: usize) {
        let life = self.node(node);
        trace!(self.world, "n{node}.{} ends", life.id);
        if life.cache.close(Duration::ZERO).is_err() {
            self.world.fail(format_args!("close failed"));
        }
        self.world.close_runtime(life.owner);
        self.world.go_on(life.owner);
        let statistics = life.cache.statistics().expect("statistics work on a closed cache");
        if statistics.flights_active > 0 {
            self.world.fail(format_args!("{} flights leaked by a close", statistics.flights_active));
        }
    }

    /// Ends a node's cache and begins another.
    pub fn restart(&self, node: usize) {
        self.end(node);
        let life = self.begin(node);
        *self.nodes[node].lock().expect("nothing panics while it looks up a node") = life;
    }

    /// The memory of every cache is within its capacity (G6).
    pub fn check_memory(&self) {
        for node in 0..self.nodes() {
            let life = self.node(node);
            let bytes = life.cache.statistics().map_or(0, |statistics| statistics.bytes);
            let capacity = self.plan.options.capacity.0 as u64;
            if bytes > capacity {
                self.world.fail(format_args!("G6: cache {} holds {bytes} of {capacity} bytes", life.id));
            }
        }
    }

    /// The name of a key.
    #[must_use]
    pub fn key(index: usize) -> Vec<u8> {
        let prefix = if index % 4 == 3 { "p/" } else { "k" };
        format!("{prefix}{index}").into_bytes()
    }
}

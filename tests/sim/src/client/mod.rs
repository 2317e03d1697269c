//! Clients: tasks that call a node as an application would, by every front
//! there is, and note what they were told.

mod ledger;
mod read;
mod write;

use std::sync::Arc;
use std::time::Duration;

use edgecmp::{Pending, Result};

pub use ledger::{Ledger, ReadRecord, Seen, WriteRecord, crc};

use crate::node::{Fleet, Life};
use crate::world::{MS, Nanos, US};

/// Beyond deadline and excuses: the steps of other tasks, a timer's grain.
const STEP: Nanos = 10 * MS;

/// One client of one node.
#[derive(Clone, Debug)]
pub struct Client {
    pub fleet: Arc<Fleet>,
    pub ledger: Arc<Ledger>,
    pub node: usize,
    pub number: u32,
}

impl Client {
    /// Calls until the run's time is over.
    pub async fn run(self, until: Nanos) {
        let world = &self.fleet.world;
        while world.now() < until {
            let (action, think) = world.draw(|rng| (rng.below(100), rng.below(self.fleet.plan.think)));
            let key = world.draw(|rng| rng.zipf(self.fleet.plan.keys as u64)) as usize;
            match action {
                0..=24 => self.lookup(key),
                25..=68 => self.get(key).await,
                69..=80 => self.get_many().await,
                81..=93 => self.write(key, false).await,
                94..=96 => self.write(key, true).await,
                _ => self.invalidate(key),
            }
            world.sleep(think).await;
        }
    }

    fn life(&self) -> Arc<Life> {
        self.fleet.node(self.node)
    }

    fn invalidate(&self, key: usize) {
        // Refused once the cache is closed, which is fine.
        let _ = self.life().cache.invalidate(&Fleet::key(key));
        crate::trace!(self.fleet.world, "c{} invalidates {key}", self.number);
    }

    /// The end of a call: as an async host awaits it, or as a thread blocks on
    /// it. `None`: the client lost interest.
    async fn outcome<T: Send + 'static>(&self, mut pending: Pending<T>) -> Option<Result<T>> {
        let world = &self.fleet.world;
        let front = world.draw(|rng| rng.below(100));
        if front < 3 {
            let nanos = world.draw(|rng| rng.below(5 * MS));
            world.sleep(nanos).await;
            drop(pending);
            world.count("abandoned");
            return None;
        }
        if front < 60 {
            return Some(pending.await);
        }
        // A thread looks when it is woken, at its deadline, or now and then;
        // here it looks now and then, and its timers are not the runtime's.
        loop {
            if let Some(outcome) = pending.wait_for(Duration::ZERO) {
                return Some(outcome);
            }
            let nanos = world.draw(|rng| rng.between(10 * US, 2 * MS));
            world.sleep(nanos).await;
        }
    }

    /// G8: a call ends by its deadline.
    fn check_deadline(&self, what: &str, life: &Life, started: Started, timeout: Duration) {
        let world = &self.fleet.world;
        let excused = world.excused(life.owner) - started.excused;
        let took = world.now() - started.at;
        let timeout = timeout.as_nanos() as Nanos;
        if took > timeout + timeout / 1000 + excused + STEP {
            world.fail(format_args!(
                "G8: {what} took {took} ns, its time-out is {timeout} ns, excused {excused} ns"
            ));
        }
    }

    fn started(&self, life: &Life) -> Started {
        Started { at: self.fleet.world.now(), excused: self.fleet.world.excused(life.owner) }
    }
}

/// When a call began.
#[derive(Clone, Copy, Debug)]
struct Started {
    at: Nanos,
    excused: Nanos,
}

//! A node of the fleet as its lease store sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use edgecmp::engine::runtime::Runtime;
use edgecmp::env::{BoxFuture, Env, within};
use edgecmp::lease_store::{self, Lease, LeaseStore};
use edgecmp::{Error, Key, Options};

/// A call that is to be answered: far more than it takes.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Calls during faults have the deadline that a cache gives them: `lease_timeout`.
const DEADLINE: Duration = Duration::from_millis(50);
/// What a busy machine may take longer to notice a deadline.
const SLACK: Duration = Duration::from_millis(750);
/// When a store is back, leases are won again within this time.
pub const LATEST: Duration = Duration::from_secs(2);

/// Why a call has no outcome.
#[derive(Debug)]
pub enum Lost {
    /// The store said so.
    Failed(Error),
    /// The deadline came first.
    Late,
}

/// A node: an environment and a lease store in it.
pub struct Node {
    runtime: Arc<Runtime>,
    env: Arc<dyn Env>,
    store: Arc<dyn LeaseStore>,
}

impl Node {
    /// A node with these options.
    pub fn open(settings: &[(&str, &str)]) -> Self {
        let runtime = Arc::new(Runtime::new(0));
        let env: Arc<dyn Env> = Arc::clone(&runtime) as Arc<dyn Env>;
        let mut options = Options::default();
        for (name, value) in settings {
            options.set(name, value).expect("an option");
        }
        let store = lease_store::open(&options, &env).expect("a lease store");
        Self { runtime, env, store }
    }

    /// Once it has won a lease: to connect and log in to a busy server takes longer than a
    /// lease waits.
    pub fn ready(self) -> Self {
        poll("the node is connected", PATIENCE, || self.is_served().is_ok());
        self
    }

    /// Ends its tasks. What it held it does not give back.
    pub fn close(&self) {
        assert!(self.runtime.close(Duration::from_secs(5)), "the runtime ends");
    }

    /// Runs a call of the store as a cache does, and sees that it ends by its deadline.
    fn call<T: Send + 'static>(
        &self,
        timeout: Duration,
        call: impl FnOnce(&dyn LeaseStore) -> BoxFuture<'static, Result<T, Error>> + Send + 'static,
    ) -> Result<T, Lost> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let (env, store) = (Arc::clone(&self.env), Arc::clone(&self.store));
        let task = Box::pin(async move {
            let deadline = env.now().after(timeout);
            let outcome = within(env.as_ref(), deadline, call(store.as_ref())).await;
            let _ = sender.send(outcome);
        });
        let began = Instant::now();
        self.env.spawn(task).expect("a node that is open");
        let outcome = receiver.recv_timeout(timeout + SLACK);
        let outcome = outcome.unwrap_or_else(|error| {
            panic!("a call is to end within {timeout:?}: {error} after {:?}", began.elapsed())
        });
        outcome.map_or(Err(Lost::Late), |outcome| outcome.map_err(Lost::Failed))
    }

    /// Asks for leases with a deadline.
    pub fn try_acquire(
        &self,
        keys: &[&str],
        ttl: Duration,
        timeout: Duration,
    ) -> Result<Vec<Option<Lease>>, Lost> {
        let keys: Vec<_> = keys.iter().map(|key| Key::copy_from(key.as_bytes())).collect();
        let asked = keys.len();
        let outcomes = self.call(timeout, move |store| store.acquire(keys, ttl))?;
        assert_eq!(outcomes.len(), asked, "one outcome a key");
        Ok(outcomes)
    }

    /// Asks a store that works.
    pub fn acquire(&self, keys: &[&str], ttl: Duration) -> Vec<Option<Lease>> {
        self.try_acquire(keys, ttl, PATIENCE).expect("a store that works")
    }

    /// The same, of one key.
    pub fn acquire_one(&self, key: &str, ttl: Duration) -> Option<Lease> {
        self.acquire(&[key], ttl).pop().flatten()
    }

    /// Holds leases for longer.
    pub fn extend(&self, leases: &[Lease], ttl: Duration) -> Vec<bool> {
        let leases = leases.to_vec();
        self.call(PATIENCE, move |store| store.extend(leases, ttl)).expect("a store that works")
    }

    /// Asks for a number.
    pub fn number(&self) -> u64 {
        self.call(PATIENCE, LeaseStore::number).expect("a store that works")
    }

    /// Gives leases back.
    pub fn release(&self, leases: &[Lease]) {
        self.try_release(leases).expect("a store that works");
    }

    /// The same while something may be wrong.
    pub fn try_release(&self, leases: &[Lease]) -> Result<(), Lost> {
        let leases = leases.to_vec();
        self.call(PATIENCE, move |store| store.release(leases))
    }

    /// Asks for a key nobody has, as a cache does while something may be wrong.
    pub fn is_served(&self) -> Result<Lease, Lost> {
        let key = format!("probe/{:016x}", self.env.random());
        let mut outcomes = self.try_acquire(&[&key], Duration::from_secs(2), DEADLINE)?;
        Ok(outcomes.pop().flatten().expect("nobody else has this key"))
    }

    /// Asks all through a fault. How many calls were answered with a lease, and how many not.
    pub fn watch(&self, during: Duration) -> (usize, usize) {
        let (mut won, mut lost) = (0, 0);
        let end = Instant::now() + during;
        while Instant::now() < end {
            match self.is_served() {
                Ok(_) => won += 1,
                Err(_) => lost += 1,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        (won, lost)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.runtime.close(Duration::ZERO);
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

/// How long it takes until `done`; panics after `limit`.
pub fn poll<W: What>(what: W, limit: Duration, mut done: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    loop {
        // Looked at first: what came true while `done` took its time is no failure.
        let elapsed = began.elapsed();
        if done() {
            return began.elapsed();
        }
        assert!(elapsed < limit, "{}: not within {limit:?}", what.say());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The same, of what is asked of a server.
pub async fn poll_async(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < limit, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What is waited for: a text, or one that is made when it has not come.
pub trait What {
    /// The text.
    fn say(&self) -> String;
}

impl What for &str {
    fn say(&self) -> String {
        (*self).to_owned()
    }
}

impl<F: Fn() -> String> What for F {
    fn say(&self) -> String {
        self()
    }
}

/// How long it takes until leases are won again, from now on: three in a row.
pub fn recovery(node: &Node, what: &str) -> Duration {
    let mut last = None;
    let mut in_a_row = 0;
    let began = Instant::now();
    let mut first = began.elapsed();
    while in_a_row < 3 {
        match node.is_served() {
            Ok(_) => {
                if in_a_row == 0 {
                    first = began.elapsed();
                }
                in_a_row += 1;
            }
            Err(lost) => (in_a_row, last) = (0, Some(lost)),
        }
        assert!(began.elapsed() < LATEST, "{what}: no leases within {LATEST:?}: {last:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("{what}: leases again after {:.2} s", first.as_secs_f64());
    first
}

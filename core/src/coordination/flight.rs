//! Flights: at most one fetch in progress per key and node (G4).
//!
//! Who misses *boards*: the first takes the key's place and fetches, the others
//! wait for what it brings. The order of things, each with a reason:
//!
//! 1. The place is taken before the request is sent. A write, a delete or an
//!    invalidation that ends meanwhile *fences* the flight: an answer from
//!    before the fence must not be installed nor be served to who comes after
//!    (G3; and nothing deleted is resurrected), so the flight asks again.
//! 2. Fence check and installation are one step under the flight's lock; a
//!    fence either comes before, and is seen, or after, and then whoever set it
//!    installs its own newer version over what the flight brought.
//! 3. A flight that has landed is never joined, only a new one started: its
//!    answer may be older than the start of the read that looks.
//! 4. A place that is dropped (its task was cancelled, or panicked) lands with
//!    an error. No waiter is left behind.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::facts::clock::Instant;
use crate::facts::entry::SharedEntry;
use crate::facts::error::{Code, Error};
use crate::facts::key::Key;
use crate::facts::version::Version;

const TABLE_SHARDS: usize = 64;

/// What a flight brought: an entry, kept in the store or not, or why not.
pub type Landing = Result<SharedEntry, Error>;

/// What overtakes an answer that is still on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fence {
    /// A write of this version was acknowledged at this instant: answers to
    /// requests sent up to then are overtaken if their version is lower.
    pub floor: (Version, Instant),
    /// An invalidation, or a write without a known version or outcome:
    /// answers to requests sent up to then are overtaken, whatever their version.
    pub barrier: Instant,
}

impl Fence {
    /// The fence of an acknowledged write.
    pub fn written(version: Version, at: Instant) -> Self {
        Self { floor: (version, at), barrier: Instant::ZERO }
    }

    /// The fence of whatever leaves no version to compare with.
    pub fn barrier(at: Instant) -> Self {
        Self { barrier: at, ..Self::default() }
    }

    fn overtakes(&self, version: Version, sent_at: Instant) -> bool {
        let (floor, written_at) = self.floor;
        // An answer older than the clock (`Age`) counts as sent at zero: not after a
        // barrier that is there, and not overtaken by none.
        let barred = self.barrier > Instant::ZERO && sent_at <= self.barrier;
        barred || (sent_at <= written_at && version < floor)
    }

    /// Whether the proof of what is cached counts no more.
    fn overtakes_cached(&self, entry: &SharedEntry) -> bool {
        let at = entry.validated_at();
        at <= entry.unproved_until() || self.overtakes(entry.version(), at)
    }

    fn and(self, later: Self) -> Self {
        Self {
            floor: (self.floor.0.max(later.floor.0), self.floor.1.max(later.floor.1)),
            barrier: self.barrier.max(later.barrier),
        }
    }
}

/// The one fetch in progress for a key, with its waiters.
#[derive(Debug)]
pub struct Flight {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    landing: Option<Landing>,
    fence: Fence,
    waiters: Vec<Option<Waker>>,
    /// Indices of `waiters` whose seats were given back.
    free: Vec<usize>,
    waiting: usize,
    /// The fetch, if it wants to know when somebody waits.
    fetch: Option<Waker>,
    /// The latest deadline of a waiter: after it nobody wants the answer.
    wanted_until: Instant,
}

impl Flight {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                landing: None,
                fence: Fence::default(),
                waiters: Vec::new(),
                free: Vec::new(),
                waiting: 0,
                fetch: None,
                wanted_until: Instant::ZERO,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A waiter's waker may panic; the state itself is never left half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a seat to wait in until `deadline`.
    pub fn wait(self: &Arc<Self>, deadline: Instant, max_waiters: u64) -> Result<Seat, Error> {
        let mut state = self.state();
        if state.waiting as u64 >= max_waiters {
            return Err(Error::new(
                Code::Overloaded,
                format!("{max_waiters} reads wait for this key already (max_waiters)"),
            ));
        }
        state.waiting += 1;
        state.wanted_until = state.wanted_until.max(deadline);
        let index = state.free.pop().unwrap_or_else(|| {
            state.waiters.push(None);
            state.waiters.len() - 1
        });
        let fetch = state.fetch.take();
        drop(state);
        if let Some(fetch) = fetch {
            fetch.wake();
        }
        Ok(Seat { flight: Arc::clone(self), index })
    }
}

impl Flight {
    /// Waits for the landing without being a waiter: nobody needs the answer.
    /// Whether it was one with an answer.
    pub async fn landed(&self) -> bool {
        std::future::poll_fn(|cx| {
            let mut state = self.state();
            if let Some(landing) = &state.landing {
                return Poll::Ready(landing.is_ok());
            }
            state.waiters.push(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await
    }
}

/// A waiter's seat in a flight; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    flight: Arc<Flight>,
    index: usize,
}

impl Seat {
    /// Ready once the flight has landed.
    pub fn poll_landing(&self, waker: &Waker) -> Poll<Landing> {
        let mut state = self.flight.state();
        if let Some(landing) = &state.landing {
            return Poll::Ready(landing.clone());
        }
        match &mut state.waiters[self.index] {
            Some(present) => present.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
        Poll::Pending
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.flight.state();
        state.waiting -= 1;
        if let Some(seat) = state.waiters.get_mut(self.index) {
            *seat = None;
            state.free.push(self.index);
        }
    }
}

/// What boarding gave.
#[derive(Debug)]
pub enum Boarding {
    /// Another call fetches already.
    Joined(Arc<Flight>),
    /// This call fetches.
    Started(Place),
}

/// The right, and the duty, to fetch a key and land its flight.
#[derive(Debug)]
pub struct Place {
    table: Arc<FlightTable>,
    key: Key,
    flight: Arc<Flight>,
    landed: bool,
}

/// Is ready once somebody waits for one of these flights.
pub async fn wanted(places: &[Place]) {
    std::future::poll_fn(|cx| {
        let is_wanted = |place: &Place| {
            let mut state = place.flight.state();
            state.fetch = Some(cx.waker().clone());
            state.waiting > 0
        };
        if places.iter().any(is_wanted) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// What became of an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled {
    /// The flight has landed with it.
    Landed,
    /// A fence overtook it: ask again.
    Overtaken,
}

impl Place {
    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The flight, for the call that started it to wait for.
    pub fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Until when some waiter wants the answer; [`Instant::ZERO`] if none ever did.
    pub fn wanted_until(&self) -> Instant {
        self.flight.state().wanted_until
    }

    /// Whether anybody waits now.
    pub fn has_waiters(&self) -> bool {
        self.flight.state().waiting > 0
    }

    /// Whether every read that waited for it has given up.
    pub fn is_abandoned(&self, now: Instant) -> bool {
        let state = self.flight.state();
        state.waiting == 0 && state.wanted_until > Instant::ZERO && state.wanted_until <= now
    }

    /// Lands with what `install` makes of the answer, unless a fence overtook it.
    /// `install` runs under the flight's lock: fence and installation are one step.
    pub fn settle(
        &mut self,
        version: Version,
        sent_at: Instant,
        install: impl FnOnce() -> Landing,
    ) -> Settled {
        let mut state = self.flight.state();
        if state.fence.overtakes(version, sent_at) {
            return Settled::Overtaken;
        }
        let landing = install();
        let wakers = state.land(landing);
        drop(state);
        self.leave(wakers);
        Settled::Landed
    }

    /// Lands with what `find` finds cached, if it is proved and no fence overtook
    /// its proof; else with the error. One step, as [`Place::settle`] is.
    pub fn land_with_cached(mut self, find: impl FnOnce() -> Option<SharedEntry>, error: Error) {
        let mut state = self.flight.state();
        let landing = find().filter(|entry| !state.fence.overtakes_cached(entry)).ok_or(error);
        let wakers = state.land(landing);
        drop(state);
        self.leave(wakers);
    }

    /// Lands with an entry that was cached when this place had been taken. Who joined
    /// since may have begun after a write or an invalidation that overtook it: then the
    /// place is given back, for a fetch.
    pub fn land_found(mut self, entry: SharedEntry) -> Result<(), Self> {
        let mut state = self.flight.state();
        if state.fence.overtakes_cached(&entry) {
            drop(state);
            return Err(self);
        }
        let wakers = state.land(Ok(entry));
        drop(state);
        self.leave(wakers);
        Ok(())
    }

    /// Lands with an error.
    pub fn fail(mut self, error: Error) {
        let wakers = self.flight.state().land(Err(error));
        self.leave(wakers);
    }

    fn leave(&mut self, wakers: Vec<Option<Waker>>) {
        self.landed = true;
        self.table.remove(&self.key, &self.flight);
        for waker in wakers.into_iter().flatten() {
            waker.wake();
        }
    }
}

impl State {
    fn land(&mut self, landing: Landing) -> Vec<Option<Waker>> {
        self.landing = Some(landing);
        std::mem::take(&mut self.waiters)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.landed {
            let error = Error::new(Code::Closed, "the fetch was given up: the cache is closing");
            let wakers = self.flight.state().land(Err(error));
            self.leave(wakers);
        }
    }
}

type TableShard = Mutex<HashMap<Key, Arc<Flight>>>;

/// All flights of a cache.
#[derive(Debug)]
pub struct FlightTable {
    shards: Box<[TableShard]>,
    hasher: foldhash::fast::RandomState,
}

impl Default for FlightTable {
    fn default() -> Self {
        Self {
            shards: (0..TABLE_SHARDS).map(|_| Mutex::default()).collect(),
            hasher: foldhash::fast::RandomState::default(),
        }
    }
}

impl FlightTable {
    fn shard(&self, key: &[u8]) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        use std::hash::BuildHasher;
        let shard = self.hasher.hash_one(key) as usize % TABLE_SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the key's flight, or starts it.
    pub fn board(self: &Arc<Self>, key: &Key) -> Boarding {
        match self.shard(key.as_bytes()).entry(key.clone()) {
            hash_map::Entry::Occupied(mut there) => {
                if there.get().state().landing.is_none() {
                    return Boarding::Joined(Arc::clone(there.get()));
                }
                let flight = Arc::new(Flight::new());
                there.insert(Arc::clone(&flight));
                Boarding::Started(self.place(key, flight))
            }
            hash_map::Entry::Vacant(free) => {
                let flight = Arc::new(Flight::new());
                free.insert(Arc::clone(&flight));
                Boarding::Started(self.place(key, flight))
            }
        }
    }

    fn place(self: &Arc<Self>, key: &Key, flight: Arc<Flight>) -> Place {
        Place { table: Arc::clone(self), key: key.clone(), flight, landed: false }
    }

    /// Fences the key's flight, if there is one.
    pub fn fence(&self, key: &Key, fence: Fence) {
        let flight = self.shard(key.as_bytes()).get(key).cloned();
        if let Some(flight) = flight {
            let mut state = flight.state();
            state.fence = state.fence.and(fence);
        }
    }

    fn remove(&self, key: &Key, flight: &Arc<Flight>) {
        let mut shard = self.shard(key.as_bytes());
        if shard.get(key).is_some_and(|present| Arc::ptr_eq(present, flight)) {
            shard.remove(key);
        }
    }

    /// Flights in progress.
    pub fn active(&self) -> usize {
        self.shards.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

#[cfg(test)]
mod tests;

//! Reads: a lock-free probe, then, if it must, the wait for a flight.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::pending::Waiting;
use crate::coordination::flight::{Boarding, Place, Seat};
use crate::facts::clock::Instant;
use crate::facts::entry::{Entry, SharedEntry};
use crate::facts::error::{Code, Error, Result};
use crate::facts::key::Key;
use crate::facts::receipt::{HitSeen, Proof, Receipt, Seen, Source, Value};
use crate::facts::statistics::Stat;
use crate::facts::trace::TraceContext;
use crate::rules::freshness::{ReadBounds, Standing, Verdict, hard_bound, judge};
use crate::store::Loaded;
use crate::work::Node;
use crate::work::compare::fetch_all;
use crate::work::install::Purpose;

/// Flights that one read waits for at the most. The first may have been
/// joined late, or be overtaken; the origin may hiccup once.
const MAX_FLIGHTS: u32 = 3;

/// A hit: the entry as the reader holds it. No count was touched.
///
/// It stays on its thread, and as long as it lives nothing that leaves the
/// cache is freed: use it at once, and keep a [`Hit::into_value`] instead.
#[derive(Debug)]
pub struct Hit<'a> {
    entry: Loaded<'a>,
    seen: HitSeen,
}

impl Hit<'_> {
    /// The bytes; `None` if the origin has no such key.
    #[inline]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.entry.value()
    }

    /// The receipt.
    #[inline]
    pub fn receipt(&self) -> Receipt {
        Seen::from(self.seen).receipt(&self.entry)
    }

    /// The value, for keeping: shares the entry's memory.
    pub fn into_value(self) -> Value {
        Value { entry: self.entry.share(), seen: self.seen.into() }
    }
}

/// Looks whether the cache may answer at `now`, which was read before: the counter
/// waits for the loads that come before it, and the entry is two misses of memory.
/// Takes no lock, makes no system call that can block, allocates nothing.
#[inline(always)]
pub(super) fn probe<'a>(node: &'a Node, key: &[u8], read: &ReadBounds, now: Instant) -> Option<Hit<'a>> {
    let entry = node.store.load(node.store.hash(key), key)?;
    let seen = see_or_avert(node, entry.thread(), &entry, read, now)?;
    Some(Hit { entry, seen })
}

/// A hit of [`super::Cache::lookup_many`], for as long as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct HitRef<'a> {
    entry: &'a Entry,
    seen: HitSeen,
}

impl<'a> HitRef<'a> {
    /// The bytes; `None` if the origin has no such key.
    #[inline]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        self.entry.value()
    }

    /// The receipt.
    #[inline]
    pub fn receipt(&self) -> Receipt {
        Seen::from(self.seen).receipt(self.entry)
    }

    /// The value, for keeping: shares the entry's memory.
    pub fn to_value(&self) -> Value {
        Value { entry: self.entry.share(), seen: self.seen.into() }
    }
}

/// [`probe`] for many keys, in their order.
pub(super) fn probe_many<K: AsRef<[u8]>>(
    node: &Node,
    keys: &[K],
    read: &ReadBounds,
    mut show: impl FnMut(usize, Option<HitRef<'_>>),
) {
    node.store.load_many(keys, |thread, first, entries| {
        // After the whole batch was loaded: no entry is older than it seems.
        let now = node.latest();
        for (index, entry) in entries.iter().enumerate() {
            let hit = entry.as_ref().and_then(|entry| {
                Some(HitRef { entry, seen: see_or_avert(node, thread, entry, read, now)? })
            });
            show(first + index, hit);
        }
    });
}

/// What [`probe`] would see of an entry that was returned before, if it would
/// find that again; `thread` is the number of this thread.
#[inline]
pub(super) fn see_again(node: &Node, thread: usize, entry: &Entry) -> Option<Seen> {
    if !entry.is_in_store() {
        return None;
    }
    // The clock after the look: an entry can't age in between unseen.
    let now = node.latest();
    // What is averted is counted by the look-up that follows.
    see(node, thread, entry, &ReadBounds::NONE, now).ok().map(Seen::from)
}

/// [`see`]; what is averted is counted.
#[inline(always)]
pub(super) fn see_or_avert(
    node: &Node,
    thread: usize,
    entry: &Entry,
    read: &ReadBounds,
    now: Instant,
) -> Option<HitSeen> {
    if *read == ReadBounds::NONE
        && let Some(seen) = node.policy.plainly.judge(entry, now)
    {
        entry.visit();
        node.counters.add_by(thread, Stat::Hits, 1);
        return Some(seen);
    }
    // A view of its own for a call that is not inlined: this one stays in a register.
    let HitSeen { elapsed, drift_ppm, bound } = see_judged(node, thread, &entry.again(), read, now)?;
    // Word for word, for the same reason.
    Some(HitSeen { elapsed, drift_ppm, bound })
}

#[inline(never)]
fn see_judged(node: &Node, thread: usize, entry: &Entry, read: &ReadBounds, now: Instant) -> Option<HitSeen> {
    see(node, thread, entry, read, now).map_err(|verdict| averted(node, verdict)).ok()
}

/// Whether an entry is a hit for this read; `now` was read within it, `thread`
/// is the number of this thread.
#[inline(always)]
fn see(
    node: &Node,
    thread: usize,
    entry: &Entry,
    read: &ReadBounds,
    now: Instant,
) -> std::result::Result<HitSeen, Verdict> {
    let bounds = node.policy.key_bounds(entry.key());
    match judge(&Standing::of(entry), &bounds, read, node.policy.drift, now, now) {
        Verdict::Fresh { age, bound, aging } => {
            if aging {
                node.refreshes.ask(entry, &node.counters);
            }
            entry.visit();
            node.counters.add_by(thread, Stat::Hits, 1);
            Ok(HitSeen { elapsed: age, drift_ppm: 0, bound })
        }
        verdict => Err(verdict),
    }
}

/// Counts an entry that was found and not returned.
#[cold]
fn averted(node: &Node, verdict: Verdict) {
    if verdict != Verdict::TooLow {
        node.counters.add(Stat::BoundViolationsAverted);
    }
}

/// A read that waits for a flight.
pub(super) struct Reading {
    pub(super) node: Arc<Node>,
    pub(super) key: Key,
    pub(super) read: ReadBounds,
    trace: Option<TraceContext>,
    started: Instant,
    pub(super) deadline: Instant,
    seat: Option<Seat>,
    flights: u32,
    /// Why the last flight's answer did not do.
    unmet: Option<Error>,
}

/// What boarding gave a read.
pub(super) enum Boarded {
    /// The cache may answer by now.
    Ready(Value),
    /// The wait has begun, for a fetch that others do.
    Waiting,
    /// The wait has begun; this read has to start the fetch.
    Start(Place),
}

impl Reading {
    /// Begins the wait: boards the key's flight and starts its fetch if need be.
    pub(super) fn start(
        node: &Arc<Node>,
        key: &[u8],
        read: ReadBounds,
        trace: Option<TraceContext>,
        deadline: Instant,
    ) -> Self {
        node.start_background();
        Self::new(node, key, read, trace, deadline)
    }

    /// A read that has boarded nothing yet.
    pub(super) fn new(
        node: &Arc<Node>,
        key: &[u8],
        read: ReadBounds,
        trace: Option<TraceContext>,
        deadline: Instant,
    ) -> Self {
        node.counters.add(Stat::Misses);
        Self {
            node: Arc::clone(node),
            key: Key::copy_from(key),
            read,
            trace,
            started: node.now(),
            deadline,
            seat: None,
            flights: 0,
            unmet: None,
        }
    }

    /// Takes a seat in the key's flight.
    pub(super) fn board(&mut self) -> Result<Boarded> {
        self.flights += 1;
        if let Some(value) = self.spare_the_origin()? {
            return Ok(Boarded::Ready(value));
        }
        let node = &self.node;
        match node.flights.board(&self.key) {
            Boarding::Joined(flight) => {
                node.counters.add(Stat::FlightsJoined);
                self.seat = Some(flight.wait(self.deadline, node.policy.max_waiters)?);
                Ok(Boarded::Waiting)
            }
            Boarding::Started(mut place) => {
                // A flight may have landed between our probe and our place.
                let hash = node.store.hash(self.key.as_bytes());
                if let Some(entry) = node.store.load(hash, self.key.as_bytes()) {
                    let entry = entry.share();
                    if let Ok(value) = self.judge(&entry, Source::Cache) {
                        match place.land_found(entry) {
                            Ok(()) => return Ok(Boarded::Ready(value)),
                            Err(overtaken) => place = overtaken,
                        }
                    }
                }
                node.counters.add(Stat::FlightsStarted);
                // Others may have joined meanwhile, up to the limit: without its own
                // starter the flight would fail for all of them.
                self.seat = Some(place.flight().wait(self.deadline, u64::MAX)?);
                Ok(Boarded::Start(place))
            }
        }
    }

    /// The value, or why this entry does not do for this read.
    pub(super) fn judge(&self, entry: &SharedEntry, source: Source) -> Result<Value> {
        let standing = Standing::of(entry);
        let now = self.node.now();
        let bounds = self.node.policy.key_bounds(self.key.as_bytes());
        let bound = hard_bound(&standing, &bounds, &self.read);
        match judge(&standing, &bounds, &self.read, self.node.policy.drift, self.started, now) {
            Verdict::Fresh { age, bound, .. } => {
                entry.visit();
                let seen = Seen { staleness: age, bound, source, proof: Proof::Pull };
                Ok(Value { entry: entry.clone(), seen })
            }
            Verdict::TooLow => Err(Error::new(
                Code::VersionNotReached,
                format!(
                    "the origin is at version {}, min_version is {}",
                    standing.version, self.read.min_version
                ),
            )),
            Verdict::Unproved { age } if age <= bound => Err(Error::new(
                Code::TooStale,
                format!(
                    "the origin's answer was from {:.1} ms ago: before a write, or before this read, which it had to come after",
                    age.as_nanos() as f64 / 1e6
                ),
            )),
            Verdict::Expired { age } | Verdict::Unproved { age } => Err(Error::new(
                Code::TooStale,
                format!(
                    "the origin's answer was {:.1} ms old when it could be returned; the bound is {} ms",
                    age.as_nanos() as f64 / 1e6,
                    Duration::from(bound).as_millis()
                ),
            )),
        }
    }

    fn poll_once(&mut self, cx: &mut Context<'_>) -> Poll<Result<Value>> {
        loop {
            if let Some(seat) = &self.seat {
                let landing = std::task::ready!(seat.poll_landing(cx.waker()));
                self.seat = None;
                match landing.and_then(|entry| self.judge(&entry, Source::Origin)) {
                    Ok(value) => return Poll::Ready(Ok(value)),
                    Err(error) if matches!(error.code(), Code::TooStale | Code::VersionNotReached) => {
                        self.unmet = Some(error);
                    }
                    Err(error) => return Poll::Ready(self.degraded_or(error)),
                }
            }
            if self.flights >= MAX_FLIGHTS
                && let Some(error) = self.unmet.take()
            {
                return Poll::Ready(self.degraded_or(error));
            }
            match self.board() {
                Ok(Boarded::Ready(value)) => return Poll::Ready(Ok(value)),
                Ok(Boarded::Waiting) => {}
                Ok(Boarded::Start(place)) => {
                    fetch_all(&self.node, vec![place], self.trace.as_ref(), Purpose::Wanted);
                }
                Err(error) => return Poll::Ready(self.degraded_or(error)),
            }
        }
    }
}

impl Waiting<Value> for Reading {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Value>> {
        self.poll_once(cx)
    }

    fn give_up(&mut self) -> Result<Value> {
        let waited = self.deadline.since(self.started).as_millis();
        let why = self.unmet.take().map_or_else(String::new, |error| format!(" ({error})"));
        self.degraded_or(Error::new(
            Code::DeadlineExceeded,
            format!("waited {waited} ms for the origin without an answer that may be returned{why}"),
        ))
    }

    fn closed(&mut self) -> Result<Value> {
        super::pending::closed()
    }
}

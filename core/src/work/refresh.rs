//! Refresh: a read past `refresh_after` asks, one task does.
//!
//! The node that wins the key's lease asks the origin, for all due keys in one
//! compare; who loses it serves what it has and looks again after a wait drawn
//! from the backoff. Nothing here is a condition of G1.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use super::Node;
use super::compare::fetch_all;
use super::fetch::known;
use super::install::Purpose;
use crate::coordination::flight::{Boarding, Flight, Place};
use crate::coordination::lease::{self, Asked};
use crate::env::{BoxFuture, Signal};
use crate::facts::entry::{Entry, SharedEntry};
use crate::facts::key::Key;
use crate::facts::statistics::{Counters, Stat};
use crate::lease_store::Lease;
use crate::rules::freshness::{ReadBounds, Standing, Verdict, judge};

/// Refreshes that reads asked for and nobody has begun.
pub struct RefreshQueue {
    asked: ArrayQueue<SharedEntry>,
    signal: Arc<dyn Signal>,
}

impl RefreshQueue {
    /// An empty queue of at most `capacity` entries.
    pub fn new(capacity: usize, signal: Arc<dyn Signal>) -> Self {
        Self { asked: ArrayQueue::new(capacity.max(1)), signal }
    }

    /// Asks for a refresh, for all readers of the entry once. Never blocks.
    pub fn ask(&self, entry: &Entry, counters: &Counters) {
        if entry.ask_refresh() {
            self.push(entry, counters);
        }
    }

    #[cold]
    fn push(&self, entry: &Entry, counters: &Counters) {
        counters.add(Stat::RefreshesAsked);
        if self.asked.push(entry.share()).is_err() {
            counters.add(Stat::RefreshesDropped);
            entry.refresh_given_up();
        }
        self.signal.notify();
    }
}

impl std::fmt::Debug for RefreshQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshQueue").field("asked", &self.asked.len()).finish_non_exhaustive()
    }
}

/// The refresh task of a node. Ends with its environment.
pub async fn run(node: Arc<Node>) {
    loop {
        node.refreshes.signal.notified().await;
        let due: Vec<_> = std::iter::from_fn(|| node.refreshes.asked.pop()).collect();
        if !due.is_empty() {
            // The lease store may be slow; the next due keys do not wait for it.
            let _ = node.env.spawn(Box::pin(refresh(Arc::clone(&node), due, 0)));
        }
    }
}

/// Boxed: a lost lease comes back here after its wait.
fn refresh(node: Arc<Node>, due: Vec<SharedEntry>, attempt: u32) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let (mut places, mut leases, mut lost, mut flights) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for entry in due {
            match take(&node, &entry, attempt).await {
                Taken::Ours(place, lease) => {
                    flights.push((entry, Arc::clone(place.flight())));
                    places.push(place);
                    leases.extend(lease);
                }
                Taken::InFlight(flight) => flights.push((entry, flight)),
                Taken::Lost => lost.push(entry),
                Taken::Settled => entry.refresh_given_up(),
            }
        }
        fetch_all(&node, places, None, Purpose::Background);
        if !lost.is_empty() {
            let _ = node.env.spawn(Box::pin(look_again(Arc::clone(&node), lost, attempt + 1)));
        }
        let mut failed = Vec::new();
        for (entry, flight) in flights {
            match flight.landed().await {
                true => entry.refresh_given_up(),
                false => failed.push(entry),
            }
        }
        // A lease that is not given back lapses.
        let _ = node.leases.release(leases).await;
        pause(&node, failed).await;
    })
}

/// Entries whose refresh failed are not asked for again by the very next read,
/// but after a wait that grows with their failures in a row.
async fn pause(node: &Node, failed: Vec<SharedEntry>) {
    let now = node.now();
    let until = |entry: SharedEntry| {
        (now.after(node.policy.backoff.wait(entry.refresh_failed(), node.env.random())), entry)
    };
    let mut pauses: Vec<_> = failed.into_iter().map(until).collect();
    pauses.sort_unstable_by_key(|(until, _)| *until);
    for (until, entry) in pauses {
        node.env.sleep_until(until).await;
        entry.refresh_given_up();
    }
}

async fn look_again(node: Arc<Node>, lost: Vec<SharedEntry>, attempt: u32) {
    let wait = node.policy.backoff.wait(attempt, node.env.random());
    node.env.sleep_until(node.now().after(wait)).await;
    refresh(node, lost, attempt).await;
}

enum Taken {
    /// This node asks the origin.
    Ours(Place, Option<Lease>),
    /// Another node does.
    Lost,
    /// A flight that a read started does.
    InFlight(Arc<Flight>),
    /// Nothing is left to do: proved meanwhile, replaced,
    /// or so old that the next read fetches it anyway.
    Settled,
}

async fn take(node: &Arc<Node>, entry: &SharedEntry, attempt: u32) -> Taken {
    let key = Key::copy_from(entry.key());
    let present = known(node, &key).filter(|present| present.ptr_eq(entry));
    let Some(present) = present else { return Taken::Settled };
    let now = node.now();
    let bounds = node.policy.key_bounds(entry.key());
    let verdict =
        judge(&Standing::of(&present), &bounds, &ReadBounds::default(), node.policy.drift, now, now);
    match verdict {
        Verdict::Fresh { aging: true, .. } => {}
        // Expired in the queue: still worth it, but not over and over for a
        // key that nobody may read any more.
        Verdict::Expired { .. } if attempt == 0 => {}
        _ => return Taken::Settled,
    }
    let policy = &node.policy;
    let keys = vec![key.clone()];
    let asked =
        lease::ask(&node.env, &node.leases, &node.counters, keys, policy.lease_ttl, policy.lease_timeout);
    let lease = match asked.await.pop() {
        Some(Asked::Won(lease)) => Some(lease),
        Some(Asked::Lost) => return Taken::Lost,
        Some(Asked::Unknown) | None => None,
    };
    match node.flights.board(&key) {
        Boarding::Started(place) => {
            node.counters.add(Stat::FlightsStarted);
            Taken::Ours(place, lease)
        }
        Boarding::Joined(flight) => {
            if let Some(lease) = lease {
                let _ = node.leases.release(vec![lease]).await;
            }
            Taken::InFlight(flight)
        }
    }
}

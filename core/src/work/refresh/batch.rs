//! One refresh of several keys: their leases, one compare for all, and what
//! happens to those whose lease another node has.

use std::collections::HashMap;
use std::sync::Arc;

use super::times_of;
use crate::coordination::flight::{Boarding, Flight, Place};
use crate::coordination::lease::Asked;
use crate::env::{BoxFuture, within};
use crate::facts::clock::Instant;
use crate::facts::entry::SharedEntry;
use crate::facts::key::Key;
use crate::facts::statistics::Stat;
use crate::lease_store::Lease;
use crate::rules::breaker::Outlook;
use crate::rules::freshness::{ReadBounds, Standing, Verdict, hard_bound, judge};
use crate::rules::slots::lease_of;
use crate::work::Node;
use crate::work::compare::fetch_all;
use crate::work::fetch::known;
use crate::work::install::Purpose;

/// Looks at a key whose lease is another's, before it is left to the next read.
const MAX_LOOKS: u32 = 16;

/// Refreshes keys. Boxed: lost leases come back here after a wait.
pub fn refresh(node: Arc<Node>, keys: Vec<Key>, looks: u32) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let (began, was_calm) = (node.now(), node.gate.is_calm());
        let due: Vec<_> = keys.into_iter().filter_map(|key| look(&node, key, looks)).collect();
        if due.is_empty() {
            return;
        }
        if let Outlook::Refused(_) = node.gate.outlook(began) {
            // No lease for what will not be sent.
            node.counters.add(Stat::BreakerRejected);
            return pause(&node, due).await;
        }
        let mut taken = Taken::default();
        let outcomes = ask_leases(&node, &due, &mut taken.leases).await;
        for (key, entry) in due {
            if let Some(Outcome::Lost(draw)) = outcomes.get(&lease_of(&key, node.policy.lease_slots)) {
                if is_put_off(&node, &key, &entry, *draw) {
                    continue;
                }
                if node.now() < last_call(&node, &entry) {
                    taken.lost.push((key, entry));
                    continue;
                }
                node.counters.add(Stat::LeasesForgone);
            }
            taken.board(&node, key, entry);
        }
        node.refreshes.plan().spent(taken.places.len());
        fetch_all(&node, std::mem::take(&mut taken.places), None, Purpose::Background);
        look_again(&node, std::mem::take(&mut taken.lost), looks + 1);
        let failed = taken.land(&node, was_calm.then_some(began)).await;
        node.leases.release(&node.env, taken.leases).await;
        pause(&node, failed).await;
    })
}

/// Whether there is time to refresh a key at another time: another node has its lease.
fn is_put_off(node: &Node, key: &Key, entry: &SharedEntry, draw: u64) -> bool {
    let now = node.now();
    node.refreshes.replan(now, |plan| {
        let times = times_of(node, &plan.lead, entry);
        plan.lost(key, times, now, draw)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Ours; or nobody knows, and the refresh goes on without it.
    Go,
    /// Another's. With a draw: keys of one lease stay together.
    Lost(u64),
}

async fn ask_leases(
    node: &Arc<Node>,
    due: &[(Key, SharedEntry)],
    won: &mut Vec<Lease>,
) -> HashMap<Key, Outcome> {
    let mut names: Vec<Key> = due.iter().map(|(key, _)| lease_of(key, node.policy.lease_slots)).collect();
    names.sort_unstable();
    names.dedup();
    let asked = node.leases.ask(&node.env, &node.counters, names.clone()).await;
    let mut outcome = |asked| match asked {
        Asked::Won(lease) => {
            won.push(lease);
            Outcome::Go
        }
        Asked::Unknown => Outcome::Go,
        Asked::Lost => Outcome::Lost(node.env.random()),
    };
    names.into_iter().zip(asked.into_iter().map(&mut outcome)).collect()
}

/// What became of the keys of one refresh.
#[derive(Default)]
struct Taken {
    places: Vec<Place>,
    flights: Vec<(Key, SharedEntry, Arc<Flight>)>,
    leases: Vec<Lease>,
    lost: Vec<(Key, SharedEntry)>,
}

impl Taken {
    fn board(&mut self, node: &Node, key: Key, entry: SharedEntry) {
        let flight = match node.flights.board(&key) {
            Boarding::Started(place) => {
                node.counters.add(Stat::FlightsStarted);
                let flight = Arc::clone(place.flight());
                self.places.push(place);
                flight
            }
            // A flight that a read started does it.
            Boarding::Joined(flight) => flight,
        };
        self.flights.push((key, entry, flight));
    }

    /// Waits for the flights, and holds the leases meanwhile. Those that failed.
    async fn land(&mut self, node: &Arc<Node>, began: Option<Instant>) -> Vec<(Key, SharedEntry)> {
        let flights = std::mem::take(&mut self.flights);
        let mut all = Box::pin(async {
            let (mut failed, asked) = (Vec::new(), flights.len());
            for (key, entry, flight) in flights {
                if flight.landed().await {
                    entry.refresh_given_up();
                    plan_next(node, &key);
                } else {
                    failed.push((key, entry));
                }
            }
            // In a ramp slots are waited for: that is no measure of what comes after it.
            if let Some(began) = began
                && failed.len() < asked
            {
                // What took longer was not refreshing: a machine that slept.
                let longest = node.policy.origin_timeout + node.policy.lease_timeout;
                node.refreshes.plan().lead.observe(node.now().since(began).min(longest));
            }
            failed
        });
        loop {
            let half = node.now().after(node.policy.lease_ttl / 2);
            if let Some(failed) = within(node.env.as_ref(), half, all.as_mut()).await {
                return failed;
            }
            node.leases.extend(&node.env, &node.counters, &mut self.leases).await;
        }
    }
}

/// The key's next refresh, by what is cached of it now.
fn plan_next(node: &Node, key: &Key) {
    let present = known(node, key);
    node.refreshes.replan(node.now(), |plan| match present {
        Some(present) => {
            let times = times_of(node, &plan.lead, &present);
            plan.proved(key, times);
        }
        None => plan.gone(key),
    });
}

/// The entry, if there is still something to do: not if it was proved meanwhile, or
/// is so old that the next read fetches it anyway.
fn look(node: &Arc<Node>, key: Key, looks: u32) -> Option<(Key, SharedEntry)> {
    let Some(present) = known(node, &key) else {
        node.refreshes.plan().gone(&key);
        return None;
    };
    let now = node.now();
    let bounds = node.policy.key_bounds(key.as_bytes());
    let verdict =
        judge(&Standing::of(&present), &bounds, &ReadBounds::default(), node.policy.drift, now, now);
    match verdict {
        Verdict::Fresh { aging: true, .. } => Some((key, present)),
        // Expired in the queue: still worth it, but not over and over for a
        // key that nobody may read any more.
        Verdict::Expired { .. } if looks == 0 => Some((key, present)),
        _ => {
            present.refresh_given_up();
            plan_next(node, &key);
            None
        }
    }
}

/// From then on the lease is not waited for: a read would have to wait.
fn last_call(node: &Node, entry: &SharedEntry) -> Instant {
    let bounds = node.policy.key_bounds(entry.key());
    let bound = hard_bound(&Standing::of(entry), &bounds, &ReadBounds::NONE);
    entry.validated_at().after(node.refreshes.plan().lead.last_call(bound.into()))
}

/// Looks at keys again whose leases are another's, after a wait.
fn look_again(node: &Arc<Node>, lost: Vec<(Key, SharedEntry)>, looks: u32) {
    if lost.is_empty() {
        return;
    }
    if looks >= MAX_LOOKS {
        // A later read may ask again.
        lost.iter().for_each(|(_, entry)| entry.refresh_given_up());
        return;
    }
    let calls = lost.iter().map(|(_, entry)| last_call(node, entry)).min();
    // The other node will have it for about as long as we would.
    let took = node.refreshes.plan().lead.usual();
    let wait = node.now().after(took + node.policy.backoff.wait(looks, node.env.random()));
    let until = calls.map_or(wait, |call| call.min(wait));
    let keys = lost.into_iter().map(|(key, _)| key).collect();
    let again = Arc::clone(node);
    let task = async move {
        again.env.sleep_until(until).await;
        refresh(again, keys, looks).await;
    };
    let _ = node.env.spawn(Box::pin(task));
}

/// Entries whose refresh failed are not asked for again by the very next read, but after
/// a wait that grows with their failures in a row. They wait together: one by one they
/// would be asked for one by one.
async fn pause(node: &Node, failed: Vec<(Key, SharedEntry)>) {
    if failed.is_empty() {
        return;
    }
    node.counters.add_many(Stat::RefreshesFailed, failed.len() as u64);
    let now = node.now();
    {
        let mut plan = node.refreshes.plan();
        plan.trouble(now);
        failed.iter().for_each(|(key, _)| plan.strand(key));
    }
    let failures = failed.iter().map(|(_, entry)| entry.refresh_failed()).max().unwrap_or(0);
    let wait = now.after(node.policy.backoff.wait(failures, node.env.random()));
    let until = match node.gate.outlook(now) {
        Outlook::Refused(until) => until.max(wait),
        _ => wait,
    };
    node.env.sleep_until(until).await;
    failed.iter().for_each(|(_, entry)| entry.refresh_given_up());
}

//! Refresh: reads say that a key is wanted, one task refreshes it in time.
//!
//! A read past a mark in the age of an entry says so, once a proof. Keys that
//! are hot are refreshed at the node's last turn before that is too late ([`plan`]),
//! with their neighbours in one compare ([`batch`]); others by the first read past
//! `refresh_after`. The node that wins a lease asks the origin; who loses it serves
//! what it has and looks again. Nothing here is a condition of G1.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam::queue::ArrayQueue;

use super::Node;
use super::fetch::known;
use super::policy::Policy;
use crate::coordination::flight::{Boarding, Place};
use crate::env::{Signal, within};
use crate::facts::clock::Instant;
use crate::facts::entry::{Entry, SharedEntry};
use crate::facts::key::Key;
use crate::facts::statistics::{Counters, Stat};
use crate::rules::breaker::State;
use crate::rules::freshness::{ReadBounds, Standing, hard_bound, soft_bound};
use crate::rules::lead::Lead;
use crate::rules::turns::Turns;

mod batch;
mod plan;

use plan::{Decision, Plan, Times};

/// Hot keys are refreshed at 31/32 of an age at which a read would ask.
const JUST_BEFORE: u32 = 32;
/// The wall clock is set, and drifts from ours: it is looked at again after so long.
const CLOCK: Duration = Duration::from_secs(1);
/// Two readings of clocks within so long belong together.
const TOGETHER: Duration = Duration::from_micros(200);
/// The lease store is waited for so long when it is asked for this node's number. It is
/// asked again after as long, and then twice as long, up to the longest wait.
const NUMBER: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The task wakes up so often if there is nothing to do.
const IDLE: Duration = Duration::from_secs(3600);

/// Refreshes that reads asked for and nobody has begun.
pub struct RefreshQueue {
    asked: ArrayQueue<SharedEntry>,
    signal: Arc<dyn Signal>,
    /// Touched by the tasks of the environment, and by reads while the origin is away.
    plan: Mutex<Plan>,
}

impl RefreshQueue {
    /// An empty queue.
    pub fn new(policy: &Policy, signal: Arc<dyn Signal>) -> Self {
        let plan = Plan::new(policy.prefetch, policy.lease_slots);
        Self { asked: ArrayQueue::new(policy.refresh_queue.max(1)), signal, plan: Mutex::new(plan) }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the plan, and wakes the refresh task if something will be due sooner than it
    /// knew. What is due already waits for its next turn: there was nothing to do for it
    /// just now, and there would be nothing again.
    fn replan<T>(&self, now: Instant, change: impl FnOnce(&mut Plan) -> T) -> T {
        let mut plan = self.plan();
        let before = plan.next_due_after(now);
        let changed = change(&mut plan);
        let next = plan.next_due_after(now);
        drop(plan);
        if next.is_some_and(|next| before.is_none_or(|before| next < before)) {
            self.signal.notify();
        }
        changed
    }

    /// Asks for a refresh, for all readers of the entry once. Never blocks.
    pub fn ask(&self, entry: &Entry, counters: &Counters) {
        if entry.ask_refresh() {
            self.push(entry, counters);
        }
    }

    /// The origin is not asked for a key now that was read, and is cached.
    pub fn turn_away(&self, key: &Key, now: Instant) {
        self.plan().turn_away(key, now);
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
    // Until the store gives it a number the node's turn is at a place that was drawn.
    let mut turns = Turns::new(node.env.random());
    let _ = set_clock(&node, &mut turns);
    node.refreshes.plan().turns = Some(turns);
    let _ = node.env.spawn(Box::pin(take_number(Arc::clone(&node))));
    let mut looked = node.now();
    loop {
        let next = node.refreshes.plan().next_due().unwrap_or(Instant::FAR_FUTURE);
        let until = next.min(node.now().after(IDLE));
        let _ = within(node.env.as_ref(), until, node.refreshes.signal.notified()).await;
        if node.now().since(looked) >= CLOCK
            && let Some(turns) = &mut node.refreshes.plan().turns
            && set_clock(&node, turns)
        {
            looked = node.now();
        }
        let now = node.now();
        let mut keys = asked(&node, now);
        keys.extend(due(&node, now));
        if !keys.is_empty() {
            // The lease store may be slow; the next due keys do not wait for it.
            let _ = node.env.spawn(batch::refresh(Arc::clone(&node), keys, 0));
        }
    }
}

/// Tells `turns` the time of day. Not if the thread was interrupted at that, and the two
/// clocks do not belong together.
fn set_clock(node: &Node, turns: &mut Turns) -> bool {
    let (before, time_of_day, after) = (node.now(), node.env.time_of_day(), node.now());
    let together = after.since(before) < TOGETHER;
    if together {
        turns.set_clock(before, time_of_day);
    }
    together
}

/// Asks the lease store for this node's number until it is told.
async fn take_number(node: Arc<Node>) {
    let mut wait = NUMBER;
    loop {
        if let Some(number) = node.leases.number(&node.env, NUMBER).await {
            node.refreshes.plan().turns.iter_mut().for_each(|turns| turns.renumber(number));
            return;
        }
        if wait == NUMBER {
            tracing::warn!(
                "the lease store gives this node no number: its turns are at a place that was drawn"
            );
        }
        node.env.sleep_until(node.now().after(wait)).await;
        wait = (2 * wait).min(LONGEST_WAIT);
    }
}

/// What reads asked for that is due.
fn asked(node: &Node, now: Instant) -> Vec<Key> {
    let mut plan = node.refreshes.plan();
    let asked = std::iter::from_fn(|| node.refreshes.asked.pop());
    let is_due = |entry: SharedEntry| {
        let key = Key::copy_from(entry.key());
        let times = times_of(node, &plan.lead, &entry);
        let is_due = plan.asked(&key, times, now, node.env.random());
        if !is_due && plan.asks_again(&key) {
            entry.refresh_given_up();
        }
        is_due.then_some(key)
    };
    asked.filter_map(is_due).collect()
}

/// What is due and hot, so that nobody has to ask.
fn due(node: &Node, now: Instant) -> Vec<Key> {
    let is_closed = node.gate.breaker_state(now) == State::Closed;
    let mut keys = Vec::new();
    let due = node.refreshes.plan().take_due(now, is_closed, !node.gate.is_calm());
    for (key, decision) in due {
        match decision {
            Decision::Refresh { unread } => {
                node.counters.add(Stat::Prefetches);
                node.counters.add_many(Stat::PrefetchesUnread, unread.into());
                keys.push(key);
            }
            Decision::Asked => keys.push(key),
            Decision::Leave => {
                if let Some(entry) = known(node, &key) {
                    entry.refresh_given_up();
                }
            }
        }
    }
    keys
}

/// The origin is back, and a request goes that has room for so many keys: those that were
/// hot when it went away, or were read since. Read after read would ask for them in as
/// many requests, each with a slot of the ramp.
pub fn rescue(node: &Node, most: usize) -> Vec<Place> {
    let now = node.now();
    let board = |key: Key| {
        let entry = known(node, &key)?;
        let bound =
            hard_bound(&Standing::of(&entry), &node.policy.key_bounds(entry.key()), &ReadBounds::NONE);
        let age = node.policy.drift.age(entry.validated_at(), now);
        let Boarding::Started(place) = node.policy.is_aging(age, bound).then(|| node.flights.board(&key))?
        else {
            return None;
        };
        node.counters.add(Stat::FlightsStarted);
        node.counters.add(Stat::Prefetches);
        Some(place)
    };
    let mut places = Vec::new();
    while places.len() < most {
        let keys = node.refreshes.plan().rescued(most - places.len(), now);
        if keys.is_empty() {
            break;
        }
        // Some may have been refreshed meanwhile, and leave room for others.
        places.extend(keys.into_iter().filter_map(board));
    }
    node.refreshes.plan().spent(places.len());
    places
}

/// The times of an entry's proof.
fn times_of(node: &Node, lead: &Lead, entry: &Entry) -> Times {
    let bounds = node.policy.key_bounds(entry.key());
    let bound = hard_bound(&Standing::of(entry), &bounds, &ReadBounds::NONE);
    let validated_at = entry.validated_at();
    let wanted_age = Duration::from(soft_bound(bound, bounds.wanted_share));
    let due_age = match node.policy.refresh_share {
        // Just before a read past it would ask.
        Some(share) => {
            let after = Duration::from(soft_bound(bound, share));
            after - after / JUST_BEFORE
        }
        // Not before reads can have said that it is wanted.
        None => lead.due_age(bound.into()).max(wanted_age + Duration::from(bound) / (2 * JUST_BEFORE)),
    };
    Times {
        validated_at,
        wanted_from: validated_at.after(wanted_age),
        due: validated_at.after(due_age),
        last_call: validated_at.after(lead.last_call(bound.into())),
        bound: bound.into(),
    }
}

//! What is to be refreshed when: who is hot, when that is due, and with whom.
//!
//! Time comes in as an argument, and nothing is done here.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use crate::facts::clock::Instant;
use crate::facts::key::Key;
use crate::facts::option_choice::LeaseSlots;
use crate::rules::backoff::uniform;
use crate::rules::lead::Lead;
use crate::rules::prefetch_budget::PrefetchBudget;
use crate::rules::slots::{group_of, lease_of};
use crate::rules::turns::Turns;
use crate::work::policy::PrefetchPolicy;

mod known;
mod rescue;

use known::Known;
pub use known::Times;
use rescue::Rescue;

/// What is due somewhat later is done together with what is due now: in the last
/// sixteenth of its time, in the last quarter if it shares the lease. Keys of one slot
/// soon are due at the same time.
const SOON: u32 = 16;
const NEAR: u32 = 4;
/// Of the refreshes of a key that has met another node at its lease: after so many
/// it may go along with others again.
const APART: u8 = 64;
/// Refreshes for which there is time, so that another time is better than a wait.
const ROOM: u32 = 4;
/// Of the room for a first refresh that comes early: what keys have that are only passing.
const PASSING: u32 = 8;
/// Of the half-life: bounds of the key in it at the least.
const BOUNDS: u32 = 4;
/// How often those are looked for of whom nothing is known any more.
const SWEEP: Duration = Duration::from_secs(1);

/// What is to be done about a key that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Refresh it; `unread`: nobody has read it since that was done before.
    Refresh {
        /// See there.
        unread: bool,
    },
    /// Refresh it: a read has asked.
    Asked,
    /// The next read starts a refresh.
    Leave,
}

/// The plan of a node.
#[derive(Debug)]
pub struct Plan {
    policy: PrefetchPolicy,
    slots: LeaseSlots,
    known: HashMap<Key, Known>,
    /// Of these, those that are only passing.
    passing: usize,
    /// Who is due when.
    due: BTreeSet<(Instant, Key)>,
    /// The same keys by their leases.
    leases: BTreeSet<(Key, Key)>,
    rescue: Rescue,
    budget: PrefetchBudget,
    sweep_at: Instant,
    /// When it is this node's turn, once that is known.
    pub turns: Option<Turns>,
    /// The origin was in trouble, the last time: until then no read could be seen to wait.
    trouble_at: Instant,
    /// How long refreshes take.
    pub lead: Lead,
}

impl Plan {
    /// A plan of nothing.
    pub fn new(policy: PrefetchPolicy, slots: LeaseSlots) -> Self {
        Self {
            policy,
            slots,
            known: HashMap::new(),
            passing: 0,
            due: BTreeSet::new(),
            leases: BTreeSet::new(),
            rescue: Rescue::new(policy.keys),
            budget: PrefetchBudget::new(policy.budget_percent),
            sweep_at: Instant::ZERO,
            turns: None,
            trouble_at: Instant::ZERO,
            lead: Lead::default(),
        }
    }

    /// When something is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// When something will be due that is not due yet.
    pub fn next_due_after(&self, now: Instant) -> Option<Instant> {
        let later = self.due.range((
            Bound::Excluded((now.after(Duration::from_nanos(1)), Key::copy_from(b""))),
            Bound::Unbounded,
        ));
        later.map(|(due, _)| *due).next()
    }

    /// A read says that a key is wanted. Whether to refresh it at once: else that is due
    /// later, at this node's turn, or soon, so that others go along. Of those who are only
    /// passing it is as `draw` says.
    pub fn asked(&mut self, key: &Key, mut times: Times, now: Instant, draw: u64) -> bool {
        let passing = !self.known.contains_key(key) && !self.has_room(now);
        if passing && self.passing >= self.policy.passing {
            return true;
        }
        let half_life = self.half_life(times.bound);
        if passing {
            // Who is only passing comes for the first time each time.
            let room = times.due.since(times.earliest()) / PASSING;
            times.due = times.due.before(room.mul_f64(uniform(draw)));
        }
        let known = self.known.entry(key.clone()).or_insert_with(|| Known::new(&times, now, passing));
        self.passing += usize::from(passing);
        let mut times = known.in_step(times, now, self.turns, group_of(key, self.slots));
        if known.read(&times, now, half_life, self.trouble_at) {
            self.rescue.spare(key);
        }
        if now >= times.due {
            // One by one those that are not hot, or whose refresh has failed, would be as
            // many requests.
            let soon = now.after(times.due.since(times.validated_at) / SOON);
            times.due = soon.min(times.last_call);
            known.must = true;
        }
        let at_once = times.due <= now;
        match known.scheduled {
            Some(before) if before.due <= times.due && before.validated_at == times.validated_at => {}
            _ => self.schedule(key, (!at_once).then_some(times)),
        }
        if at_once {
            self.taken(key, None);
        }
        at_once
    }

    /// Whether the next read of a key is to ask as well: its rate cannot be told yet, and
    /// there is time until it is due.
    pub fn asks_again(&self, key: &Key) -> bool {
        self.known.get(key).is_some_and(|known| known.is_watched() && !known.must)
    }

    /// A key was taken, because `due` had come or at once.
    fn taken(&mut self, key: &Key, due: Option<Instant>) {
        self.schedule(key, None);
        let Some(known) = self.known.get_mut(key) else { return };
        known.must = false;
        known.was_at_turn = known.at_turn && due.is_some();
        known.taken_at = due.or(known.taken_at);
        if known.passing {
            self.passing -= 1;
            self.known.remove(key);
        }
    }

    /// A key was refreshed, or proved otherwise. If it is hot, that goes on.
    pub fn proved(&mut self, key: &Key, times: Times) {
        self.rescue.spare(key);
        let Some(known) = self.known.get_mut(key) else { return };
        known.proved(&times);
        if known.passing {
            return self.taken(key, None);
        }
        known.apart = known.apart.saturating_sub(1);
        known.misfit = known.misfit.saturating_sub(1);
        let moves = known.moves.take();
        let period = times.due.since(times.validated_at);
        let mut times = known.in_step(times, times.validated_at, self.turns, group_of(key, self.slots));
        if let Some(draw) = moves {
            let room = times.due.since(times.earliest());
            let due = times.due.before(room.mul_f64(uniform(draw)));
            times.due = another(self.turns, due, period).max(times.earliest());
            known.at_turn = false;
        }
        let is_hot = known.hotness.is_hot(self.policy.threshold, times.bound, known.silent);
        self.schedule(key, is_hot.then_some(times));
    }

    /// Another node has the key's lease. Right after it others wait too: this node comes
    /// at another time, as `draw` says. Whether that is soon enough for this proof; else
    /// it is the next time, and this time waits for the lease. `times` are those of a
    /// refresh as late as can be.
    pub fn lost(&mut self, key: &Key, times: Times, now: Instant, draw: u64) -> bool {
        let usual = self.lead.usual();
        // The other node has it for as long as we would.
        let from = now.after(2 * usual).max(times.earliest());
        let room = times.due.since(from);
        let due = from.after(room.mul_f64(uniform(draw)));
        let due = another(self.turns, due, times.due.since(times.validated_at)).max(from);
        let Some(known) = self.known.get_mut(key) else { return false };
        known.apart = APART;
        known.at_turn = false;
        known.taken_at = None;
        if known.scheduled.is_some() {
            // Proved meanwhile, by a read that waited.
            return true;
        }
        // Once a proof: after that the backoff says how often the lease is asked for.
        if known.passing || room < ROOM * usual || known.put_off == Some(times.validated_at) {
            known.moves = Some(draw);
            return false;
        }
        known.put_off = Some(times.validated_at);
        known.must = true;
        self.schedule(key, Some(Times { due, ..times }));
        true
    }

    /// The origin gives no answers.
    pub fn trouble(&mut self, now: Instant) {
        self.trouble_at = self.trouble_at.max(now);
        self.rescue.again(now);
    }

    /// A key could not be refreshed. If it is hot, it is [`Plan::rescued`] as soon as the
    /// origin is back.
    pub fn strand(&mut self, key: &Key) {
        if self.known.get(key).is_some_and(|known| self.is_hot(known)) {
            self.rescue.strand(key);
        }
    }

    /// The origin could not be asked for a key that was read. It is [`Plan::rescued`] after
    /// the hot ones; of no more of them than are known.
    pub fn turn_away(&mut self, key: &Key, now: Instant) {
        self.rescue.turn_away(key, now);
    }

    /// Takes some of the keys that were stranded or turned away.
    pub fn rescued(&mut self, most: usize, now: Instant) -> Vec<Key> {
        self.rescue.take(most, now)
    }

    /// A key is not cached any more.
    pub fn gone(&mut self, key: &Key) {
        self.rescue.spare(key);
        self.taken(key, None);
    }

    /// So many keys were asked of the origin.
    pub fn spent(&mut self, keys: usize) {
        self.budget.asked(keys);
    }

    /// Takes what is due, and what goes with it. If not `may`, nothing is hot. If requests
    /// are `few`, more goes with it: the next slot may be too late for it.
    pub fn take_due(&mut self, now: Instant, may: bool, few: bool) -> Vec<(Key, Decision)> {
        let soon_part = if few { NEAR } else { SOON };
        if !may {
            self.trouble(now);
        } else if !few {
            self.rescue.over(now);
        }
        let mut keys = Vec::new();
        let first = self.next_due();
        while let Some((due, key)) = self.due.first() {
            let soon = self.known.get(key).and_then(|known| known.scheduled);
            let first_of_all = *due <= now;
            // At its turn it is among others anyway, and if it came now it would have to be
            // early again to come then.
            let may_come =
                self.known.get(key).is_some_and(|known| known.apart == 0 && (few || !known.at_turn));
            let along =
                may_come && !keys.is_empty() && soon.is_some_and(|times| within(&times, soon_part, now));
            if !first_of_all && !along {
                break;
            }
            let key = key.clone();
            self.schedule(&key, None);
            keys.push(key);
        }
        if let LeaseSlots::Slots(_) = self.slots {
            self.take_near(&mut keys, now);
        }
        keys.into_iter()
            .map(|key| {
                let decision = match self.known.get(&key) {
                    Some(known) if known.must => match may && self.is_hot(known) {
                        true => Decision::Refresh { unread: false },
                        false => Decision::Asked,
                    },
                    _ if may => self.decide(&key, now),
                    _ => {
                        self.strand(&key);
                        Decision::Leave
                    }
                };
                self.taken(&key, first);
                (key, decision)
            })
            .collect()
    }

    /// Takes those that share a lease with some of `keys`, and are due before long.
    fn take_near(&mut self, keys: &mut Vec<Key>, now: Instant) {
        let leases: BTreeSet<Key> = keys.iter().map(|key| lease_of(key, self.slots)).collect();
        for lease in leases {
            let from = (lease.clone(), Key::copy_from(b""));
            let sharing = self.leases.range((Bound::Included(from), Bound::Unbounded));
            let sharing = sharing.take_while(|(of, _)| *of == lease).map(|(_, key)| key);
            let is_near = |key: &&Key| {
                let times = self.known.get(*key).and_then(|known| known.scheduled);
                times.is_some_and(|times| within(&times, NEAR, now))
            };
            let near: Vec<Key> = sharing.filter(is_near).cloned().collect();
            for key in near {
                self.schedule(&key, None);
                keys.push(key);
            }
        }
    }

    fn is_hot(&self, known: &Known) -> bool {
        known.hotness.is_hot(self.policy.threshold, known.bound, known.silent)
    }

    fn decide(&mut self, key: &Key, now: Instant) -> Decision {
        let Some(bound) = self.known.get(key).map(|known| known.bound) else { return Decision::Leave };
        let half_life = self.half_life(bound);
        let Some(known) = self.known.get_mut(key) else { return Decision::Leave };
        if known.asked {
            let is_hot = known.hotness.is_hot(self.policy.threshold, bound, 0);
            return if is_hot { Decision::Refresh { unread: false } } else { Decision::Leave };
        }
        known.hotness.silent_for(now.since(known.watched_from), now, half_life);
        known.watched_from = known.watched_from.max(now);
        known.silent = known.silent.saturating_add(1);
        match known.hotness.is_hot(self.policy.threshold, bound, known.silent) && self.budget.withdraw() {
            true => Decision::Refresh { unread: true },
            false => Decision::Leave,
        }
    }

    fn schedule(&mut self, key: &Key, times: Option<Times>) {
        let Some(known) = self.known.get_mut(key) else { return };
        let before = std::mem::replace(&mut known.scheduled, times);
        if let Some(times) = times {
            known.bound = times.bound;
        }
        match (before, times) {
            (None, None) => {}
            (Some(before), Some(times)) if before.due == times.due => {}
            (before, times) => {
                let lease = lease_of(key, self.slots);
                if let Some(before) = before {
                    self.due.remove(&(before.due, key.clone()));
                    self.leases.remove(&(lease.clone(), key.clone()));
                }
                if let Some(times) = times {
                    self.due.insert((times.due, key.clone()));
                    self.leases.insert((lease, key.clone()));
                }
            }
        }
    }

    fn half_life(&self, bound: Duration) -> Duration {
        self.policy.half_life.max(BOUNDS * bound)
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.known.len() - self.passing >= self.policy.keys && now >= self.sweep_at {
            self.sweep_at = now.after(SWEEP);
            let half_life = self.policy.half_life;
            self.known.retain(|_, known| {
                let half_life = half_life.max(BOUNDS * known.bound);
                known.scheduled.is_some() || !known.hotness.is_forgotten(now, half_life)
            });
        }
        self.known.len() - self.passing < self.policy.keys
    }
}

/// The instant about `due` of a key that has met another node at its turn.
fn another(turns: Option<Turns>, due: Instant, period: Duration) -> Instant {
    turns.map_or(due, |turns| turns.other_before(due, period))
}

/// Whether only the last so-manieth of the time until it is due is left. Not before
/// reads say that it is wanted: it would pass for unread, and be found too new.
fn within(times: &Times, part: u32, now: Instant) -> bool {
    let left = times.due.since(times.validated_at) / part;
    now > times.wanted_from && now >= times.due.before(left)
}

#[cfg(test)]
mod tests;

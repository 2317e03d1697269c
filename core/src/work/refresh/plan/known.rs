//! What is known of a key: who reads it how often, and when it was proved.

use std::time::Duration;

use crate::facts::clock::Instant;
use crate::rules::hotness::Hotness;
use crate::rules::turns::Turns;

/// The times of one proof.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the value was current.
    pub validated_at: Instant,
    /// From then on reads say that the key is wanted.
    pub wanted_from: Instant,
    /// A refresh starts.
    pub due: Instant,
    /// From then on it is not put off any more.
    pub last_call: Instant,
    /// The hard bound.
    pub bound: Duration,
}

impl Times {
    /// From then on a refresh may be due: reads have had a moment to say that the key is
    /// wanted, without which it passes for one that nobody reads.
    pub(super) fn earliest(&self) -> Instant {
        self.wanted_from.after(self.due.since(self.wanted_from) / super::SOON)
    }
}

/// What is known of a key.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) hotness: Hotness,
    /// Nobody has read it since `watched_from`, unless `asked`.
    pub(super) watched_from: Instant,
    /// The proof that is meant by that.
    pub(super) validated_at: Instant,
    pub(super) asked: bool,
    /// Refreshes in a row that nobody had asked for.
    pub(super) silent: u8,
    /// So many refreshes at a time of its own: at the others' time another node has
    /// the lease.
    pub(super) apart: u8,
    /// Its next refresh comes earlier, as this draw says.
    pub(super) moves: Option<u64>,
    /// The proof whose refresh was put off, as another node had the lease.
    pub(super) put_off: Option<Instant>,
    /// Whatever its rate: a read has asked, and waits for others to go along.
    pub(super) must: bool,
    /// There is no room for it: it is forgotten with the refresh.
    pub(super) passing: bool,
    pub(super) bound: Duration,
    /// When it was taken last: periods count from there, not from when its proof came,
    /// so that nodes that do not meet at a lease do not meet later either.
    pub(super) taken_at: Option<Instant>,
    pub(super) scheduled: Option<Times>,
    /// It is due at a turn of this node, with others that are.
    pub(super) at_turn: bool,
    /// So was it when it was taken last.
    pub(super) was_at_turn: bool,
    /// So many refreshes without a look at the turns: they do not fit its periods, which are
    /// shorter where the origin's answers have an age.
    pub(super) misfit: u8,
}

impl Known {
    /// Nothing yet.
    pub(super) fn new(times: &Times, now: Instant, passing: bool) -> Self {
        Self {
            hotness: Hotness::new(now),
            watched_from: times.wanted_from,
            validated_at: times.validated_at,
            asked: false,
            silent: 0,
            apart: 0,
            moves: None,
            put_off: None,
            must: passing,
            passing,
            bound: times.bound,
            taken_at: None,
            scheduled: None,
            at_turn: false,
            was_at_turn: false,
            misfit: 0,
        }
    }

    /// A read says that it is wanted. Whether that is of a proof that was not known yet:
    /// then it was not refreshed in time, and a read has waited for this proof, unless it
    /// was the origin that was waited for, which gave no answers at `trouble_at`.
    pub(super) fn read(
        &mut self,
        times: &Times,
        now: Instant,
        half_life: Duration,
        trouble_at: Instant,
    ) -> bool {
        let is_new = self.validated_at < times.validated_at;
        if is_new {
            if self.watched_from <= trouble_at {
                self.hotness.unwatched(now);
            } else if self.is_watched() {
                let waited = times.validated_at.since(self.watched_from);
                self.hotness.read_after(waited, now, half_life);
            }
            self.validated_at = times.validated_at;
            self.asked = false;
            self.must = self.passing;
        }
        if self.is_watched() {
            let from = if self.asked { self.watched_from } else { times.wanted_from };
            self.hotness.read_after(now.since(from), now, half_life);
            self.watched_from = now;
        }
        self.asked = true;
        self.silent = 0;
        is_new
    }

    /// Whether the next read tells more: none was seen of this proof, or too few of the key.
    pub(super) fn is_watched(&self) -> bool {
        !self.asked || !(self.passing || self.hotness.is_believed())
    }

    /// It was proved.
    pub(super) fn proved(&mut self, times: &Times) {
        if self.validated_at < times.validated_at {
            self.validated_at = times.validated_at;
            self.watched_from = times.wanted_from;
            self.asked = false;
            self.must = false;
        }
    }

    /// The times with the due instant in step with when it was taken last, and at a turn of
    /// this node if there is one in time after `from`. Who has met another node at its lease
    /// there comes at another time.
    pub(super) fn in_step(&mut self, times: Times, from: Instant, turns: Option<Turns>, group: u64) -> Times {
        let period = times.due.since(times.validated_at);
        let step = self.taken_at.map(|taken_at| taken_at.after(period));
        let due = step.filter(|due| (times.wanted_from..times.due).contains(due)).unwrap_or(times.due);
        let turn = turns.map(|turns| turns.last_before(due, period, group));
        if self.was_at_turn && turn.is_some_and(|turn| due.since(turn) > period / super::SOON) {
            // It would be early, and perhaps each time.
            self.misfit = super::APART;
        }
        let may = !self.passing && self.apart == 0 && self.misfit == 0;
        let turn = turn.filter(|turn| may && *turn > times.earliest().max(from));
        self.at_turn = turn.is_some();
        Times { due: turn.unwrap_or(due), ..times }
    }
}

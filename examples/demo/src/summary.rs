//! Everything the report says, and whether it is good enough.

use std::time::Duration;

use crate::judge::Account;
use crate::languages::Language;

/// What the full run has to show.
const FULL: Floor = Floor { reads_checked: 500_000, events_per_s: 5_000.0 };
const FULL_SECONDS: u64 = 60;
/// Of a shorter run this much is lost to start, kill and recovery, however short it is.
const LOST_SECONDS: u64 = 5;
/// In a short run one slow second weighs more.
const SHORT_EVENTS_PER_S: f64 = 3_000.0;

/// Below this a run is too small to mean something.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Floor {
    reads_checked: u64,
    events_per_s: f64,
}

/// What a run has to show on a machine that may be slow or busy: enough reads for each language
/// that each rule was tried on real answers.
const ANY_SPEED: Floor = Floor { reads_checked: 5_000, events_per_s: 1.0 };

impl Floor {
    fn of(seconds: u64, any_speed: bool) -> Self {
        if any_speed {
            return ANY_SPEED;
        }
        if seconds >= FULL_SECONDS {
            return FULL;
        }
        let counted = seconds.saturating_sub(LOST_SECONDS);
        Self {
            reads_checked: FULL.reads_checked * counted / (FULL_SECONDS - LOST_SECONDS),
            events_per_s: SHORT_EVENTS_PER_S,
        }
    }
}

/// The stream and the origin.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Events folded in all, the start-up load included.
    pub events: u64,
    /// Events of the paced stream for each second of it in which the origin was up.
    pub events_per_s: f64,
    /// The same until the origin was killed: the steady pace.
    pub events_per_s_before_outage: f64,
    pub batches_sent_again: u64,
    pub versions_written: u64,
    /// Requests for documents (GET and compare) that reached the origin.
    pub origin_requests: u64,
    /// Keys asked for in them.
    pub origin_keys_asked: u64,
}

/// The whole outcome of a run.
#[derive(Debug)]
pub struct Summary {
    pub seconds: u64,
    /// Whether the answers alone are judged, not how many there were.
    pub any_speed: bool,
    pub bound: Duration,
    pub stream: Stream,
    pub down: Duration,
    pub asked_for: Vec<Language>,
    pub languages: Vec<(Language, Account)>,
    pub total: Account,
}

impl Summary {
    /// Why this run is not good enough; empty if it is.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let mut demand = |met: bool, what: String| {
            if !met {
                failures.push(what);
            }
        };
        let floor = Floor::of(self.seconds, self.any_speed);
        let checked = self.total.report.reads_checked;
        let violations = self.total.report.violations();
        let rate = self.stream.events_per_s;
        demand(violations == 0, format!("{violations} violations"));
        demand(self.total.outage.wrong == 0, format!("{} wrong in the outage", self.total.outage.wrong));
        demand(
            checked >= floor.reads_checked,
            format!("{checked} reads checked, {} are needed", floor.reads_checked),
        );
        demand(
            rate >= floor.events_per_s,
            format!("{rate:.0} events/s, {:.0} are needed", floor.events_per_s),
        );
        let unreasoned = self.total.report.error_codes.get(&0).copied().unwrap_or(0);
        demand(unreasoned == 0, format!("{unreasoned} reads failed without a reason"));
        for language in &self.asked_for {
            let reads = self.languages.iter().find(|(one, _)| one == language);
            let reads = reads.map_or(0, |(_, account)| account.report.reads_checked);
            demand(reads > 0, format!("no read by {} was checked", language.name()));
        }
        failures
    }
}

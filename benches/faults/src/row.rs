//! The figures of one fault.

use bench_common::quantile::{median, range};

use crate::gaps::Gap;
use crate::reader::{Times, Window};

/// No fault: what the machine itself makes.
pub const NOTHING: &str = "nothing";

/// What was measured while it was calm, and while the fault lasted, in turn: one
/// calm more than faults.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    pub calm: Vec<Times>,
    pub fault: Vec<Times>,
}

impl Turns {
    pub fn calm(&self, of: fn(&Times) -> f64) -> f64 {
        median(self.calm.iter().map(of))
    }

    pub fn fault(&self, of: fn(&Times) -> f64) -> f64 {
        median(self.fault.iter().map(of))
    }

    /// Each fault by what was measured right before and right after: what changes
    /// slowly on the machine is in all three.
    pub fn ratios(&self, of: fn(&Times) -> f64) -> Vec<f64> {
        let around = self.calm.windows(2).map(|calm| f64::midpoint(of(&calm[0]), of(&calm[1])));
        self.fault.iter().zip(around).map(|(fault, calm)| of(fault) / calm).collect()
    }

    pub fn ratio(&self, of: fn(&Times) -> f64) -> f64 {
        median(self.ratios(of))
    }

    pub fn range(&self, of: fn(&Times) -> f64) -> (f64, f64) {
        range(self.ratios(of))
    }
}

/// When the store was away, and when leases were won again.
#[derive(Clone, Copy, Debug)]
pub struct Return {
    /// Seconds without leases, of the node that was later; `None`: not within 10 s.
    pub again: Option<f64>,
    /// Of which the store itself did nothing for anybody, if it heals itself: a node
    /// may have gone through several such times in one.
    pub away: f64,
}

impl Return {
    pub const NEVER: Self = Self { again: None, away: 0.0 };

    /// The latest, of times without leases and of those in which nobody had any.
    pub fn worst(without: &[Gap], away: &[Gap]) -> Self {
        let of = |gap: &Gap| Self { again: Some(gap.seconds()), away: gap.within(away) };
        let all = without.iter().map(of);
        all.max_by(|a, b| a.late().total_cmp(&b.late())).unwrap_or(Self::NEVER)
    }

    /// Seconds without leases that the store did not cause.
    pub fn late(&self) -> f64 {
        self.again.map_or(f64::INFINITY, |again| (again - self.away).max(0.0))
    }
}

/// What reads were told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub hits: u64,
    pub waited: u64,
    pub failed: Vec<String>,
    pub wrong: Vec<String>,
    pub stalest: u64,
    pub truly: u64,
}

impl Told {
    pub fn add(&mut self, window: &Window) {
        self.hits += window.hits;
        self.waited += window.waited;
        self.failed.extend(window.failed.iter().cloned());
        self.wrong.extend(window.wrong.iter().cloned());
        self.stalest = self.stalest.max(window.stalest);
        self.truly = self.truly.max(window.truly);
    }

    pub fn reads(&self) -> u64 {
        self.hits + self.waited
    }
}

#[derive(Debug)]
pub struct Row {
    pub store: &'static str,
    pub fault: &'static str,
    /// How long the fault lasted, all its turns together.
    pub seconds: f64,
    pub heals_itself: bool,
    pub turns: Turns,
    pub calm: Told,
    /// From the fault until it is calm again.
    pub told: Told,
    pub lease_failures: u64,
    /// Of each turn.
    pub returns: Vec<Return>,
}

impl Row {
    pub fn name(&self) -> String {
        format!("{} {}", self.store, self.fault)
    }

    pub fn is_control(&self) -> bool {
        self.fault == NOTHING
    }

    /// The latest of all turns.
    pub fn latest(&self) -> Return {
        let latest = self.returns.iter().copied().max_by(|a, b| a.late().total_cmp(&b.late()));
        latest.unwrap_or(Return::NEVER)
    }

    /// Reads that would have waited in as much of the calm.
    pub fn waited_if_calm(&self) -> f64 {
        self.calm.waited as f64 * self.told.reads() as f64 / self.calm.reads().max(1) as f64
    }
}

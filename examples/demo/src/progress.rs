//! One line a second for people who watch.

use crate::languages::Language;
use crate::tail::Glance;

/// Prints lines about what happened since the last one.
#[derive(Debug, Default)]
pub struct Progress {
    last_events: u64,
    last_seconds: f64,
}

impl Progress {
    pub fn heading(languages: &[Language]) -> String {
        let readers: String = languages.iter().map(|one| format!("{:>9}", one.name())).collect();
        format!(
            "{:>6} {:>9}{readers}  {:>8} {:>6} {:>7} {:>7}  origin",
            "s", "events/s", "p99 ms", "hits", "degr", "errors"
        )
    }

    /// `seconds` since the start, `events` acknowledged since then, and what each reader did since
    /// the last line.
    pub fn line(&mut self, seconds: f64, events: u64, glances: &[Glance], up: bool) -> String {
        let passed = (seconds - self.last_seconds).max(0.001);
        let per_second = |count: u64| (count as f64 / passed).round() as u64;
        let readers: String =
            glances.iter().map(|glance| format!("{:>9}", per_second(glance.reads))).collect();
        let mut all = Glance::default();
        glances.iter().for_each(|glance| all.add(glance));
        let line = format!(
            "{seconds:>6.1} {:>9}{readers}  {:>8.2} {:>5.1}% {:>7} {:>7}  {}",
            per_second(events - self.last_events),
            all.latency_ns.quantile(0.99) as f64 / 1e6,
            100.0 * all.hits as f64 / all.answered.max(1) as f64,
            per_second(all.degraded),
            per_second(all.errors),
            if up { "up" } else { "DOWN" }
        );
        self.last_events = events;
        self.last_seconds = seconds;
        line
    }
}

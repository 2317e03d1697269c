//! The bars of the issue.

use crate::results::{Figures, Results};
use crate::run::SCALE;
use crate::stampede::{COLD_KEYS, THREADS, WAITERS};
use crate::strategies::Name;

/// One bar with its figure.
pub struct Bar {
    pub text: String,
    pub limit: f64,
    /// `None`: its parts were not measured.
    pub figure: Option<f64>,
}

impl Bar {
    pub fn passed(&self) -> Option<bool> {
        self.figure.map(|figure| figure <= self.limit)
    }
}

pub fn bars(results: &Results) -> Vec<Bar> {
    let bar = |text: String, limit: f64, figure: Option<f64>| Bar { text, limit, figure };
    let ours = results.row(Name::Edgecmp);
    let against = |name: Name, field: fn(&Figures) -> u64| {
        let peer = results.row(name)?;
        Some(field(&ours?) as f64 / field(&peer).max(1) as f64)
    };
    let scale = |nodes| results.scale_row(Name::Edgecmp, nodes);
    let per_key = |nodes| scale(nodes).map(|figures| figures.conflicts_per_key());
    let (few, many) = (SCALE[0], SCALE[SCALE.len() - 1]);
    // Twice nothing is nothing: below this it does not matter.
    let flat = per_key(few).map_or(0.05, |figure| f64::max(0.05, 2.0 * figure));
    let stampede = results.stampede;
    let promises = || results.scale().filter(|(name, ..)| *name == Name::Edgecmp);
    let broken =
        ours.map(|ours| ours.broken_promises + promises().map(|row| row.2.broken_promises).sum::<u64>());
    let failed = ours.map(|ours| ours.errors + promises().map(|row| row.2.errors).sum::<u64>());
    vec![
        bar("keys asked / fewest possible".into(), 1.25, ours.map(|ours| ours.keys_ratio())),
        bar(
            "origin requests: edgecmp / early_refresh".into(),
            0.5,
            against(Name::EarlyRefresh, |f| f.origin_requests),
        ),
        bar(
            "hot keys after warm-up: % of reads that wait".into(),
            1.0,
            ours.map(|ours| ours.waiting_share_hot * 100.0),
        ),
        bar("p99 of a read, origin of 5 ms: ms".into(), 1.0, ours.map(|ours| ours.service.p99 / 1e3)),
        bar(
            "lease conflicts, 8 nodes: edgecmp / central_lock".into(),
            0.4,
            against(Name::CentralLock, |f| f.lease_conflicts),
        ),
        bar(
            format!("lease conflicts a key refreshed, {many} nodes (2 x {few} nodes, or 0.05)"),
            flat,
            per_key(many),
        ),
        bar("violations of any promise, all runs".into(), 0.0, broken.map(|count| count as f64)),
        bar("reads that failed, all runs".into(), 0.0, failed.map(|count| count as f64)),
        bar(
            "edgecmp and the origin count differently".into(),
            0.0,
            ours.map(|ours| f64::from(u8::from(ours.miscounted))),
        ),
        bar(
            format!("{WAITERS} waiters on one cold key: requests"),
            1.0,
            stampede.map(|stampede| stampede.one_key.requests as f64),
        ),
        bar(
            format!("{COLD_KEYS} cold keys by {THREADS} threads: keys asked"),
            COLD_KEYS as f64,
            stampede.map(|stampede| stampede.many_keys.keys as f64),
        ),
        bar(
            format!("{COLD_KEYS} cold keys by {THREADS} threads: requests"),
            64.0,
            stampede.map(|stampede| stampede.many_keys.requests as f64),
        ),
    ]
}

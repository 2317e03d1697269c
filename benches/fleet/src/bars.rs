//! The bars of the issue.

use bench_common::bar::Bar;
use bench_common::quantile::{median, range};

use crate::results::{Figures, Results};
use crate::run::SCALE;
use crate::stampede::{COLD_KEYS, THREADS, WAITERS};
use crate::strategies::Name;

pub fn bars(results: &Results) -> Vec<Bar> {
    let bar = |text: String, limit: f64, figure: Option<f64>| Bar::new(text, limit, figure);
    let ours = results.row(Name::Edgecmp);
    let rounds = results.rounds(Name::Edgecmp);
    let of = |field: fn(&Figures) -> f64| Some(rounds?.iter().map(field).collect());
    // Round by round: two strategies in one round have the same reads at the same instants.
    let against = |name: Name, field: fn(&Figures) -> u64| {
        let pairs = rounds?.iter().zip(results.rounds(name)?);
        Some(pairs.map(|(ours, peer)| field(ours) as f64 / field(peer).max(1) as f64).collect())
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
        over_rounds("keys asked / fewest possible", 1.25, of(Figures::keys_ratio)),
        over_rounds(
            "origin requests: edgecmp / early_refresh",
            0.5,
            against(Name::EarlyRefresh, |f| f.origin_requests),
        ),
        over_rounds(
            "hot keys after warm-up: % of reads that wait",
            1.0,
            of(|ours| ours.waiting_share_hot * 100.0),
        ),
        over_rounds("p99 of a read, origin of 5 ms: ms", 1.0, of(|ours| ours.service.p99 / 1e3)),
        over_rounds(
            "lease conflicts, 8 nodes: edgecmp / central_lock",
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

/// The median of the rounds, with the least and the greatest.
fn over_rounds(text: &str, limit: f64, figures: Option<Vec<f64>>) -> Bar {
    let bar = Bar::new(text, limit, figures.as_ref().map(|figures| median(figures.iter().copied())));
    let figures = figures.filter(|figures| figures.len() > 1);
    Bar { range: figures.map(range), ..bar }
}

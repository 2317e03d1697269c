//! The plot: a panel for each figure of note, a bar for each strategy.

use bench_common::plot::{self, Panel, Row};
use bench_common::quantile::range;
use bench_common::sheet::{OTHERS, OURS};

use crate::results::{Figures, Results};
use crate::strategies::Name;

const WIDTH: f64 = 480.0;
const NAMES: f64 = 130.0;
/// Times below it have no bar.
const LEAST: f64 = 1e-4;

/// The SVG.
pub fn svg(results: &Results) -> String {
    plot::svg(&panels(results), WIDTH, NAMES)
}

fn panels(results: &Results) -> Vec<Panel> {
    let panel = |title: &str, digits: usize, of: fn(&Figures) -> f64| {
        let bars = results.rows().map(|(name, figures)| {
            let rounds = results.rounds(name).filter(|rounds| rounds.len() > 1);
            Row {
                range: rounds.map(|rounds| range(rounds.iter().map(of))),
                ..bar(name, name.text(), of(&figures))
            }
        });
        Panel::new(title, digits, bars.collect())
    };
    let times = |title: &str, of| {
        let title = format!("{title}, ms (logarithmic)");
        Panel { logarithmic_from: Some(LEAST), ..panel(&title, 3, of) }
    };
    // The sum or the worst of all rounds, no median.
    let over_all = |title: &str, of| {
        let mut panel = panel(title, 0, of);
        panel.rows.iter_mut().for_each(|row| row.range = None);
        panel
    };
    let mut panels = vec![
        panel("reads that wait, %", 2, |f| f.waiting_share * 100.0),
        panel("reads of hot keys that wait, %", 2, |f| f.waiting_share_hot * 100.0),
        panel("requests to the origin", 0, |f| f.origin_requests as f64),
        panel("keys asked / fewest possible", 2, Figures::keys_ratio),
        times("p99 of a read", |f| f.service.p99 / 1e3),
        times("p99.9 of a read", |f| f.service.p999 / 1e3),
        panel("lease conflicts", 0, |f| f.lease_conflicts as f64),
        over_all("worst true staleness, ms", |f| f.worst_staleness_ms),
        over_all("reads past the bound", |f| f.violations as f64),
    ];
    let scale: Vec<_> = results
        .scale()
        .map(|(name, nodes, figures)| bar(name, &format!("{name} {nodes}"), figures.conflicts_per_key()))
        .collect();
    if !scale.is_empty() {
        panels.push(Panel::new("lease conflicts a key refreshed, by nodes", 4, scale));
    }
    panels
}

fn bar(of: Name, name: &str, value: f64) -> Row {
    Row { colour: if of == Name::Edgecmp { OURS } else { OTHERS }, ..Row::new(name, value) }
}

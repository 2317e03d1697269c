//! The plot: bars of ns/op for each cell of note, and of bytes.

use bench_common::plot::{self, Panel, Row};
use bench_common::sheet::{GREY, OTHERS, OURS};

use crate::cell::Mix;
use crate::report;
use crate::results::Results;

const WIDTH: f64 = 520.0;
const NAMES: f64 = 150.0;

/// The SVG.
pub fn svg(results: &Results, n: &[usize]) -> String {
    let mut panels: Vec<Panel> = report::cells(results)
        .into_iter()
        .filter(|(_, cell, _)| match cell.mix {
            Mix::Read => true,
            Mix::Write10 | Mix::Hot => cell.threads == 2,
            Mix::Write1 | Mix::Overlapped => false,
        })
        .map(|(n, cell, rows)| {
            let title = format!("ns/op: n = {n}, {}, {} thread(s)", cell.mix, cell.threads);
            let bars = rows
                .into_iter()
                .map(|(name, row)| Row { range: Some((row.min, row.max)), ..bar(name, row.ns) });
            Panel::new(title, 0, bars.collect())
        })
        .collect();
    for n in n {
        let bars: Vec<_> = results
            .footprints(*n)
            .into_iter()
            .map(|(name, footprint)| bar(name, footprint.allocated))
            .collect();
        if !bars.is_empty() {
            panels.push(Panel::new(format!("bytes of overhead per entry: n = {n}"), 0, bars));
        }
    }
    plot::svg(&panels, WIDTH, NAMES)
}

fn bar(name: &str, value: f64) -> Row {
    let colour = match name {
        name if name.starts_with("edgecmp") => OURS,
        name if name.starts_with("two_miss") => GREY,
        _ => OTHERS,
    };
    Row { colour, ..Row::new(name, value) }
}

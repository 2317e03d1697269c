//! The plot: a panel for each figure of note, a bar for each strategy.

use std::fmt::Write;

use crate::results::{Figures, Results};
use crate::strategies::Name;

const WIDTH: f64 = 480.0;
const LINE: f64 = 20.0;
const NAMES: f64 = 130.0;
const BARS: f64 = 260.0;
const COLUMNS: usize = 2;

struct Panel {
    title: String,
    bars: Vec<(String, f64)>,
    digits: usize,
    /// One that is a thousand times as slow would leave no bar to the others.
    logarithmic: bool,
}

/// Times below it have no bar.
const LEAST: f64 = 1e-4;

/// The SVG.
pub fn svg(results: &Results) -> String {
    let panels = panels(results);
    let rows = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0) as f64;
    let height = (rows + 3.0) * LINE;
    let total = height * panels.len().div_ceil(COLUMNS) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{total}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        WIDTH * COLUMNS as f64
    );
    for (i, panel) in panels.iter().enumerate() {
        let (x, y) = ((i % COLUMNS) as f64 * WIDTH, (i / COLUMNS) as f64 * height);
        draw(&mut out, panel, x, y).expect("a String takes all");
    }
    out + "</svg>\n"
}

fn panels(results: &Results) -> Vec<Panel> {
    let panel = |title: &str, digits: usize, of: fn(&Figures) -> f64| Panel {
        title: title.to_owned(),
        bars: results.rows().map(|(name, figures)| (name.text().to_owned(), of(&figures))).collect(),
        digits,
        logarithmic: title.ends_with("(logarithmic)"),
    };
    let mut panels = vec![
        panel("reads that wait, %", 2, |f| f.waiting_share * 100.0),
        panel("reads of hot keys that wait, %", 2, |f| f.waiting_share_hot * 100.0),
        panel("requests to the origin", 0, |f| f.origin_requests as f64),
        panel("keys asked / fewest possible", 2, Figures::keys_ratio),
        panel("p99 of a read, ms (logarithmic)", 3, |f| f.service.p99 / 1e3),
        panel("p99.9 of a read, ms (logarithmic)", 3, |f| f.service.p999 / 1e3),
        panel("lease conflicts", 0, |f| f.lease_conflicts as f64),
        panel("worst true staleness, ms", 0, |f| f.worst_staleness_ms),
        panel("reads past the bound", 0, |f| f.violations as f64),
    ];
    let scale: Vec<_> = results
        .scale()
        .map(|(name, nodes, figures)| (format!("{name} {nodes}"), figures.conflicts_per_key()))
        .collect();
    if !scale.is_empty() {
        panels.push(Panel {
            title: "lease conflicts a key refreshed, by nodes".into(),
            bars: scale,
            digits: 4,
            logarithmic: false,
        });
    }
    panels
}

fn draw(out: &mut String, panel: &Panel, x: f64, y: f64) -> std::fmt::Result {
    let largest = panel.bars.iter().map(|(_, value)| *value).fold(1e-9, f64::max);
    let title = y + 1.5 * LINE;
    writeln!(out, "<text x=\"{}\" y=\"{title}\" font-weight=\"bold\">{}</text>", x + 12.0, panel.title)?;
    for (i, (name, value)) in panel.bars.iter().enumerate() {
        let top = y + (i as f64 + 2.0) * LINE;
        let share =
            if panel.logarithmic { (value / LEAST).ln() / (largest / LEAST).ln() } else { value / largest };
        let length = (share * BARS).max(1.0);
        let ours = name.starts_with(Name::Edgecmp.text());
        let colour = if ours { "#d9480f" } else { "#4c6ef5" };
        let (left, base) = (x + NAMES, top + 14.0);
        writeln!(out, "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{name}</text>", left - 6.0)?;
        writeln!(
            out,
            "<rect x=\"{left}\" y=\"{}\" width=\"{length:.1}\" height=\"14\" fill=\"{colour}\"/>",
            top + 3.0
        )?;
        let digits = panel.digits;
        writeln!(out, "<text x=\"{:.1}\" y=\"{base}\">{value:.digits$}</text>", left + length + 5.0)?;
    }
    Ok(())
}

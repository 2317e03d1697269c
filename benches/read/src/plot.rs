//! The plot: bars of ns/op for each cell of note, and of bytes.

use std::fmt::Write;

use crate::cell::Mix;
use crate::report;
use crate::results::Results;

const WIDTH: f64 = 520.0;
const LINE: f64 = 20.0;
const NAMES: f64 = 150.0;
const BARS: f64 = 290.0;
const COLUMNS: usize = 2;

struct Panel {
    title: String,
    bars: Vec<(&'static str, f64)>,
}

/// The SVG.
pub fn svg(results: &Results, n: &[usize]) -> String {
    let panels = panels(results, n);
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
    out.push_str("</svg>\n");
    out
}

fn panels(results: &Results, n: &[usize]) -> Vec<Panel> {
    let mut panels: Vec<Panel> = report::cells(results)
        .into_iter()
        .filter(|(_, cell, _)| match cell.mix {
            Mix::Read => true,
            Mix::Write10 | Mix::Hot => cell.threads == 2,
            Mix::Write1 | Mix::Overlapped => false,
        })
        .map(|(n, cell, rows)| Panel {
            title: format!("ns/op: n = {n}, {}, {} thread(s)", cell.mix, cell.threads),
            bars: rows.into_iter().map(|(name, row)| (name, row.ns)).collect(),
        })
        .collect();
    for n in n {
        let bars: Vec<_> =
            results.footprints(*n).into_iter().map(|(name, footprint)| (name, footprint.allocated)).collect();
        if !bars.is_empty() {
            panels.push(Panel { title: format!("bytes of overhead per entry: n = {n}"), bars });
        }
    }
    panels
}

fn draw(out: &mut String, panel: &Panel, x: f64, y: f64) -> std::fmt::Result {
    let largest = panel.bars.iter().map(|(_, value)| *value).fold(1e-9, f64::max);
    let title = y + 1.5 * LINE;
    writeln!(out, "<text x=\"{}\" y=\"{title}\" font-weight=\"bold\">{}</text>", x + 12.0, panel.title)?;
    for (i, (name, value)) in panel.bars.iter().enumerate() {
        let top = y + (i as f64 + 2.0) * LINE;
        let length = (value / largest * BARS).max(1.0);
        let colour = match *name {
            name if name.starts_with("edgecmp") => "#d9480f",
            "two_miss" => "#868e96",
            _ => "#4c6ef5",
        };
        let (left, base) = (x + NAMES, top + 14.0);
        writeln!(out, "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{name}</text>", left - 6.0)?;
        writeln!(
            out,
            "<rect x=\"{left}\" y=\"{}\" width=\"{length:.1}\" height=\"14\" fill=\"{colour}\"/>",
            top + 3.0
        )?;
        writeln!(out, "<text x=\"{:.1}\" y=\"{base}\">{value:.0}</text>", left + length + 5.0)?;
    }
    Ok(())
}

//! An SVG: a panel a workload, a line a policy.

use bench_common::sheet::{Anchor, Sheet};

use crate::policies::{ALL, EDGECMP, STORE};
use crate::run::Row;
use crate::traces::ATTRIBUTION;
use crate::workload::Workload;

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 260.0;
const MARGIN: f64 = 45.0;
const COLUMNS: usize = 3;
const COLOURS: [&str; 9] =
    ["#999999", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d00000", "#d00000", "#000000"];

struct Panel {
    left: f64,
    top: f64,
    smallest: f64,
    largest: f64,
}

impl Panel {
    fn x(&self, entries: f64) -> f64 {
        let part = (entries / self.smallest).ln() / (self.largest / self.smallest).ln().max(1e-9);
        self.left + MARGIN + part * (WIDTH - 1.5 * MARGIN)
    }

    fn y(&self, ratio: f64) -> f64 {
        self.top + HEIGHT - MARGIN - ratio * (HEIGHT - 2.0 * MARGIN)
    }

    fn draw(&self, sheet: &mut Sheet, workload: &Workload, rows: &[&Row]) {
        let (left, right) = (self.left + MARGIN, self.left + WIDTH - MARGIN / 2.0);
        sheet.title((left, self.top + MARGIN - 12.0), &workload.name);
        for percent in [0, 25, 50, 75, 100] {
            let y = self.y(f64::from(percent) / 100.0);
            sheet.line(&[(left, y), (right, y)], 1.0, "#dddddd");
            sheet.text((left - 4.0, y + 4.0), Anchor::End, "black", &format!("{percent}%"));
        }
        for entries in [self.smallest, self.largest] {
            let at = (self.x(entries), self.y(0.0) + 16.0);
            sheet.text(at, Anchor::Middle, "black", &format!("{entries:.0}"));
        }
        for (policy, colour) in drawn() {
            let of_it = rows.iter().filter(|row| row.policy == policy);
            let points: Vec<_> =
                of_it.map(|row| (self.x(row.entries as f64), self.y(row.measured.hit_ratio))).collect();
            sheet.line(&points, if policy == EDGECMP { 2.5 } else { 1.2 }, colour);
        }
    }
}

/// The policies that have a line, and its colour.
fn drawn() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = ALL.iter().zip(COLOURS).map(|((policy, _), colour)| (*policy, colour));
    all.filter(|(policy, _)| *policy != STORE)
}

/// The whole picture.
pub fn svg(workloads: &[Workload], rows: &[Row]) -> String {
    let lines = workloads.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * lines as f64 + 50.0);
    let mut sheet = Sheet::new(width, height);
    for (w, workload) in workloads.iter().enumerate() {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.workload == w).collect();
        let sizes = rows.iter().map(|row| row.entries as f64);
        let panel = Panel {
            left: (w % COLUMNS) as f64 * WIDTH,
            top: (w / COLUMNS) as f64 * HEIGHT,
            smallest: sizes.clone().fold(f64::INFINITY, f64::min),
            largest: sizes.fold(1.0, f64::max),
        };
        panel.draw(&mut sheet, workload, &rows);
    }
    let mut x = MARGIN;
    for (policy, colour) in drawn() {
        sheet.text((x, height - 30.0), Anchor::Start, colour, &format!("\u{25a0} {policy}"));
        x += 34.0 + 8.0 * policy.len() as f64;
    }
    let note = format!("Hit ratio over cache entries. {ATTRIBUTION}");
    sheet.text((MARGIN, height - 12.0), Anchor::Start, "black", &note);
    sheet.finish()
}

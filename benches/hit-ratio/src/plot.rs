//! An SVG: a panel a workload, a line a policy.

use std::fmt::Write;

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

    fn draw(&self, svg: &mut String, workload: &Workload, rows: &[&Row]) {
        let (right, bottom) = (self.left + WIDTH - MARGIN / 2.0, self.y(0.0));
        let _ = writeln!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" font-weight="bold">{}</text>"#,
            self.left + MARGIN,
            self.top + MARGIN - 12.0,
            workload.name
        );
        for percent in [0, 25, 50, 75, 100] {
            let y = self.y(f64::from(percent) / 100.0);
            let from = self.left + MARGIN;
            let _ = writeln!(svg, r##"<path d="M{from:.0} {y:.1}H{right:.0}" stroke="#dddddd"/>"##);
            let _ = writeln!(
                svg,
                r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{percent}%</text>"#,
                from - 4.0,
                y + 4.0
            );
        }
        for entries in [self.smallest, self.largest] {
            let (x, y) = (self.x(entries), bottom + 16.0);
            let _ = writeln!(svg, r#"<text x="{x:.0}" y="{y:.0}" text-anchor="middle">{entries:.0}</text>"#);
        }
        for ((policy, _), colour) in ALL.iter().zip(COLOURS).filter(|((policy, _), _)| *policy != STORE) {
            let points: Vec<String> = rows
                .iter()
                .filter(|row| row.policy == *policy)
                .map(|row| format!("{:.1},{:.1}", self.x(row.entries as f64), self.y(row.measured.hit_ratio)))
                .collect();
            let (points, width) = (points.join(" "), if *policy == EDGECMP { 2.5 } else { 1.2 });
            let _ = writeln!(
                svg,
                r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>"#
            );
        }
    }
}

/// The whole picture.
pub fn svg(workloads: &[Workload], rows: &[Row]) -> String {
    let lines = workloads.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * lines as f64 + 50.0);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
"#
    );
    for (w, workload) in workloads.iter().enumerate() {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.workload == w).collect();
        let sizes = rows.iter().map(|row| row.entries as f64);
        let panel = Panel {
            left: (w % COLUMNS) as f64 * WIDTH,
            top: (w / COLUMNS) as f64 * HEIGHT,
            smallest: sizes.clone().fold(f64::INFINITY, f64::min),
            largest: sizes.fold(1.0, f64::max),
        };
        panel.draw(&mut svg, workload, &rows);
    }
    let mut x = MARGIN;
    for ((policy, _), colour) in ALL.iter().zip(COLOURS).filter(|((policy, _), _)| *policy != STORE) {
        let y = height - 30.0;
        let _ = writeln!(svg, r#"<text x="{x:.0}" y="{y:.0}" fill="{colour}">■ {policy}</text>"#);
        x += 30.0 + 8.0 * policy.len() as f64;
    }
    let _ = writeln!(
        svg,
        r#"<text x="{MARGIN}" y="{:.0}">Hit ratio over cache entries. {ATTRIBUTION}</text>
</svg>"#,
        height - 12.0
    );
    svg
}

//! The table, and what of the bars is met.

use std::fmt::Write;

use crate::policies::{ALL, EDGECMP, MOKA, OPTIMUM, QUICK_CACHE, STORE};
use crate::run::Row;
use crate::traces::ATTRIBUTION;
use crate::workload::Workload;

/// Percentage points behind the best that are allowed.
const BEHIND: f64 = 1.0;

/// One line of the table: all policies at one size.
struct Line<'a> {
    workload: &'a Workload,
    rows: &'a [Row],
}

impl Line<'_> {
    fn percent(&self, policy: &str) -> f64 {
        let row = self.rows.iter().find(|row| row.policy == policy);
        row.map_or(f64::NAN, |row| 100.0 * row.measured.hit_ratio)
    }

    /// Of the policies that edgecmp is compared with.
    fn best(&self) -> f64 {
        let others = self.rows.iter().filter(|row| ![EDGECMP, STORE, OPTIMUM].contains(&row.policy));
        others.map(|row| 100.0 * row.measured.hit_ratio).fold(0.0, f64::max)
    }

    fn difference(&self) -> f64 {
        self.percent(EDGECMP) - self.best()
    }
}

/// The report, and whether all bars are met.
pub fn report(workloads: &[Workload], rows: &[Row]) -> (String, bool) {
    let lines: Vec<Line<'_>> =
        rows.chunks(ALL.len()).map(|rows| Line { workload: &workloads[rows[0].workload], rows }).collect();
    let mut text = String::from("Hit ratio in percent; diff: edgecmp less the best other but the optimum.\n");
    text +=
        "edgecmp: the policy at exactly so many entries. edgecmp-store: the whole store, given the bytes\n";
    text += "for about as many (its number follows in brackets), from 500 entries on.\n\n";
    let _ = write!(text, "{:<20}{:>8}", "trace", "entries");
    ALL.iter().for_each(|(policy, _)| _ = write!(text, "{policy:>width$}", width = width(policy)));
    text += "    diff\n";
    for line in &lines {
        put_line(&mut text, line);
    }
    let _ = writeln!(text, "\n{ATTRIBUTION}");
    let met = put_bars(&mut text, &lines);
    (text, met)
}

fn width(policy: &str) -> usize {
    if policy == STORE { 18 } else { policy.len().max(6) + 2 }
}

fn put_line(text: &mut String, line: &Line<'_>) {
    let _ = write!(text, "{:<20}{:>8}", line.workload.name, line.rows[0].entries);
    for row in line.rows {
        let width = width(row.policy);
        let percent = 100.0 * row.measured.hit_ratio;
        let _ = match row.measured.held {
            _ if percent.is_nan() => write!(text, "{:>width$}", "-"),
            Some(held) => write!(text, "{:>width$}", format!("{percent:.2} ({held:.0})")),
            None => write!(text, "{percent:>width$.2}"),
        };
    }
    let note = match line.difference() {
        _ if !line.workload.is_judged => "  not judged",
        difference if difference < -BEHIND => "  BEHIND",
        _ => "",
    };
    let _ = writeln!(text, "{:>+8.2}{note}", line.difference());
}

fn put_bars(text: &mut String, lines: &[Line<'_>]) -> bool {
    let judged: Vec<_> = lines.iter().filter(|line| line.workload.is_judged).collect();
    let mean = |policy| judged.iter().map(|line| line.percent(policy)).sum::<f64>() / judged.len() as f64;
    let worst = judged.iter().map(|line| line.difference()).fold(f64::INFINITY, f64::min);
    let overhead = lines.iter().flat_map(|line| line.rows).filter_map(|row| row.measured.overhead);
    let bars = [
        (
            worst >= -BEHIND,
            format!("within {BEHIND} point of the best on every trace and size: worst {worst:+.2}"),
        ),
        (mean(EDGECMP) > mean(MOKA), format!("mean {:.2} ahead of moka's {:.2}", mean(EDGECMP), mean(MOKA))),
        (
            mean(EDGECMP) > mean(QUICK_CACHE),
            format!("mean {:.2} ahead of quick_cache's {:.2}", mean(EDGECMP), mean(QUICK_CACHE)),
        ),
    ];
    let _ = writeln!(text, "\nMeans of the judged rows:");
    for (policy, _) in ALL.iter().filter(|(policy, _)| *policy != STORE) {
        let _ = writeln!(text, "  {policy:<14}{:>6.2}", mean(policy));
    }
    let largest = overhead.fold(0.0, f64::max);
    let _ = writeln!(
        text,
        "Bytes of edgecmp's policy an entry, at the most: {largest:.1} (small caches: chunks)\n"
    );
    for (met, bar) in &bars {
        let _ = writeln!(text, "{}  {bar}", if *met { "pass" } else { "FAIL" });
    }
    bars.iter().all(|(met, _)| *met)
}

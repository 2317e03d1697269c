//! The table for people, the figures for machines, and what is demanded of them.

use serde_json::{Value, json};

use crate::bench::Row;

const MOST_RATIO: f64 = 1.2;
const MOST_SECONDS: f64 = 2.0;

/// What is demanded of every row.
struct Bar {
    text: &'static str,
    limit: f64,
    figure: fn(&Row) -> f64,
}

const BARS: [Bar; 4] = [
    Bar { text: "p99 of hits, during / before", limit: MOST_RATIO, figure: Row::ratio },
    Bar { text: "failed reads", limit: 0.0, figure: |row| row.failed.len() as f64 },
    Bar { text: "answers over the bound, or wrong", limit: 0.0, figure: |row| row.wrong.len() as f64 },
    Bar { text: "seconds until leases are won again", limit: MOST_SECONDS, figure: Row::late },
];

pub fn text(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n| store | fault               |    s | hit p50 / p99 before | during, ns    | p99 ratio |    reads | waited (before) | failed | wrong | stalest: receipt | truly | lease failures | leases again, s |\n\
         |-------|---------------------|-----:|---------------------:|--------------:|----------:|---------:|----------------:|-------:|------:|-----------------:|------:|---------------:|----------------:|\n",
    );
    for row in rows {
        let ms = |nanos: u64| format!("{} ms", nanos / 1_000_000);
        text += &format!(
            "| {:<5} | {:<19} | {:>4.1} | {:>20} | {:>13} | {:>9.2} | {:>8} | {:>15} | {:>6} | {:>5} | {:>16} | {:>5} | {:>14} | {:>15} |\n",
            row.store,
            row.fault,
            row.seconds,
            format!("{:.0} / {:.0}", row.before.0, row.before.1),
            format!("{:.0} / {:.0}", row.during.0, row.during.1),
            row.ratio(),
            row.hits + row.waited,
            format!("{} ({})", row.waited, row.waited_before),
            row.failed.len(),
            row.wrong.len(),
            ms(row.stalest),
            ms(row.truly),
            row.lease_failures,
            row.again.map_or("not in 10 s".to_owned(), |again| {
                format!(
                    "{again:.2}{}",
                    if row.heals_itself { format!(" - {:.2}", row.away) } else { String::new() }
                )
            }),
        );
    }
    text += "\n";
    for bar in &BARS {
        let (worst, of) = worst(bar, rows);
        let passed = if worst <= bar.limit { "PASS" } else { "FAIL" };
        text += &format!("{passed}  {:<36} {worst:>6.2}  at most {} ({of})\n", bar.text, bar.limit);
    }
    for row in rows {
        for (what, which) in [("failed", &row.failed), ("wrong", &row.wrong)] {
            for message in which.iter().take(3) {
                text += &format!("{} {}: {what}: {message}\n", row.store, row.fault);
            }
        }
    }
    text
}

fn worst(bar: &Bar, rows: &[Row]) -> (f64, String) {
    let figures = rows.iter().map(|row| ((bar.figure)(row), row));
    // A figure that was not measured is no success.
    let figures = figures.map(|(figure, row)| (if figure.is_nan() { f64::INFINITY } else { figure }, row));
    figures
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or((f64::INFINITY, "nothing measured".into()), |(figure, row)| {
            (figure, format!("{} {}", row.store, row.fault))
        })
}

pub fn passed(rows: &[Row]) -> bool {
    BARS.iter().all(|bar| worst(bar, rows).0 <= bar.limit)
}

pub fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "store": row.store,
            "fault": row.fault,
            "seconds": row.seconds,
            "hit_ns_before": {"p50": row.before.0, "p99": row.before.1},
            "hit_ns_during": {"p50": row.during.0, "p99": row.during.1},
            "p99_ratio": row.ratio(),
            "hits": row.hits,
            "waited_before": row.waited_before,
            "waited": row.waited,
            "failed": row.failed.len(),
            "wrong": row.wrong.len(),
            "stalest_receipt_ns": row.stalest,
            "stalest_truly_ns": row.truly,
            "lease_failures": row.lease_failures,
            "leases_again_s": row.again,
            "store_away_s": row.away,
            "leases_again_is": if row.heals_itself { "longest time without" } else { "since the return" },
        })
    };
    let bar = |bar: &Bar| {
        let (figure, of) = worst(bar, rows);
        json!({"bar": bar.text, "limit": bar.limit, "worst": figure, "of": of, "passed": figure <= bar.limit})
    };
    json!({
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "bars": BARS.iter().map(bar).collect::<Vec<_>>(),
    })
}

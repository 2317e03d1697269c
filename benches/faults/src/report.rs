//! The table for people, the figures for machines, and what is demanded of them.

use bench_common::bar::Bar;
use bench_common::quantile::range;
use serde_json::{Value, json};

use crate::reader::Times;
use crate::row::Row;

pub const MOST_RATIO: f64 = 1.2;
pub const MOST_SECONDS: f64 = 2.0;

/// By which hits are judged.
pub const P99: fn(&Times) -> f64 = |times| times.p99;
const SINGLE: fn(&Times) -> f64 = |times| times.single_p99;

/// What is demanded: of the worst of the rows.
pub fn bars(rows: &[Row]) -> Vec<Bar> {
    let worst = |text: &str, limit, figure: fn(&Row) -> f64| {
        // A figure that was not measured is no success.
        let figures = rows.iter().map(|row| (figure(row), row));
        let figures = figures.map(|(f, row)| (if f.is_nan() { f64::INFINITY } else { f }, row));
        let worst = figures.max_by(|a, b| a.0.total_cmp(&b.0));
        let (figure, note) = worst.map_or((None, String::new()), |(f, row)| (Some(f), row.name()));
        Bar { note, ..Bar::new(text, limit, figure) }
    };
    vec![
        hits(rows),
        worst("failed reads", 0.0, |row| (row.calm.failed.len() + row.told.failed.len()) as f64),
        worst("answers over the bound, or wrong", 0.0, |row| {
            (row.calm.wrong.len() + row.told.wrong.len()) as f64
        }),
        worst("seconds until leases are won again", MOST_SECONDS, |row| row.latest().late()),
    ]
}

/// Of the faults, the worst; beside it what is measured where there is no fault. If
/// that alone may miss the bar, it says nothing of faults.
fn hits(rows: &[Row]) -> Bar {
    let faults = rows.iter().filter(|row| !row.is_control());
    let worst = faults.max_by(|a, b| a.turns.ratio(P99).total_cmp(&b.turns.ratio(P99)));
    let bar = Bar::new("p99 of hits, fault / calm", MOST_RATIO, worst.map(|row| row.turns.ratio(P99)));
    let (low, high) = noise(rows);
    let note =
        worst.map_or_else(String::new, |row| format!("{}; no fault: {low:.2} to {high:.2}", row.name()));
    let range = worst.map(|row| row.turns.range(P99));
    let is_quiet = low >= 1.0 / MOST_RATIO && high <= MOST_RATIO;
    Bar { note, range, is_inconclusive: !is_quiet, ..bar }
}

/// The least and the greatest ratio of turns without a fault.
pub fn noise(rows: &[Row]) -> (f64, f64) {
    range(rows.iter().filter(|row| row.is_control()).flat_map(|row| row.turns.ratios(P99)))
}

pub fn text(rows: &[Row], bars: &[Bar]) -> String {
    let mut text = String::from(
        "\n| store | fault               |    s | hit p50 / p99 calm, ns | fault, ns     | p99 ratio           | single hits' p99 | ratio |    reads | waited (as calm) | failed | wrong | stalest: receipt | truly   | lease failures | leases again, s |\n\
           |-------|---------------------|-----:|-----------------------:|--------------:|--------------------:|-----------------:|------:|---------:|-----------------:|-------:|------:|-----------------:|--------:|---------------:|----------------:|\n",
    );
    for row in rows {
        let ms = |nanos: u64| format!("{} ms", nanos / 1_000_000);
        let (turns, told, latest) = (&row.turns, &row.told, row.latest());
        let (low, high) = turns.range(P99);
        text += &format!(
            "| {:<5} | {:<19} | {:>4.1} | {:>22} | {:>13} | {:>19} | {:>16} | {:>5.2} | {:>8} | {:>16} | {:>6} | {:>5} | {:>16} | {:>7} | {:>14} | {:>15} |\n",
            row.store,
            row.fault,
            row.seconds,
            format!("{:.0} / {:.0}", turns.calm(|t| t.p50), turns.calm(P99)),
            format!("{:.0} / {:.0}", turns.fault(|t| t.p50), turns.fault(P99)),
            format!("{:.2} [{low:.2}, {high:.2}]", turns.ratio(P99)),
            format!("{:.0}, {:.0}", turns.calm(SINGLE), turns.fault(SINGLE)),
            turns.ratio(SINGLE),
            told.reads(),
            format!("{} ({:.0})", told.waited, row.waited_if_calm()),
            row.calm.failed.len() + told.failed.len(),
            row.calm.wrong.len() + told.wrong.len(),
            ms(row.calm.stalest.max(told.stalest)),
            ms(row.calm.truly.max(told.truly)),
            row.lease_failures,
            latest.again.map_or("not in 10 s".to_owned(), |again| match row.heals_itself {
                true => format!("{again:.2} - {:.2}", latest.away),
                false => format!("{again:.2}"),
            }),
        );
    }
    let (low, high) = noise(rows);
    text += &format!(
        "\nNoise: without a fault the p99 of hits is {low:.2} to {high:.2} times that of the calm.\n\n"
    );
    bars.iter().for_each(|bar| text += &format!("{bar}\n"));
    for row in rows {
        for (what, calm, told) in
            [("failed", &row.calm.failed, &row.told.failed), ("wrong", &row.calm.wrong, &row.told.wrong)]
        {
            for message in calm.iter().chain(told).take(3) {
                text += &format!("{}: {what}: {message}\n", row.name());
            }
        }
    }
    text
}

pub fn json(rows: &[Row], bars: &[Bar]) -> Value {
    let times = |times: &Times| json!({"p50": times.p50, "p99": times.p99, "single_p99": times.single_p99});
    let row = |row: &Row| {
        let latest = row.latest();
        json!({
            "store": row.store,
            "fault": row.fault,
            "seconds": row.seconds,
            "hit_ns_calm": row.turns.calm.iter().map(times).collect::<Vec<_>>(),
            "hit_ns_fault": row.turns.fault.iter().map(times).collect::<Vec<_>>(),
            "p99_ratio": row.turns.ratio(P99),
            "p99_ratios": row.turns.ratios(P99),
            "single_p99_ratio": row.turns.ratio(SINGLE),
            "hits": row.told.hits,
            "waited": row.told.waited,
            "waited_if_calm": row.waited_if_calm(),
            "failed": row.calm.failed.len() + row.told.failed.len(),
            "wrong": row.calm.wrong.len() + row.told.wrong.len(),
            "stalest_receipt_ns": row.calm.stalest.max(row.told.stalest),
            "stalest_truly_ns": row.calm.truly.max(row.told.truly),
            "lease_failures": row.lease_failures,
            "leases_again_s": latest.again,
            "store_away_s": latest.away,
            "leases_again_is": if row.heals_itself { "longest time without" } else { "since the return" },
        })
    };
    json!({
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "bars": bars.iter().map(Bar::json).collect::<Vec<_>>(),
        "p99_ratio_without_fault": noise(rows),
    })
}

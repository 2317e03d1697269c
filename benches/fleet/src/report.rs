//! The table for people, and the file for programs.

use std::fmt::Write;

use bench_common::bar::Bar;
use serde_json::{Value, json};

use crate::results::{Figures, Results, Times};
use crate::scenario::{HOT_READS, Scenario, ZIPF};

/// Above it times are those of a busy machine.
const BUSY: f64 = 0.6;

/// The table.
pub fn text(results: &Results, bars: &[Bar], scenario: &Scenario, rounds: usize) -> String {
    let mut out = String::new();
    write(&mut out, results, bars, scenario, rounds).expect("a String takes all");
    out
}

fn write(
    out: &mut String,
    results: &Results,
    bars: &[Bar],
    scenario: &Scenario,
    rounds: usize,
) -> std::fmt::Result {
    let Scenario { nodes, keys, reads_per_second, bound, warm_up, measured, origin_delay, .. } = scenario;
    writeln!(
        out,
        "{nodes} nodes, each a process; {keys} keys, Zipf {ZIPF}, {reads_per_second} reads a second and node, \
         open loop; bound and TTL {bound:?}; origin {origin_delay:?}; etcd with one member."
    )?;
    writeln!(out, "Writes: {}.", results.writes)?;
    writeln!(
        out,
        "{rounds} round(s) of {warm_up:?} warm-up and {measured:?}; medians. Reads that wait, hits and times: after \
         the warm-up. Origin, leases, staleness and violations: the whole run, cold start included."
    )?;
    writeln!(
        out,
        "Hot: at least {HOT_READS} expected reads within a bound on each node: the {} most popular keys. \
         fewest: keys that any cache has to ask for these reads; nodes share no proofs when they pull.",
        scenario.hot_keys()
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "{:<16} {:>7} {:>7} {:>7} {:>9} {:>9} {:>8} {:>7} {:>8} {:>9}",
        "", "wait %", "hot %", "hit %", "requests", "keys", "fewest", "leases", "conflict", "lease err"
    )?;
    for (name, f) in results.rows() {
        writeln!(
            out,
            "{:<16} {:>7.2} {:>7.2} {:>7.2} {:>9} {:>9} {:>7.2}x {:>7} {:>8} {:>9}",
            name.text(),
            f.waiting_share * 100.0,
            f.waiting_share_hot * 100.0,
            (1.0 - f.waiting_share) * 100.0,
            f.origin_requests,
            f.origin_keys,
            f.keys_ratio(),
            f.lease_attempts,
            f.lease_conflicts,
            f.lease_failures
        )?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "{:<16} {:>9} {:>9} {:>9} {:>9} | {:>9} {:>9} | {:>9} {:>10} {:>6} {:>6}",
        "read, us",
        "p50",
        "p95",
        "p99",
        "p99.9",
        "p99*",
        "p99.9*",
        "stale ms",
        "violations",
        "failed",
        "busy %"
    )?;
    for (name, f) in results.rows() {
        let Figures { service, response, .. } = f;
        writeln!(
            out,
            "{:<16} {:>9.1} {:>9.1} {:>9.1} {:>9.1} | {:>9.1} {:>9.1} | {:>9.1} {:>10} {:>6} {:>6.0}",
            name.text(),
            service.p50,
            service.p95,
            service.p99,
            service.p999,
            response.p99,
            response.p999,
            f.worst_staleness_ms,
            f.violations,
            f.errors,
            f.busy * 100.0
        )?;
    }
    writeln!(
        out,
        "  *: from the instant at which the read was to begin, the driver's own lateness included (p99 {:.0} us). \
         stale: the worst that the origin's history proves; violations: of the bound.",
        results.rows().map(|(_, f)| f.late_p99_us).fold(0.0, f64::max)
    )?;
    let busy: Vec<&str> =
        results.rows().filter(|row| row.1.busy > BUSY).map(|(name, _)| name.text()).collect();
    if !busy.is_empty() {
        let limit = BUSY * 100.0;
        writeln!(out, "  more than {limit:.0}% busy, so its times say little: {}", busy.join(", "))?;
    }
    write_scale(out, results)?;
    if let Some(stampede) = results.stampede {
        writeln!(
            out,
            "\nstampede: one key {} request(s); cold keys {} keys in {} request(s)",
            stampede.one_key.requests, stampede.many_keys.keys, stampede.many_keys.requests
        )?;
    }
    writeln!(out)?;
    for (name, _) in results.rows() {
        writeln!(out, "{:<16} {}", name.text(), name.meaning())?;
    }
    let ranges = if rounds > 1 { "; in brackets the least and the greatest of the rounds" } else { "" };
    writeln!(out, "\nBars{ranges}")?;
    bars.iter().try_for_each(|bar| writeln!(out, "{bar}"))
}

fn write_scale(out: &mut String, results: &Results) -> std::fmt::Result {
    let mut before = None;
    for (name, nodes, f) in results.scale() {
        if before != Some(name) {
            write!(out, "\nlease conflicts a key refreshed (after the warm-up): {name:<13}")?;
        }
        before = Some(name);
        let (whole, settled) = (f.conflicts_per_key(), f.settled_conflicts_per_key);
        write!(out, "  {nodes:>2} nodes {whole:.4} ({settled:.4})")?;
    }
    if before.is_some() {
        writeln!(out)?;
    }
    Ok(())
}

/// `fleet.json`.
pub fn json(results: &Results, bars: &[Bar], scenario: &Scenario) -> Value {
    let main = results.rows().map(|(name, figures)| row(name.text(), scenario.nodes, "main", &figures));
    let scale = results.scale().map(|(name, nodes, figures)| row(name.text(), nodes, "scale", &figures));
    let rows: Vec<Value> = main.chain(scale).collect();
    let bars: Vec<Value> = bars.iter().map(Bar::json).collect();
    let stampede = results.stampede.map(|stampede| {
        json!({
            "one_key_requests": stampede.one_key.requests,
            "cold_keys_requests": stampede.many_keys.requests,
            "cold_keys_asked": stampede.many_keys.keys,
        })
    });
    json!({"rows": rows, "bars": bars, "stampede": stampede, "writes": results.writes, "scenario": scenario,
        "hot_keys": scenario.hot_keys(), "times_unit": "us"})
}

fn row(strategy: &str, nodes: usize, scenario: &str, f: &Figures) -> Value {
    let Times { p50, p95, p99, p999 } = f.service;
    json!({
        "strategy": strategy,
        "nodes": nodes,
        "scenario": scenario,
        "reads": f.reads,
        "errors": f.errors,
        "waiting_share": f.waiting_share,
        "waiting_share_hot": f.waiting_share_hot,
        "hit_ratio": 1.0 - f.waiting_share,
        "origin_requests": f.origin_requests,
        "origin_keys": f.origin_keys,
        "lower_bound_keys": f.lower_bound_keys,
        "lease_attempts": f.lease_attempts,
        "lease_conflicts": f.lease_conflicts,
        "lease_failures": f.lease_failures,
        "conflicts_per_key": f.conflicts_per_key(),
        "settled_conflicts_per_key": f.settled_conflicts_per_key,
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "p999": p999,
        "response_p99": f.response.p99,
        "response_p999": f.response.p999,
        "driver_late_p99": f.late_p99_us,
        "worst_staleness_ms": f.worst_staleness_ms,
        "violations": f.violations,
        "broken_promises": f.broken_promises,
        "busy": f.busy,
    })
}

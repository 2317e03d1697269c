//! The tables for people, and the file for programs.

use std::fmt::Write;

use bench_common::bar::Bar;
use serde_json::{Value, json};

use crate::cell::Cell;
use crate::registry;
use crate::results::{Results, Row};

/// The tables.
pub fn text(results: &Results, bars: &[Bar], n: &[usize]) -> String {
    let mut out = String::new();
    write(&mut out, results, bars, n).expect("a String takes all");
    out
}

fn write(out: &mut String, results: &Results, bars: &[Bar], n: &[usize]) -> std::fmt::Result {
    writeln!(
        out,
        "Keys of 32 bytes, values of 100, Zipf 0.99; nanoseconds an operation, medians over the rounds."
    )?;
    writeln!(
        out,
        "Profile: release, lto = thin, codegen-units = 1. All peers hash with foldhash, as edgecmp does, but for moka (SipHash, its default; moka_foldhash beside it)."
    )?;
    writeln!(
        out,
        "read-only: each key depends on the value read before (latency); overlapped: it does not (throughput); \
         hot: one single key."
    )?;
    for (n, cell, rows) in cells(results) {
        writeln!(out, "\nn = {n}, {}, {} thread(s)", cell.mix, cell.threads)?;
        writeln!(
            out,
            "  {:<20} {:>8} {:>8} {:>8} {:>8} {:>9} {:>6}",
            "", "ns/op", "min", "max", "p99", "p99.9", "rounds"
        )?;
        for (name, row) in rows {
            let Row { undisturbed, rounds, ns, min, max, p99, p999 } = row;
            writeln!(
                out,
                "  {name:<20} {ns:>8.1} {min:>8.1} {max:>8.1} {p99:>8.0} {p999:>9.0} {undisturbed:>4}/{rounds}"
            )?;
        }
    }
    for n in n {
        let footprints = results.footprints(*n);
        if footprints.is_empty() {
            continue;
        }
        writeln!(out, "\nn = {n}, bytes of overhead per entry (key and value not counted)")?;
        writeln!(out, "  {:<20} {:>10} {:>10}", "", "allocated", "resident")?;
        for (name, footprint) in footprints {
            writeln!(out, "  {name:<20} {:>10.1} {:>10.1}", footprint.allocated, footprint.resident)?;
        }
    }
    writeln!(out, "\nWhat a read hands out, and what it does less or more")?;
    for listing in registry::all() {
        let version = version(listing.package);
        writeln!(out, "  {:<14} {version:<8} {}. {}", listing.name, listing.read, listing.note)?;
    }
    writeln!(out, "  edgecmp in 99/1 and 90/10 is edgecmp_store: Cache::set writes through to an origin.")?;
    writeln!(out, "\nBars")?;
    bars.iter().try_for_each(|bar| writeln!(out, "{bar}"))?;
    if results.disturbed > 0 {
        writeln!(
            out,
            "\n{} measurements shared their processor with other programs: left out where others were not disturbed.",
            results.disturbed
        )?;
    }
    for (name, misses) in results.missed() {
        writeln!(out, "\nINVALID: {name} did not find {misses} keys.")?;
    }
    Ok(())
}

type Block = (usize, Cell, Vec<(&'static str, Row)>);

/// The rows of each cell, the fastest first.
pub fn cells(results: &Results) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (n, cell, name, row) in results.rows() {
        match blocks.last_mut() {
            Some(last) if (last.0, last.1) == (n, cell) => last.2.push((name, row)),
            _ => blocks.push((n, cell, vec![(name, row)])),
        }
    }
    for (_, _, rows) in &mut blocks {
        rows.sort_by(|a, b| a.1.ns.total_cmp(&b.1.ns));
    }
    blocks
}

/// `read.json`.
pub fn json(results: &Results, bars: &[Bar]) -> Value {
    let round = |x: f64| (x * 10.0).round() / 10.0;
    let rows: Vec<Value> = results
        .rows()
        .map(|(n, cell, name, row)| {
            json!({
                "impl": name,
                "n": n,
                "threads": cell.threads,
                "mix": cell.mix.to_string(),
                "ns": round(row.ns),
                "ns_min": round(row.min),
                "ns_max": round(row.max),
                "p99": round(row.p99),
                "p999": round(row.p999),
                "undisturbed_rounds": row.undisturbed,
                "overhead_bytes": results.footprint(n, name).map(|footprint| round(footprint.allocated)),
            })
        })
        .collect();
    let bars: Vec<Value> = bars.iter().map(Bar::json).collect();
    json!({"rows": rows, "bars": bars, "disturbed": results.disturbed})
}

/// A package's version, from the lock file.
fn version(package: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let wanted = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    let mut found = "";
    while let Some(line) = lines.next() {
        if line == wanted {
            // The latest one stands last.
            found = lines.next().and_then(|line| line.split('"').nth(1)).unwrap_or_default();
        }
    }
    found
}

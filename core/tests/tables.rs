//! The reference docs are printed from the tables, and checked in.
//!
//! `EDGECMP_BLESS=1 cargo test -p edgecmp --test tables` writes them anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use edgecmp::{Code, Kind, OPTIONS, STATISTICS};

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("EDGECMP_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "docs/{name} is not what the table says: run with EDGECMP_BLESS=1");
}

#[test]
fn options() {
    let mut text = String::from(
        "# Options\n\nPrinted from the table in `core/src/facts/options.rs`. The same names everywhere: `snake_case` \
         in C and Python, `camelCase` in Node, `CamelCase` in Go. A duration is a number with a unit (`ns`, `us`, \
         `ms`, `s`, `m`, `h`, `d`), a size a number of bytes with or without a unit (`kB`, `MB`, `GB`, `KiB`, `MiB`, \
         `GiB`).\n\n| option | type | default | range | meaning |\n|---|---|---|---|---|\n",
    );
    for option in OPTIONS {
        let (min, max) = option.range;
        let range = if min.is_empty() { String::new() } else { format!("{min} to {max}") };
        let default = if option.default.is_empty() { "none".into() } else { format!("`{}`", option.default) };
        writeln!(text, "| `{}` | {} | {default} | {range} | {} |", option.name, option.kind, option.doc)
            .unwrap();
    }
    check("options.md", &text);
}

#[test]
fn errors() {
    let mut text = String::from(
        "# Errors\n\nPrinted from the table in `core/src/facts/error.rs`. Numbers and names are part of the ABI. \
         *Retriable*: the same call may succeed later without a change to it.\n\n\
         | number | name | retriable | meaning |\n|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let retriable = if code.is_retriable() { "yes" } else { "no" };
        let doc = code.doc().split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
        writeln!(text, "| {} | `{}` | {retriable} | {} |", *code as i32, code.name(), doc.trim()).unwrap();
    }
    check("errors.md", &text);
}

#[test]
fn statistics() {
    let mut text = String::from(
        "# Statistics\n\nPrinted from the table in `core/src/facts/statistics.rs`. The Prometheus name is \
         `edgecmp_<name>`, with `_total` after a counter. Unit `1` is a count, `By` bytes.\n\n\
         | statistic | kind | unit | meaning |\n|---|---|---|---|\n",
    );
    for statistic in STATISTICS {
        let kind = match statistic.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        writeln!(text, "| `{}` | {kind} | {} | {} |", statistic.name, statistic.unit, statistic.doc).unwrap();
    }
    check("statistics.md", &text);
}

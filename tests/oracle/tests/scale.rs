//! A demo's worth of reads is judged in seconds, not minutes.

use edgecmp_oracle::{Histogram, HistoryBuilder, Read, Written, check};

/// In a debug build a tenth, so that the test stays quick; the size is what the release run shows.
const READS: u64 = if cfg!(debug_assertions) { 500_000 } else { 5_000_000 };
const ROWS: u64 = if cfg!(debug_assertions) { 150_000 } else { 1_500_000 };
const KEYS: u64 = 5_000;

#[test]
fn millions_of_reads_are_judged() {
    let mut builder = HistoryBuilder::new();
    for key in 0..KEYS {
        builder.key(format!("key/{key}").as_bytes());
    }
    for row in 0..ROWS {
        let began_ns = row * 1_000;
        let version = u128::from(row) + 1;
        let written = Written { version, began_ns, visible_ns: began_ns + 10, crc: 1, deleted: false };
        builder.push((row % KEYS) as u32, written);
    }
    let history = builder.finish(u64::MAX).unwrap();
    let reads: Vec<_> = (0..READS)
        .map(|read| {
            // A stride that visits the rows in no order.
            let row = read * 7_919 % ROWS;
            let start_ns = row * 1_000 + 20;
            let version = u128::from(row) + 1;
            let cache = (read % 4) as u32;
            let key = (row % KEYS) as u32;
            Read { start_ns, end_ns: start_ns + 5, version, key, crc: 1, cache, ..Read::default() }
        })
        .collect();
    let report = check(&history, &reads);
    assert_eq!(report.violations(), 0, "{report}");
    assert_eq!(report.reads_checked, READS);
}

#[test]
fn quantiles_are_within_a_thirtysecond() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.quantile(0.5), 0);
    (1..=100_000).for_each(|value| histogram.record(value));
    for (q, exact) in [(0.5, 50_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
        let found = histogram.quantile(q) as f64;
        assert!(found >= exact && found <= exact * 1.04, "{q}: {found}");
    }
    histogram.record(u64::MAX);
    assert_eq!(histogram.quantile(1.0), u64::MAX);
    assert_eq!(histogram.buckets().map(|(_, count)| count).sum::<u64>(), 100_001);
}

//! The bars of the issue, as ratios of medians of one run.

use bench_common::bar::Bar;

use crate::cell::Mix;
use crate::results::Results;

const SMALL: usize = 10_000;
const MIDDLE: usize = 1_000_000;
const LARGE: usize = 10_000_000;

#[derive(Clone, Copy)]
enum Of {
    Mean,
    P999,
}

/// One figure of the run.
#[derive(Clone, Copy)]
struct Point {
    name: &'static str,
    n: usize,
    threads: usize,
    mix: Mix,
    of: Of,
}

impl Point {
    /// Whether it was measured while nothing else ran.
    fn is_undisturbed(&self, results: &Results) -> bool {
        results.row(self.n, self.threads, self.mix, self.name).is_some_and(|row| row.undisturbed > 0)
    }

    fn value(&self, results: &Results) -> Option<f64> {
        let row = results.row(self.n, self.threads, self.mix, self.name)?;
        Some(match self.of {
            Of::Mean => row.ns,
            Of::P999 => row.p999,
        })
    }
}

pub fn bars(results: &Results) -> Vec<Bar> {
    let point = |name, n, threads, mix| Point { name, n, threads, mix, of: Of::Mean };
    let ours = |n, threads, mix| point("edgecmp", n, threads, mix);
    let tail = |name| Point { of: Of::P999, ..point(name, SMALL, 2, Mix::Write10) };
    let hot = |name, threads| point(name, SMALL, threads, Mix::Hot);
    let read = |n, name, limit| {
        let text = format!("n = {n}, read-only, 1 thread: edgecmp / {name}");
        (text, ours(n, 1, Mix::Read), point(name, n, 1, Mix::Read), limit)
    };
    let mixed = |name, limit| {
        let text = format!("n = {SMALL}, 90/10, 2 threads: edgecmp / {name}");
        (text, ours(SMALL, 2, Mix::Write10), point(name, SMALL, 2, Mix::Write10), limit)
    };
    let ratios = [
        read(MIDDLE, "two_miss", 1.25),
        read(MIDDLE, "quick_cache", 0.60),
        read(MIDDLE, "moka", 0.30),
        read(MIDDLE, "papaya", 0.95),
        read(SMALL, "quick_cache", 0.90),
        read(SMALL, "moka", 0.25),
        (
            format!("n = {MIDDLE}, read-only: edgecmp, 2 threads / 1 thread"),
            ours(MIDDLE, 2, Mix::Read),
            ours(MIDDLE, 1, Mix::Read),
            1.15,
        ),
        mixed("quick_cache", 0.85),
        mixed("papaya", 0.50),
        (
            format!("n = {SMALL}, 90/10, 2 threads, p99.9: edgecmp / moka"),
            tail("edgecmp"),
            tail("moka"),
            0.25,
        ),
        ("one hot key: edgecmp, 2 threads / 1 thread".to_owned(), hot("edgecmp", 2), hot("edgecmp", 1), 1.30),
        (
            "one hot key, 2 threads: edgecmp / quick_cache".to_owned(),
            hot("edgecmp", 2),
            hot("quick_cache", 2),
            0.30,
        ),
        (
            format!("n = {MIDDLE}, a key: get_many of 32 / lookup"),
            point("edgecmp_get_many_32", MIDDLE, 1, Mix::Read),
            ours(MIDDLE, 1, Mix::Read),
            0.45,
        ),
        read(LARGE, "two_miss", 1.25),
        read(LARGE, "quick_cache", 0.60),
        read(LARGE, "papaya", 0.95),
    ];
    let mut bars: Vec<Bar> = ratios
        .into_iter()
        .map(|(text, above, below, limit)| {
            let figure = above.value(results).zip(below.value(results)).map(|(above, below)| above / below);
            let is_undisturbed = [above, below].iter().all(|point| point.is_undisturbed(results));
            // No round of one of its parts was.
            let note = if figure.is_none() || is_undisturbed { "" } else { "busy machine: says little" };
            Bar { note: note.to_owned(), ..Bar::new(text, limit, figure) }
        })
        .collect();
    bars.push(Bar::new(
        format!("n = {MIDDLE}: bytes of overhead per entry, keys of 32 bytes"),
        100.0,
        results.footprint(MIDDLE, "edgecmp").map(|footprint| footprint.allocated),
    ));
    bars
}

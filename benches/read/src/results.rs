//! What was measured, and its medians.

use std::collections::BTreeMap;

use bench_common::quantile::{median, range};

use crate::cell::{Cell, Mix};
use crate::measure::Figure;
use crate::memory::Footprint;

/// Medians over the rounds that nothing disturbed; over all if there is none
/// such. Two threads that take turns on a busy processor do not contend: what
/// they show then is not what was asked.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Rounds that nothing disturbed.
    pub undisturbed: usize,
    pub rounds: usize,
    pub ns: f64,
    pub min: f64,
    pub max: f64,
    pub p99: f64,
    pub p999: f64,
}

#[derive(Default)]
pub struct Results {
    figures: BTreeMap<(usize, Cell, &'static str), Vec<Figure>>,
    footprints: BTreeMap<(usize, &'static str), Footprint>,
    /// Measurements during which somebody else had part of the processor.
    pub disturbed: usize,
}

impl Results {
    pub fn add(&mut self, n: usize, cell: Cell, name: &'static str, figure: Figure) {
        self.figures.entry((n, cell, name)).or_default().push(figure);
    }

    pub fn add_footprint(&mut self, n: usize, name: &'static str, footprint: Footprint) {
        self.footprints.insert((n, name), footprint);
    }

    pub fn footprint(&self, n: usize, name: &str) -> Option<Footprint> {
        // One cache, three calls.
        let name = if name.starts_with("edgecmp_get") { "edgecmp" } else { name };
        self.footprints.iter().find(|((at, of), _)| *at == n && *of == name).map(|(_, footprint)| *footprint)
    }

    pub fn row(&self, n: usize, threads: usize, mix: Mix, name: &str) -> Option<Row> {
        let cell = Cell { threads, mix };
        let found = self.figures.iter().find(|((at, of, is), _)| (*at, *of, *is) == (n, cell, name));
        found.map(|(_, figures)| Row::of(figures))
    }

    /// All rows, cell by cell.
    pub fn rows(&self) -> impl Iterator<Item = (usize, Cell, &'static str, Row)> {
        self.figures.iter().map(|((n, cell, name), figures)| (*n, *cell, *name, Row::of(figures)))
    }

    /// Footprints of `n` keys, the smallest first.
    pub fn footprints(&self, n: usize) -> Vec<(&'static str, Footprint)> {
        let here = self.footprints.iter().filter(|((at, _), _)| *at == n);
        let mut sorted: Vec<_> = here.map(|((_, name), footprint)| (*name, *footprint)).collect();
        sorted.sort_by(|a, b| a.1.allocated.total_cmp(&b.1.allocated));
        sorted
    }

    /// Reads that found nothing, by name.
    pub fn missed(&self) -> Vec<(&'static str, u64)> {
        let mut missed: BTreeMap<&str, u64> = BTreeMap::new();
        for ((_, _, name), figures) in &self.figures {
            *missed.entry(name).or_default() += figures.iter().map(|figure| figure.misses).sum::<u64>();
        }
        missed.into_iter().filter(|(_, misses)| *misses > 0).collect()
    }
}

impl Row {
    fn of(figures: &[Figure]) -> Self {
        let clean: Vec<Figure> = figures.iter().copied().filter(Figure::is_undisturbed).collect();
        let (undisturbed, rounds) = (clean.len(), figures.len());
        let figures = if clean.is_empty() { figures } else { &clean };
        let of = |field: fn(&Figure) -> f64| figures.iter().map(field);
        let (min, max) = range(of(|figure| figure.ns));
        Self {
            undisturbed,
            rounds,
            ns: median(of(|figure| figure.ns)),
            min,
            max,
            p99: median(of(|figure| figure.p99)),
            p999: median(of(|figure| figure.p999)),
        }
    }
}

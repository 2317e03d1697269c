//! All that can be measured, by name.

use crate::args::Args;
use crate::cell::{Cell, Effort, LARGE, Mix};
use crate::measure::{self, Figure, Load};
use crate::memory::{self, Footprint};
use crate::peers::edgecmp::{Get, Lookup, Many};
use crate::peers::{
    dashmap, edgecmp_store, foyer, hashmap, moka, papaya, quick_cache, scc, two_miss, two_miss_huge,
};
use crate::subject::Subject;

/// A filled implementation. Called once a measurement; the loops within are
/// compiled for each.
pub trait Runner: Send + Sync {
    fn name(&self, mix: Mix) -> &'static str;
    fn measures(&self, cell: Cell) -> bool;
    fn measure(&self, cell: Cell, load: &Load, effort: Effort, turn: usize) -> Figure;
}

struct Of<S>(S);

impl<S: Subject> Runner for Of<S> {
    fn name(&self, mix: Mix) -> &'static str {
        if mix.write_percent() > 0 { S::NAME_IN_MIXES } else { S::NAME }
    }

    fn measures(&self, cell: Cell) -> bool {
        cell.threads <= S::THREADS && (S::WRITES || cell.mix.write_percent() == 0)
    }

    fn measure(&self, cell: Cell, load: &Load, effort: Effort, turn: usize) -> Figure {
        measure::subject(&self.0, cell, load, effort, turn)
    }
}

struct OfMany(Many);

impl Runner for OfMany {
    fn name(&self, _mix: Mix) -> &'static str {
        Many::NAME
    }

    fn measures(&self, cell: Cell) -> bool {
        cell == Cell { threads: 1, mix: Mix::Read }
    }

    fn measure(&self, _cell: Cell, load: &Load, effort: Effort, turn: usize) -> Figure {
        measure::many(&self.0, load, effort, turn)
    }
}

/// An implementation that is not filled yet.
pub struct Listing {
    pub name: &'static str,
    pub package: &'static str,
    pub read: &'static str,
    pub note: &'static str,
    /// The names of what it is measured as.
    pub runs: &'static [&'static str],
    /// Measured beyond [`LARGE`] too, where few fit into memory side by side.
    pub large: bool,
    pub footprint: fn(usize) -> Footprint,
    fill: fn(usize) -> Vec<Box<dyn Runner>>,
}

fn listing<S: Subject>(large: bool) -> Listing {
    Listing { fill: |n| vec![Box::new(Of(S::filled(n)))], ..listed::<S>(large) }
}

fn listed<S: Subject>(large: bool) -> Listing {
    Listing {
        name: S::NAME,
        package: S::CRATE,
        read: S::READ,
        note: S::NOTE,
        runs: &[S::NAME],
        large,
        footprint: memory::footprint::<S>,
        fill: |_| Vec::new(),
    }
}

/// The names of all that can be asked for.
pub fn names() -> Vec<&'static str> {
    all().iter().flat_map(|listing| listing.runs).copied().collect()
}

/// edgecmp's calls share one cache.
fn edgecmp(n: usize) -> Vec<Box<dyn Runner>> {
    let lookup = Lookup::filled(n);
    let (get, many) = (Of(lookup.get()), OfMany(lookup.many()));
    vec![Box::new(Of(lookup)), Box::new(get), Box::new(many)]
}

pub fn all() -> Vec<Listing> {
    vec![
        listing::<two_miss::TwoMiss>(true),
        listing::<two_miss_huge::TwoMissHuge>(true),
        listing::<hashmap::Map>(false),
        Listing { runs: &[Lookup::NAME, Get::NAME, Many::NAME], fill: edgecmp, ..listed::<Lookup>(true) },
        listing::<edgecmp_store::EdgecmpStore>(false),
        listing::<quick_cache::QuickCache>(true),
        listing::<papaya::Papaya>(true),
        listing::<dashmap::Dash>(false),
        listing::<scc::Scc>(false),
        listing::<moka::Moka<std::hash::RandomState>>(false),
        listing::<moka::Moka<crate::peers::Hasher>>(false),
        listing::<foyer::Foyer>(false),
    ]
}

/// Fills what the arguments ask for with `n` keys; `count` takes what it needs.
pub fn filled(args: &Args, n: usize, mut count: impl FnMut(&Listing, Footprint)) -> Vec<Box<dyn Runner>> {
    all()
        .iter()
        .filter(|listing| n <= LARGE || listing.large)
        .filter(|listing| listing.runs.iter().any(|name| args.wants(name)))
        .flat_map(|listing| {
            let started = std::time::Instant::now();
            let (runners, footprint) = memory::counted(n, || (listing.fill)(n));
            eprintln!("  filled {} in {:.1} s", listing.name, started.elapsed().as_secs_f64());
            count(listing, footprint);
            runners.into_iter().filter(|runner| args.wants(runner.name(Mix::Read)))
        })
        .collect()
}

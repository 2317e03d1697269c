//! The measured loops.
//!
//! Every 64th operation is timed by itself, between two fenced reads of the
//! time stamp counter; what such a pair shows for nothing at all is subtracted,
//! from the operation and from the loop it is part of. These samples give p99
//! and p99.9; the mean of the whole loop gives ns/op. They are latencies of
//! single operations, not means of batches.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use bench_common::keys::{Stream, VALUE, value};
use bench_common::{processor, quantile, ticks};

use crate::cell::{Cell, Effort, Mix};
use crate::peers::edgecmp::Many;
use crate::subject::{Hits, Subject};

const SAMPLE_EVERY: usize = 64;

/// The outcome of one measurement.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub ns: f64,
    pub p99: f64,
    pub p999: f64,
    /// Reads that found nothing. There must be none.
    pub misses: u64,
    /// The least share of the processor that one of the threads had.
    pub cpu_share: f64,
}

impl Figure {
    /// Below this share of a processor something else ran meanwhile.
    const UNDISTURBED: f64 = 0.97;

    /// Whether each thread had a processor to itself.
    pub fn is_undisturbed(&self) -> bool {
        self.cpu_share >= Self::UNDISTURBED
    }
}

/// What one thread did.
#[derive(Default)]
struct Work {
    samples: Vec<u64>,
    misses: u64,
    wall: Duration,
    cpu: Duration,
}

/// The stream a cell reads from.
pub struct Load {
    pub zipf: Stream,
    pub hot: Stream,
}

impl Load {
    fn stream(&self, mix: Mix) -> &Stream {
        if mix == Mix::Hot { &self.hot } else { &self.zipf }
    }
}

/// Measures a subject in a cell.
pub fn subject<S: Subject>(subject: &S, cell: Cell, load: &Load, effort: Effort, turn: usize) -> Figure {
    let stream = load.stream(cell.mix);
    let percent = cell.mix.write_percent();
    let run = |start, ops, work: &mut Work| match cell.mix {
        Mix::Overlapped => operations::<S, false>(subject, stream, start, ops, percent, work),
        _ => operations::<S, true>(subject, stream, start, ops, percent, work),
    };
    threads(cell.threads, stream.draws(), effort, turn, run, 1)
}

/// Measures the batch call, a key.
pub fn many(many: &Many, load: &Load, effort: Effort, turn: usize) -> Figure {
    let run = |start, ops, work: &mut Work| batches(many, &load.zipf, start, ops / Many::BATCH, work);
    threads(1, load.zipf.draws(), effort, turn, run, Many::BATCH)
}

fn operations<S: Subject, const CHAIN: bool>(
    subject: &S,
    stream: &Stream,
    start: usize,
    ops: usize,
    write_percent: u8,
    work: &mut Work,
) {
    let nothing = black_box(0u64);
    let replacement: [u8; VALUE] = value(black_box(7));
    let hits = Hits::default();
    let (mut last, mut sum, mut misses) = (0u64, 0u64, 0u64);
    let mut operation = |i: usize| {
        let key = stream.key(i, if CHAIN { last & nothing } else { 0 });
        if write_percent > 0 && stream.is_write(i, write_percent) {
            subject.write(key, &replacement);
        } else {
            last = subject.read(key, &hits);
            misses += u64::from(last == 0);
            sum = sum.wrapping_add(last);
        }
    };
    for block in (start..start + ops).step_by(SAMPLE_EVERY) {
        for i in block..block + SAMPLE_EVERY - 1 {
            operation(i);
        }
        let began = ticks::fenced();
        operation(block + SAMPLE_EVERY - 1);
        work.samples.push(ticks::fenced() - began);
    }
    black_box((sum, hits.get()));
    work.misses += misses;
}

fn batches(many: &Many, stream: &Stream, start: usize, batches: usize, work: &mut Work) {
    let nothing = black_box(0u64);
    let mut last = 0u64;
    for batch in 0..batches {
        let at = start + batch * Many::BATCH;
        let keys = std::array::from_fn(|i| stream.key(at + i, last & nothing));
        let began = ticks::fenced();
        last = many.read(&keys);
        work.samples.push(ticks::fenced() - began);
        work.misses += u64::from(last == 0);
    }
    black_box(last);
}

/// Runs the same loop in all threads at once, each on its own core and its own
/// part of the stream: first to warm up, then, together, to be measured.
fn threads(
    threads: usize,
    stream: usize,
    effort: Effort,
    turn: usize,
    run: impl Fn(usize, usize, &mut Work) + Sync,
    keys_per_sample: usize,
) -> Figure {
    let barrier = Barrier::new(threads);
    let works: Vec<Work> = std::thread::scope(|scope| {
        let (run, barrier) = (&run, &barrier);
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    // Where it fails the run is only noisier.
                    let _ = processor::pin(thread);
                    let mut work = Work::default();
                    let start = thread * stream / threads + turn * (effort.warm + effort.ops);
                    run(start, effort.warm, &mut work);
                    work.samples.clear();
                    barrier.wait();
                    let (cpu, wall) = (processor::thread_cpu(), Instant::now());
                    run(start + effort.warm, effort.ops, &mut work);
                    (work.wall, work.cpu) = (wall.elapsed(), processor::thread_cpu() - cpu);
                    work
                })
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().expect("a measured loop does not panic")).collect()
    });
    figure(works, effort.ops, keys_per_sample)
}

fn figure(works: Vec<Work>, ops: usize, keys_per_sample: usize) -> Figure {
    let (rate, cost) = (ticks::ticks_per_nano(), ticks::timing_cost());
    let mut figure = Figure { ns: 0.0, p99: 0.0, p999: 0.0, misses: 0, cpu_share: 1.0 };
    let threads = works.len() as f64;
    let mut samples = Vec::new();
    for work in works {
        let timing = work.samples.len() as f64 * cost as f64 / rate;
        figure.ns += (work.wall.as_nanos() as f64 - timing) / ops as f64 / threads;
        figure.misses += work.misses;
        figure.cpu_share = figure.cpu_share.min(work.cpu.as_secs_f64() / work.wall.as_secs_f64());
        samples.extend(work.samples);
    }
    samples.sort_unstable();
    let percentile = |share: f64| {
        let ticks = quantile::nearest(&samples, share).unwrap_or(0);
        ticks.saturating_sub(cost) as f64 / rate / keys_per_sample as f64
    };
    (figure.p99, figure.p999) = (percentile(0.99), percentile(0.999));
    figure
}

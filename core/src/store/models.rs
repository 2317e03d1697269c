//! Model checking: loom runs each model through all interleavings of its
//! threads, and all values that weak memory lets each load see, with at most
//! [`PREEMPTIONS`] switches of threads that nothing forced. `make model`.
//!
//! In a model a block is marked in place of being freed, by a write that loom
//! holds against every access to the block: one that does not come *before* it,
//! by the orderings that the code asks for, fails the model; so it is not only
//! the interleaving that is judged.
//!
//! Tables have buckets of two slots, and every change looks at the readers.

mod reclaiming;
mod sabotage;
mod shard;

use loom::model::Builder;

/// Forced switches; more find little (Musuvathi and Qadeer, 2007).
const PREEMPTIONS: usize = 6;

fn model(preemptions: usize, threads: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 20_000;
    builder.check(threads);
}

//! The world of one run: virtual time, tasks, chance, and a record of what
//! happened. One thread steps through it; a seed decides every step.

mod record;
mod schedule;
mod sleep;

use std::sync::{Arc, Mutex, MutexGuard};

pub use schedule::Owner;
pub use sleep::Sleep;

use crate::fault::Fault;
use crate::rng::Rng;
use record::Recorder;
pub use record::Tally;
use schedule::Schedule;

/// Virtual nanoseconds of the machine's boot clock: the truth of a run.
pub type Nanos = u64;

/// One microsecond.
pub const US: Nanos = 1_000;
/// One millisecond.
pub const MS: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// Runs start here, not at 0: ages and outage bounds reach back in time.
const BEGINNING: Nanos = 1_000 * SECOND;

/// Shared by all parts of a run. Everything in it is behind one lock, which is
/// never held while foreign code runs (polls, wake-ups, drops).
#[derive(Debug)]
pub struct World {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    /// What timers run by; stands still in suspend.
    monotonic: Nanos,
    /// How much longer the boot clock has run.
    suspended: Nanos,
    /// Time in which nobody could run though somebody should have.
    paused: Nanos,
    schedule: Schedule,
    recorder: Recorder,
    rates: [u64; Fault::ALL.len()],
}

impl World {
    /// A world in which nothing goes wrong yet. `traced`: keep the trace, not only its digest.
    #[must_use]
    pub fn new(seed: u64, traced: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                rng: Rng::new(seed),
                monotonic: BEGINNING,
                suspended: 0,
                paused: 0,
                schedule: Schedule::default(),
                recorder: Recorder::new(traced),
                rates: [0; Fault::ALL.len()],
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no step panics while it holds the world")
    }

    /// The true time. Each look takes a moment, so that instants differ; not
    /// always, because equal instants are an edge case of its own.
    pub fn now(&self) -> Nanos {
        let mut state = self.state();
        let moment = state.rng.below(60);
        state.monotonic += moment;
        state.monotonic + state.suspended
    }

    /// The machine sleeps for so long.
    pub fn suspend(&self, nanos: Nanos) {
        let mut state = self.state();
        state.suspended += nanos;
        state.paused += nanos;
    }

    /// Nobody runs for so long.
    pub fn pause(&self, nanos: Nanos) {
        let mut state = self.state();
        state.monotonic += nanos;
        state.paused += nanos;
    }

    /// All time until now in which tasks of `owner` could not run though they
    /// should have: what a deadline cannot be blamed for.
    pub fn excused(&self, owner: Owner) -> Nanos {
        let state = self.state();
        state.paused + state.schedule.stalled_for(owner, state.monotonic)
    }

    /// Draws from the run's chance.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut self.state().rng)
    }

    /// How often a fault happens from now on, per mille.
    pub fn set_rate(&self, fault: Fault, per_mille: u64) {
        self.state().rates[fault as usize] = per_mille;
    }

    /// From now on nothing goes wrong.
    pub fn calm(&self) {
        self.state().rates = [0; Fault::ALL.len()];
    }

    /// Whether this fault happens on this occasion; counts it if so.
    pub fn strikes(&self, fault: Fault) -> bool {
        let mut state = self.state();
        let rate = state.rates[fault as usize];
        let strikes = rate > 0 && state.rng.chance(rate);
        if strikes {
            state.recorder.count(fault.name());
        }
        strikes
    }

    /// Counts something that happened.
    pub fn count(&self, what: &'static str) {
        self.state().recorder.count(what);
    }

    /// Adds a line to the trace.
    pub fn trace(&self, line: std::fmt::Arguments<'_>) {
        let mut state = self.state();
        let now = state.monotonic + state.suspended;
        state.recorder.line(now, line);
    }

    /// Notes a broken invariant; the run goes on, so that the trace shows what follows.
    pub fn fail(&self, why: std::fmt::Arguments<'_>) {
        let state = self.state();
        let now = state.monotonic + state.suspended;
        drop(state);
        self.fail_at(now, why);
    }

    /// Notes an invariant that was broken earlier.
    pub fn fail_at(&self, at: Nanos, why: std::fmt::Arguments<'_>) {
        let recorder = &mut self.state().recorder;
        recorder.line(at, format_args!("FAILED {why}"));
        recorder.failures.push((at, format!("at {at} ns: {why}")));
    }

    /// Broken invariants so far, and when they were noticed.
    pub fn failures(&self) -> Vec<(Nanos, String)> {
        self.state().recorder.failures.clone()
    }

    /// What happened how often.
    pub fn tally(&self) -> Tally {
        self.state().recorder.tally.clone()
    }

    /// The trace, and a digest of it and of every step.
    pub fn trace_text(&self) -> (String, u64) {
        self.state().recorder.text()
    }
}

/// Adds a line to a world's trace.
#[macro_export]
macro_rules! trace {
    ($world:expr, $($argument:tt)*) => { $world.trace(format_args!($($argument)*)) };
}

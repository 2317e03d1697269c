//! The line: where misses gather that go to the origin in one compare.
//!
//! A miss that comes while the origin is not being asked goes at once. While
//! requests of other reads are in progress it waits a moment for company, up to
//! half of what a request takes, the longer the more are in progress; and when
//! the gate has no place, or the ramp after an outage no slot, until there is
//! one. So many cold keys that are read at once cost few requests, and one key
//! that is read alone costs no wait. Batching by backpressure is what TCP does
//! with small segments (Nagle, RFC 896); here the wait has a bound besides.
//!
//! Each group that joins starts a task for each batch it may need. One of them
//! at a time has its turn, and takes whoever stands in the line by then; who
//! finds nobody left has nothing to do.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Node;
use super::ask::{Cleared, clear_line, overloaded, refused};
use super::compare::{carry, fail_all};
use super::install::Purpose;
use super::refresh::rescue;
use crate::coordination::flight::Place;
use crate::coordination::gate::refusal;
use crate::facts::clock::{Instant, saturating_nanos};
use crate::facts::error::{Code, Error};
use crate::facts::trace::TraceContext;

/// Requests of reads in progress from which on others gather.
const FEW: u64 = 2;
/// Timers are no finer.
const TIMER: Duration = Duration::from_millis(1);

/// Misses that wait for their request, and what is known of those under way.
#[derive(Debug)]
pub struct Line {
    waiting: Mutex<Waiting>,
    turn: Semaphore,
    in_progress: AtomicU64,
    /// What a request takes, smoothed, in nanoseconds.
    takes: AtomicU64,
}

#[derive(Debug)]
struct Waiting {
    places: VecDeque<(Place, Option<TraceContext>)>,
    /// Those that nobody waits for: what the others leave of a request is theirs.
    behind: VecDeque<Place>,
    groups: u64,
    /// When the next request goes, if that has to wait for a slot.
    slot: Option<Instant>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                places: VecDeque::new(),
                behind: VecDeque::new(),
                groups: 0,
                slot: None,
            }),
            turn: Semaphore::new(1),
            in_progress: AtomicU64::new(0),
            takes: AtomicU64::new(0),
        }
    }
}

impl Line {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn length(&self) -> usize {
        let waiting = self.waiting();
        waiting.places.len() + waiting.behind.len()
    }

    /// When the next request goes, if it is known, and waits for that.
    pub fn slot(&self) -> Option<Instant> {
        self.waiting().slot
    }

    /// The first of the line, at most `most`; a trace of one of them.
    fn take(&self, most: usize) -> (Vec<Place>, Option<TraceContext>) {
        let mut waiting = self.waiting();
        let count = most.min(waiting.places.len());
        let mut trace = None;
        let places = waiting.places.drain(..count).map(|(place, of_place)| {
            trace = trace.take().or(of_place);
            place
        });
        let mut places: Vec<_> = places.collect();
        let count = (most - count).min(waiting.behind.len());
        places.extend(waiting.behind.drain(..count));
        waiting.slot = None;
        (places, trace)
    }

    /// The next request goes at `slot`. Takes those whose readers will have given up by
    /// then: they are told so at once.
    fn take_hopeless(&self, slot: Instant) -> Vec<Place> {
        let in_vain = |place: &Place| (Instant::from_nanos(1)..slot).contains(&place.wanted_until());
        let mut waiting = self.waiting();
        waiting.slot = Some(slot);
        let (left, kept): (Vec<_>, _) =
            std::mem::take(&mut waiting.places).into_iter().partition(|(place, _)| in_vain(place));
        waiting.places = kept.into_iter().collect();
        let (left_behind, kept): (Vec<_>, _) =
            std::mem::take(&mut waiting.behind).into_iter().partition(in_vain);
        waiting.behind = kept.into_iter().collect();
        left.into_iter().map(|(place, _)| place).chain(left_behind).collect()
    }

    /// How long to wait for company.
    fn gathering(&self, longest: Duration) -> Duration {
        let others = self.in_progress.load(Ordering::Relaxed);
        let takes = Duration::from_nanos(self.takes.load(Ordering::Relaxed));
        gathering(others, takes).min(longest)
    }

    fn took(&self, took: Duration) {
        let took = saturating_nanos(took);
        let before = self.takes.load(Ordering::Relaxed);
        let now = if before == 0 { took } else { before - before / 8 + took / 8 };
        self.takes.store(now, Ordering::Relaxed);
    }
}

/// An eighth of what a request takes for each other one but the first, at most half.
fn gathering(others: u64, takes: Duration) -> Duration {
    if others < FEW {
        return Duration::ZERO;
    }
    let wait = takes * u32::try_from((others - 1).min(4)).unwrap_or(4) / 8;
    // It would become as long as a timer can be short: many times the request.
    if wait < TIMER { Duration::ZERO } else { wait }
}

/// Puts the places in the line. Callable from any thread. `behind`: nobody waits for them.
pub fn join(node: &Arc<Node>, places: Vec<Place>, trace: Option<&TraceContext>, behind: bool) {
    let batches = places.len().div_ceil(node.policy.compare_batch);
    let mut waiting = node.line.waiting();
    if node.gate.is_full(waiting.groups) {
        drop(waiting);
        return fail_all(places, &overloaded(node, node.gate.full()).error);
    }
    waiting.groups += batches as u64;
    match behind {
        true => waiting.behind.extend(places),
        false => waiting.places.extend(places.into_iter().map(|place| (place, trace.cloned()))),
    }
    drop(waiting);
    for _ in 0..batches {
        let group = Group { node: Arc::clone(node), served: false };
        // A refused task is dropped, and its group gives up the line.
        let _ = node.env.spawn(Box::pin(serve(group)));
    }
}

/// One of a group's tasks.
struct Group {
    node: Arc<Node>,
    served: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut waiting = self.node.line.waiting();
        waiting.groups -= 1;
        // Tasks are dropped when the environment closes: nobody is served any more.
        let left = (!self.served)
            .then(|| (std::mem::take(&mut waiting.places), std::mem::take(&mut waiting.behind)));
        drop(waiting);
        drop(left);
    }
}

async fn serve(mut group: Group) {
    let node = Arc::clone(&group.node);
    let batch = node.policy.compare_batch;
    // Never closed.
    let turn = node.line.turn.acquire().await;
    let length = node.line.length();
    if length == 0 {
        // Who comes from now on brings a task along.
        group.served = true;
        return;
    }
    let gathering = node.line.gathering(node.policy.gather_wait);
    if length < batch && !gathering.is_zero() {
        node.env.sleep_until(node.now().after(gathering)).await;
    }
    let cleared = clear_line(&node, |slot| {
        fail_all(node.line.take_hopeless(slot), &refused(&node, refusal(slot, node.now())).error);
    });
    let cleared = cleared.await;
    // Who is refused is told so at once, and so are all others: a probe is for one.
    let all = cleared.as_ref().map_or(true, Cleared::is_probe);
    let (places, trace) = node.line.take(if all { usize::MAX } else { batch });
    drop(turn);
    group.served = true;
    drop(group);
    let mut places = still_wanted(&node, places);
    if !all && !places.is_empty() && !node.gate.is_calm() {
        places.extend(rescue(&node, batch.saturating_sub(places.len())));
    }
    match cleared {
        Err(error) => fail_all(places, &error.error),
        Ok(_) if places.is_empty() => {}
        Ok(cleared) => {
            let _in_progress = InProgress::begin(&node);
            carry(&node, places, trace, Purpose::Wanted, cleared).await;
        }
    }
}

/// Work that nobody waits for any more is what an origin in trouble needs least.
fn still_wanted(node: &Node, places: Vec<Place>) -> Vec<Place> {
    let now = node.now();
    let (left, wanted) = places.into_iter().partition(|place: &Place| place.is_abandoned(now));
    let error = Error::new(Code::DeadlineExceeded, "every read gave up before the origin could be asked");
    fail_all(left, &error);
    wanted
}

/// A request of reads, while it is under way.
struct InProgress<'a> {
    node: &'a Node,
    began: Instant,
}

impl<'a> InProgress<'a> {
    fn begin(node: &'a Node) -> Self {
        node.line.in_progress.fetch_add(1, Ordering::Relaxed);
        Self { node, began: node.now() }
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.node.line.in_progress.fetch_sub(1, Ordering::Relaxed);
        self.node.line.took(self.node.now().since(self.began));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_alone_does_not_wait_and_nobody_waits_for_more_than_half_a_request() {
        let takes = Duration::from_millis(80);
        let waits: Vec<_> = (0..8).map(|others| gathering(others, takes).as_millis()).collect();
        assert_eq!(waits, [0, 0, 10, 20, 30, 40, 40, 40]);
        assert_eq!(gathering(2, Duration::from_millis(7)), Duration::ZERO);
    }
}

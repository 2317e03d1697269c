//! The executor: which task runs next, and when time moves on.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::{Nanos, US, World};

/// Whose task it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The simulation itself: clients, network, origin.
    Harness,
    /// The runtime of this cache: what core spawned.
    Cache(u32),
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
pub(super) struct Schedule {
    tasks: BTreeMap<u64, Entry>,
    next_task: u64,
    /// Tasks to be polled, in no order: one of them is drawn.
    ready: Vec<u64>,
    timers: BTreeMap<(Nanos, u64), Waker>,
    next_timer: u64,
    caches: BTreeMap<Owner, Runtime>,
}

struct Entry {
    owner: Owner,
    /// Out while it is polled.
    task: Option<Task>,
    queued: bool,
    waker: Waker,
}

/// What has become of a cache's runtime.
#[derive(Default)]
struct Runtime {
    closed: bool,
    stalled_since: Option<Nanos>,
    stalled_for: Nanos,
    /// Tasks that would run if it were not stalled.
    held_back: Vec<u64>,
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedule").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

struct TaskWaker {
    world: Weak<World>,
    id: u64,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if let Some(world) = self.world.upgrade() {
            world.state().schedule.queue(self.id);
        }
    }
}

impl Schedule {
    fn queue(&mut self, id: u64) {
        if let Some(entry) = self.tasks.get_mut(&id)
            && !entry.queued
        {
            entry.queued = true;
            self.ready.push(id);
        }
    }

    pub fn set_timer(&mut self, until: Nanos, number: Option<u64>, waker: &Waker) -> u64 {
        let number = number.unwrap_or_else(|| {
            self.next_timer += 1;
            self.next_timer
        });
        self.timers.insert((until, number), waker.clone());
        number
    }

    pub fn clear_timer(&mut self, until: Nanos, number: u64) {
        self.timers.remove(&(until, number));
    }

    pub fn stalled_for(&self, owner: Owner, now: Nanos) -> Nanos {
        self.caches.get(&owner).map_or(0, |runtime| {
            runtime.stalled_for + runtime.stalled_since.map_or(0, |since| now.saturating_sub(since))
        })
    }
}

/// What a step found to do.
enum Turn {
    Poll(u64, Task, Waker),
    Timers(Vec<Waker>),
    Nothing,
}

impl World {
    /// Adds a task. False, and the task is dropped, once its owner is closed.
    pub fn spawn(self: &Arc<Self>, owner: Owner, task: impl Future<Output = ()> + Send + 'static) -> bool {
        let task: Task = Box::pin(task);
        let mut state = self.state();
        let schedule = &mut state.schedule;
        if schedule.caches.get(&owner).is_some_and(|runtime| runtime.closed) {
            drop(state);
            drop(task);
            return false;
        }
        let id = schedule.next_task;
        schedule.next_task += 1;
        let waker = Arc::new(TaskWaker { world: Arc::downgrade(self), id }).into();
        schedule.tasks.insert(id, Entry { owner, task: Some(task), queued: false, waker });
        schedule.queue(id);
        true
    }

    /// Ends a cache's runtime: its tasks are dropped, in no order, new ones refused.
    pub fn close_runtime(&self, owner: Owner) {
        let mut state = self.state();
        state.schedule.caches.entry(owner).or_default().closed = true;
        let mut ids: Vec<_> = state
            .schedule
            .tasks
            .iter()
            .filter(|(_, entry)| entry.owner == owner)
            .map(|(id, _)| *id)
            .collect();
        while !ids.is_empty() {
            let at = state.rng.below(ids.len() as u64) as usize;
            let gone = state.schedule.tasks.remove(&ids.swap_remove(at));
            drop(state);
            drop(gone);
            state = self.state();
        }
    }

    /// The runtime of a cache gets no processor until [`World::go_on`].
    pub fn stall(&self, owner: Owner) {
        let mut state = self.state();
        let now = state.monotonic;
        state.schedule.caches.entry(owner).or_default().stalled_since.get_or_insert(now);
    }

    /// Ends a stall.
    pub fn go_on(&self, owner: Owner) {
        let mut state = self.state();
        let now = state.monotonic;
        let schedule = &mut state.schedule;
        let runtime = schedule.caches.entry(owner).or_default();
        if let Some(since) = runtime.stalled_since.take() {
            runtime.stalled_for += now - since;
            schedule.ready.append(&mut runtime.held_back);
        }
    }

    /// Polls one ready task, or moves on to the next timer. False: there is nothing left to do.
    pub fn step(&self) -> bool {
        match self.next_turn() {
            Turn::Poll(id, mut task, waker) => {
                let polled = task.as_mut().poll(&mut Context::from_waker(&waker));
                let mut state = self.state();
                let left = match (polled, state.schedule.tasks.get_mut(&id)) {
                    (Poll::Pending, Some(entry)) => {
                        entry.task = Some(task);
                        None
                    }
                    // Ended; or closed while it was polled.
                    _ => Some((state.schedule.tasks.remove(&id), task)),
                };
                drop(state);
                drop(left);
                true
            }
            Turn::Timers(wakers) => {
                wakers.into_iter().for_each(Waker::wake);
                true
            }
            Turn::Nothing => false,
        }
    }

    fn next_turn(&self) -> Turn {
        let mut guard = self.state();
        let state = &mut *guard;
        while !state.schedule.ready.is_empty() {
            let at = state.rng.below(state.schedule.ready.len() as u64) as usize;
            let schedule = &mut state.schedule;
            let id = schedule.ready.swap_remove(at);
            let Some(entry) = schedule.tasks.get_mut(&id) else { continue };
            if let Some(runtime) = schedule.caches.get_mut(&entry.owner)
                && runtime.stalled_since.is_some()
            {
                runtime.held_back.push(id);
                continue;
            }
            entry.queued = false;
            if let Some(task) = entry.task.take() {
                let waker = entry.waker.clone();
                state.monotonic += state.rng.below(3 * US);
                state.recorder.step(id ^ state.monotonic.rotate_left(20));
                return Turn::Poll(id, task, waker);
            }
        }
        let Some((&(until, _), _)) = state.schedule.timers.first_key_value() else { return Turn::Nothing };
        state.monotonic = state.monotonic.max(until) + state.rng.below(2 * US);
        let later = state.schedule.timers.split_off(&(state.monotonic + 1, 0));
        let due = std::mem::replace(&mut state.schedule.timers, later);
        Turn::Timers(due.into_values().collect())
    }
}

//! The protocol of [`crate::store::reclaim`] alone: one link, one object.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, Ordering};
use loom::thread;

use super::{PREEMPTIONS, model};
use crate::facts::thread::be;
use crate::store::limbo::Limbo;
use crate::store::reclaim::Domain;

/// What readers look at. Freeing it is a write.
pub(super) struct Object(UnsafeCell<bool>);

impl Object {
    fn link() -> AtomicPtr<Self> {
        AtomicPtr::new(Self::leak())
    }

    /// Never really freed: a model that fails may look at it.
    fn leak() -> *mut Self {
        Box::leak(Box::new(Self(UnsafeCell::new(false))))
    }

    fn look(&self) {
        // SAFETY: loom fails the model if it is written meanwhile, before it is read.
        self.0.with(|freed| assert!(!unsafe { *freed }, "use after free"));
    }
}

pub(super) struct Unlinked(*mut Object);

impl Drop for Unlinked {
    fn drop(&mut self) {
        // SAFETY: objects are leaked; loom fails the model if others look at it.
        let object = unsafe { &*self.0 };
        // SAFETY: as above.
        object.0.with_mut(|freed| unsafe { *freed = true });
    }
}

/// Readers of one link, whose writer replaces what it leads to.
pub(super) struct World {
    domain: Domain,
    link: AtomicPtr<Object>,
}

impl World {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { domain: Domain::new(), link: Object::link() })
    }

    fn look(&self) {
        // SAFETY: objects are leaked, see `Object::leak`.
        unsafe { &*self.link.load(Ordering::Acquire) }.look();
    }

    pub(super) fn read(&self) {
        let guard = self.domain.pin();
        self.look();
        drop(guard);
    }

    pub(super) fn unlink(&self, limbo: &mut Limbo<Unlinked>) {
        let old = self.link.swap(Object::leak(), Ordering::AcqRel);
        limbo.retire(&self.domain, Unlinked(old), 1);
    }

    /// As another shard looks at the readers.
    pub(super) fn look_at_readers(&self) -> u64 {
        self.domain.oldest_pin()
    }

    fn collect_by_the_last_look<T>(&self, limbo: &mut Limbo<T>) {
        limbo.collect(&self.domain, &mut Vec::new());
    }

    pub(super) fn collect<T>(&self, limbo: &mut Limbo<T>) {
        self.look_at_readers();
        self.collect_by_the_last_look(limbo);
    }
}

/// Spawns a thread of this number.
pub(super) fn spawn(number: usize, run: impl FnOnce() + 'static) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        be(number);
        run();
    })
}

fn spawn_reader(world: &Arc<World>) -> thread::JoinHandle<()> {
    let world = Arc::clone(world);
    spawn(1, move || world.read())
}

/// And beside it who looks at the readers meanwhile.
fn reader_and_another_shard(world: &Arc<World>) -> (thread::JoinHandle<()>, thread::JoinHandle<()>) {
    let looking = Arc::clone(world);
    (spawn_reader(world), spawn(2, move || _ = looking.look_at_readers()))
}

pub(super) fn reader_beside_a_writer() {
    let world = World::new();
    let reader = spawn_reader(&world);
    let mut limbo = Limbo::default();
    world.unlink(&mut limbo);
    world.collect(&mut limbo);
    world.unlink(&mut limbo);
    world.collect(&mut limbo);
    reader.join().unwrap();
}

/// The epoch moves on between the writer's unlinking and its looking, by the
/// collection of another shard: the pin is later than the tag.
pub(super) fn another_shard_moves_the_epoch() {
    let world = World::new();
    let (reader, other) = reader_and_another_shard(&world);
    let mut limbo = Limbo::default();
    world.unlink(&mut limbo);
    world.collect(&mut limbo);
    reader.join().unwrap();
    other.join().unwrap();
}

#[test]
fn nobody_reads_what_was_freed() {
    model(PREEMPTIONS, reader_beside_a_writer);
}

#[test]
fn nor_when_another_shard_moves_the_epoch() {
    model(PREEMPTIONS, another_shard_moves_the_epoch);
}

/// A shard frees by what another's look at the readers said, without one of its own.
#[test]
fn what_another_shard_saw_serves_this_one_too() {
    model(PREEMPTIONS, || {
        let world = World::new();
        let (reader, other) = reader_and_another_shard(&world);
        let mut limbo = Limbo::default();
        world.unlink(&mut limbo);
        world.collect_by_the_last_look(&mut limbo);
        other.join().unwrap();
        world.collect_by_the_last_look(&mut limbo);
        reader.join().unwrap();
    });
}

/// The second pin may be all that the writer sees of the thread: what was read
/// under the first comes before the free all the same.
#[test]
fn what_was_read_under_an_earlier_guard_is_done() {
    model(PREEMPTIONS, || {
        let world = World::new();
        let reader = spawn(1, {
            let world = world.clone();
            move || {
                world.read();
                world.read();
            }
        });
        let mut limbo = Limbo::default();
        world.unlink(&mut limbo);
        world.collect(&mut limbo);
        reader.join().unwrap();
    });
}

#[test]
fn guards_within_guards_hold_until_the_last() {
    model(PREEMPTIONS, || {
        let world = World::new();
        let reader = spawn(1, {
            let world = world.clone();
            move || {
                world.read();
                let outer = world.domain.pin();
                // SAFETY: objects are leaked, see `Object::leak`.
                let found = unsafe { &*world.link.load(Ordering::Acquire) };
                let inner = world.domain.pin();
                world.look();
                drop(outer);
                found.look();
                drop(inner);
            }
        });
        let mut limbo = Limbo::default();
        world.unlink(&mut limbo);
        world.collect(&mut limbo);
        reader.join().unwrap();
    });
}

/// A thread ends, another gets its number, and with it its cell.
#[test]
fn a_number_that_is_given_on_brings_what_was_read() {
    model(PREEMPTIONS, || {
        let world = World::new();
        let free = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let first = spawn(1, {
            let (world, free) = (world.clone(), free.clone());
            move || {
                world.read();
                free.store(1, Ordering::Release);
            }
        });
        let second = spawn(2, {
            let world = world.clone();
            move || {
                if free.compare_exchange(1, 0, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                    be(1);
                    world.read();
                }
            }
        });
        let mut limbo = Limbo::default();
        world.unlink(&mut limbo);
        world.collect(&mut limbo);
        first.join().unwrap();
        second.join().unwrap();
    });
}

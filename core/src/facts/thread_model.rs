//! Thread numbers under model checking: loom's threads share one real thread
//! and its locals, so each model thread says which number is its own.

use std::cell::Cell;

/// Threads of a model.
pub const MAX_THREADS: usize = 3;

loom::thread_local! {
    static NUMBER: Cell<usize> = Cell::new(0);
}

/// This thread has this number from now on. To hand one on is the model's affair.
pub fn be(number: usize) {
    assert!(number < MAX_THREADS);
    NUMBER.with(|own| own.set(number));
}

/// All numbers given so far are below this.
pub fn high_water() -> usize {
    MAX_THREADS
}

/// The number of this thread.
pub fn number() -> Option<usize> {
    Some(NUMBER.with(Cell::get))
}

/// The number of this thread.
pub fn hold() -> usize {
    NUMBER.with(Cell::get)
}

/// Ends a [`hold`].
pub fn release(_number: usize) {}

/// A number that belongs to no thread; models have none of these.
#[derive(Debug)]
pub struct Number(());

impl Number {
    /// Not in models: all numbers are their threads'.
    pub fn take() -> Self {
        unreachable!("a model's numbers are its threads'")
    }

    /// The number.
    pub fn get(&self) -> usize {
        unreachable!("a model's numbers are its threads'")
    }
}

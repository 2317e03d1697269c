//! What is measured, ahead of what stands for other machines.
//!
//! Servers and probes run on this machine only because there is no other. They give
//! way to the caches, their reader and their origin: else a server that starts again
//! takes the processor from the reader, and is measured.

use std::sync::mpsc::{Sender, channel};

use bench_common::processor;

type Job = Box<dyn FnOnce() + Send>;

/// A thread of full priority. What it starts has full priority, too.
pub struct Foreground(Sender<Job>);

impl Foreground {
    /// From here on the calling thread, and what it starts, gives way.
    pub fn split() -> Self {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || jobs.into_iter().for_each(|job| job()));
        if let Err(error) = processor::give_way() {
            eprintln!("servers share the processors with readers as equals: {error}");
        }
        Self(sender)
    }

    /// Runs it there, and waits for it.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (told, outcome) = channel();
        self.0.send(Box::new(move || drop(told.send(job())))).expect("it lives as long as this");
        outcome.recv().expect("no job panics")
    }
}

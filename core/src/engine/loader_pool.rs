//! Threads for host origins that block: C callbacks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::signals::spawn_masked;
use crate::facts::error::{Code, Error, Result};
use crate::origin::callback::{HostOrigin, OriginCall};

/// Calls a blocking function for each origin call, on threads of its own
/// (named `edgecmp-ld`, all signals masked), at most `threads` at once.
pub struct LoaderPool {
    serve: Arc<dyn Fn(OriginCall) + Send + Sync>,
    threads: usize,
    writable: bool,
    state: Arc<Mutex<PoolState>>,
}

#[derive(Default)]
struct PoolState {
    waiting: VecDeque<OriginCall>,
    running: usize,
}

impl LoaderPool {
    /// A pool whose threads start when they are needed and end when idle.
    pub fn new(threads: usize, writable: bool, serve: Arc<dyn Fn(OriginCall) + Send + Sync>) -> Self {
        Self { serve, threads: threads.max(1), writable, state: Arc::default() }
    }

    fn start_thread(&self) -> Result<()> {
        let (serve, state) = (Arc::clone(&self.serve), Arc::clone(&self.state));
        let run = move || {
            loop {
                let next = {
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    let next = state.waiting.pop_front();
                    state.running -= usize::from(next.is_none());
                    next
                };
                match next {
                    // Nobody waits for the answer any more: spare the host the call.
                    Some(call) if call.responder.is_abandoned() => {}
                    Some(call) => serve(call),
                    None => return,
                }
            }
        };
        spawn_masked("edgecmp-ld", run)
            .map(drop)
            .map_err(|error| Error::new(Code::Internal, format!("can't start a loader thread: {error}")))
    }
}

impl std::fmt::Debug for LoaderPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoaderPool").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl HostOrigin for LoaderPool {
    fn call(&self, call: OriginCall) {
        let start = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.waiting.push_back(call);
            let start = state.running < self.threads;
            state.running += usize::from(start);
            start
        };
        if start && let Err(error) = self.start_thread() {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.running -= 1;
            // With no thread at all nobody would ever answer.
            let stranded =
                if state.running == 0 { std::mem::take(&mut state.waiting) } else { Default::default() };
            drop(state);
            for call in stranded {
                call.responder.fail(error.code(), error.message());
            }
        }
    }

    fn is_writable(&self) -> bool {
        self.writable
    }

    fn reopened_after_fork(&self) -> Option<Arc<dyn HostOrigin>> {
        Some(Arc::new(Self::new(self.threads, self.writable, Arc::clone(&self.serve))))
    }
}

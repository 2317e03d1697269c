//! A cache as one process has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use once_cell::race::OnceBox;

use super::pending::Pending;
use super::{WriteOptions, arguments, writing};
use crate::engine::runtime::Runtime;
use crate::facts::error::Result;
use crate::facts::fork;
use crate::facts::key::Key;
use crate::facts::receipt::WriteReceipt;
use crate::origin::Write;
use crate::work::Node;
use crate::work::write::Attempt;

/// What is open in the process of one fork generation.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) node: Arc<Node>,
    pub(super) runtime: Option<Arc<Runtime>>,
    generation: u32,
    closed: AtomicBool,
    /// The same cache in a forked child. Set without a lock, which a fork could freeze.
    in_child: OnceBox<Opened>,
}

impl Opened {
    pub(super) fn new(node: Node, runtime: Option<Arc<Runtime>>) -> Self {
        Self {
            node: Arc::new(node),
            runtime,
            generation: fork::generation(),
            closed: AtomicBool::new(false),
            in_child: OnceBox::new(),
        }
    }

    /// Whether it is of this process.
    #[inline]
    pub(super) fn is_own(&self) -> bool {
        self.generation == fork::generation()
    }

    /// In a forked child: the cache reopened there, empty. What the parent had
    /// open is neither used nor dropped.
    #[cold]
    pub(super) fn of_this_process(&self, reopen: impl Fn() -> Result<Self>) -> Result<&Self> {
        let mut last = self;
        while !last.is_own() {
            last = match last.in_child.get() {
                Some(opened) => opened,
                None => {
                    let opened = reopen()?;
                    opened.closed.store(last.is_closed(), Ordering::Release);
                    // If another thread of this child was first, its cache serves.
                    let _ = last.in_child.set(Box::new(opened));
                    continue;
                }
            };
        }
        Ok(last)
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn start_write(
        &self,
        key: &[u8],
        value: Option<Bytes>,
        options: &WriteOptions,
    ) -> Result<Pending<WriteReceipt>> {
        let key = Key::copy_from(arguments::check_key(&self.node.policy, "key", key)?);
        let (idempotency_key, timeout) = options.checked(&self.node)?;
        let deadline = self.node.now().after(timeout);
        let write = Write {
            key,
            value,
            idempotency_key,
            if_version: options.if_version,
            timeout,
            trace: options.trace.clone(),
        };
        let hold = self.runtime.as_ref().map(|runtime| runtime.hold());
        let attempt = match options.idempotency_key {
            Some(_) => Attempt::MayBeRepeated,
            None => Attempt::First,
        };
        self.node.start_background();
        let writing = writing::Writing::start(&self.node, write, attempt, deadline, hold)?;
        Ok(Pending::new(&self.node.env, deadline, Box::new(writing)))
    }

    pub(super) fn close(&self, timeout: Duration) -> bool {
        self.give_back(timeout);
        self.runtime.as_ref().is_none_or(|runtime| runtime.close(timeout))
    }

    pub(super) fn begin_close(&self, timeout: Duration) {
        self.give_back(timeout);
        if let Some(runtime) = &self.runtime {
            runtime.begin_close(timeout);
        }
    }

    /// Nothing is called any more; what others of the fleet would wait for is given back.
    fn give_back(&self, timeout: Duration) {
        if self.closed.swap(true, Ordering::AcqRel) || timeout.is_zero() || !self.node.has_started() {
            return;
        }
        let Some(runtime) = &self.runtime else { return };
        let (node, hold) = (Arc::clone(&self.node), runtime.hold());
        let give_back = async move {
            node.leases.close(&node.env, timeout).await;
            drop(hold);
        };
        // Refused only by an environment that has ended, and with it all it held.
        let _ = self.node.env.spawn(Box::pin(give_back));
    }

    /// Closes what this process opened. What a parent had open leaks: its
    /// threads are not here to give back the locks that dropping it would take.
    pub(super) fn end(&self) {
        if self.is_own() {
            self.close(Duration::ZERO);
        } else {
            std::mem::forget(Arc::clone(&self.node));
            std::mem::forget(self.runtime.clone());
        }
        if let Some(opened) = self.in_child.get() {
            opened.end();
        }
    }
}

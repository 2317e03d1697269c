//! The wait for a write.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::pending::Waiting;
use crate::engine::runtime::Hold;
use crate::facts::error::Result;
use crate::facts::key::Key;
use crate::facts::receipt::WriteReceipt;
use crate::facts::statistics::Stat;
use crate::origin::Write;
use crate::work::write::Attempt;
use crate::work::{Node, write};

const CLOSED: &str = "the cache was closed while it was under way";

/// A write in progress.
pub(super) struct Writing {
    node: Arc<Node>,
    key: Key,
    idempotency_key: Box<str>,
    outcome: oneshot::Receiver<Result<WriteReceipt>>,
}

impl Writing {
    /// Hands the write to the runtime. `hold` keeps a close waiting for it.
    pub(super) fn start(
        node: &Arc<Node>,
        asked: Write,
        attempt: Attempt,
        hold: Option<Hold>,
    ) -> Result<Self> {
        let (sender, outcome) = oneshot::channel();
        let writing = Self {
            node: Arc::clone(node),
            key: asked.key.clone(),
            idempotency_key: asked.idempotency_key.clone(),
            outcome,
        };
        let task = write::write(Arc::clone(node), asked, attempt);
        node.env.spawn(Box::pin(async move {
            // Who waited may have given up; the write itself goes on.
            let _ = sender.send(task.await);
            drop(hold);
        }))?;
        Ok(writing)
    }

    /// The outcome, if the write has ended in this very moment.
    fn now_or(&mut self, why: &str) -> Result<WriteReceipt> {
        self.outcome.try_recv().unwrap_or_else(|_| self.unknown(why))
    }

    fn unknown(&self, why: &str) -> Result<WriteReceipt> {
        write::unprove(&self.node, &self.key);
        self.node.counters.add(Stat::UnknownOutcomes);
        Err(write::unknown_outcome(&self.idempotency_key, why))
    }
}

impl Waiting<WriteReceipt> for Writing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<WriteReceipt>> {
        match std::task::ready!(Pin::new(&mut self.outcome).poll(cx)) {
            Ok(outcome) => Poll::Ready(outcome),
            Err(_) => Poll::Ready(self.unknown(CLOSED)),
        }
    }

    fn give_up(&mut self) -> Result<WriteReceipt> {
        self.now_or("no answer from the origin before the deadline")
    }

    fn closed(&mut self) -> Result<WriteReceipt> {
        self.now_or(CLOSED)
    }

    fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }
}

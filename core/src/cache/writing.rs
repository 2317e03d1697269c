//! The wait for a write.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::pending::Waiting;
use crate::engine::runtime::Hold;
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Result};
use crate::facts::key::Key;
use crate::facts::receipt::WriteReceipt;
use crate::facts::statistics::Stat;
use crate::origin::Write;
use crate::work::write::{Attempt, Progress};
use crate::work::{Node, write};

const CLOSED: &str = "the cache was closed while it was under way";
const CLOSED_BEFORE: (Code, &str) = (Code::Closed, "the cache was closed");

/// A write in progress.
pub(super) struct Writing {
    node: Arc<Node>,
    key: Key,
    idempotency_key: Box<str>,
    progress: Arc<Progress>,
    outcome: oneshot::Receiver<Result<WriteReceipt>>,
}

impl Writing {
    /// Hands the write to the runtime. `hold` keeps a close waiting for it.
    pub(super) fn start(
        node: &Arc<Node>,
        asked: Write,
        attempt: Attempt,
        deadline: Instant,
        hold: Option<Hold>,
    ) -> Result<Self> {
        let (sender, outcome) = oneshot::channel();
        let writing = Self {
            node: Arc::clone(node),
            key: asked.key.clone(),
            idempotency_key: asked.idempotency_key.clone(),
            progress: Arc::default(),
            outcome,
        };
        let progress = Arc::clone(&writing.progress);
        let task = write::write(Arc::clone(node), asked, attempt, deadline, progress);
        node.env.spawn(Box::pin(async move {
            // Who waited may have given up; the write itself goes on.
            let _ = sender.send(task.await);
            drop(hold);
        }))?;
        Ok(writing)
    }

    /// The outcome, if the write has ended in this very moment.
    fn now_or(&mut self, not_sent: (Code, &str), unknown: &str) -> Result<WriteReceipt> {
        self.outcome.try_recv().unwrap_or_else(|_| self.gone(not_sent, unknown))
    }

    /// Nobody can say what became of the write: withdrawn, if it was not sent.
    fn gone(&self, not_sent: (Code, &str), unknown: &str) -> Result<WriteReceipt> {
        if self.progress.withdraw() {
            self.progress.count_failure(&self.node, Stat::WritesFailed);
            return Err(write::not_sent(not_sent));
        }
        write::unprove(&self.node, &self.key);
        self.progress.count_failure(&self.node, Stat::UnknownOutcomes);
        Err(write::unknown_outcome(&self.idempotency_key, unknown))
    }
}

impl Waiting<WriteReceipt> for Writing {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<WriteReceipt>> {
        match std::task::ready!(Pin::new(&mut self.outcome).poll(cx)) {
            Ok(outcome) => Poll::Ready(outcome),
            Err(_) => Poll::Ready(self.gone(CLOSED_BEFORE, CLOSED)),
        }
    }

    fn give_up(&mut self) -> Result<WriteReceipt> {
        self.now_or(write::DEADLINE, "no answer from the origin before the deadline")
    }

    fn closed(&mut self) -> Result<WriteReceipt> {
        self.now_or(CLOSED_BEFORE, CLOSED)
    }

    fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }
}

//! The writer's thread: collect, commit, publish, answer.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use axum::http::StatusCode;
use rusqlite::{Transaction, TransactionBehavior};

use super::group::{Documents, Group, Staged};
use super::{Job, Outcome, Pending, sql};
use crate::clock;
use crate::database::Database;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::state::State;

/// Writes in one transaction.
const MAX_GROUP: usize = 512;
/// Bytes in one transaction: so that small writes do not wait long behind large ones.
const MAX_GROUP_BYTES: usize = 8 << 20;
/// How long the time of the last transaction may stay out of the database.
const RECORD_TIMES_AFTER: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(60);
/// How long answers are kept for retries.
const IDEMPOTENCY_MS: i64 = 24 * 60 * 60 * 1000;
/// More than one, so that old answers go faster than new ones come; few, so that no write waits long.
const PRUNED_PER_WRITE: usize = 4;

pub struct Worker {
    database: Database,
    state: Arc<State>,
    metrics: Arc<Metrics>,
    documents: Documents,
    /// Committed transactions whose visibility is not in the database: (first version, instant).
    unrecorded: Vec<(u64, u64)>,
}

impl Worker {
    pub fn new(database: Database, state: Arc<State>, metrics: Arc<Metrics>) -> Self {
        let documents = Documents::new();
        Self { database, state, metrics, documents, unrecorded: Vec::new() }
    }

    /// Until the last sender is gone.
    pub fn run(mut self, queue: &Receiver<Job>) {
        loop {
            let wait = if self.unrecorded.is_empty() { IDLE } else { RECORD_TIMES_AFTER };
            match queue.recv_timeout(wait) {
                Ok(first) => self.commit(first, queue),
                Err(RecvTimeoutError::Timeout) => {
                    self.record_times();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.record_times();
    }

    /// Does all that waits, in one transaction.
    fn commit(&mut self, first: Job, queue: &Receiver<Job>) {
        let mut writes = Vec::new();
        let mut watchers = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Write(pending) => {
                    bytes += pending.write.change.weight();
                    writes.push(*pending);
                }
                Job::RecordTimes(watcher) => watchers.push(watcher),
            }
            let room = writes.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES;
            next = if room { queue.try_recv().ok() } else { None };
        }
        if !writes.is_empty() {
            self.commit_writes(writes);
        }
        // Without an answer a watcher learns that it failed.
        if !watchers.is_empty() && self.record_times() {
            for watcher in watchers {
                // If this fails nobody waits any more.
                let _ = watcher.send(());
            }
        }
    }

    fn commit_writes(&mut self, writes: Vec<Pending>) {
        // Before the transaction: from here on the writes may become visible.
        let began_ns = clock::boottime_ns();
        let outcomes = match self.attempt(&writes, began_ns) {
            Ok((outcomes, staged)) => {
                self.publish(staged);
                outcomes
            }
            Err(error) => {
                eprintln!("edgecmp-origin: commit failed: {error}");
                vec![Err(failed(&error)); writes.len()]
            }
        };
        self.metrics.observe_commit(clock::boottime_ns() - began_ns, writes.len());
        for (pending, outcome) in writes.into_iter().zip(outcomes) {
            // The client may have gone; its write is done all the same.
            let _ = pending.answer.send(outcome);
        }
    }

    fn attempt(&mut self, writes: &[Pending], began_ns: u64) -> rusqlite::Result<(Vec<Outcome>, Staged)> {
        let last_version = self.database.last_version;
        let transaction =
            self.database.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        record(&transaction, &self.unrecorded)?;
        sql::prune_answers(&transaction, clock::wall_ms() - IDEMPOTENCY_MS, PRUNED_PER_WRITE * writes.len())?;
        let mut group = Group::new(&transaction, &self.state, &self.documents, last_version, began_ns);
        let mut outcomes = Vec::with_capacity(writes.len());
        for pending in writes {
            outcomes.push(group.apply(&pending.write)?);
        }
        let staged = group.finish()?;
        transaction.commit()?;
        self.unrecorded.clear();
        Ok((outcomes, staged))
    }

    /// After COMMIT, before any acknowledgement.
    fn publish(&mut self, staged: Staged) {
        let Staged { items, documents, events, .. } = staged;
        for (key, document) in documents {
            match document {
                Some(document) => self.documents.insert(key, document),
                None => self.documents.remove(&key),
            };
        }
        if items.is_empty() {
            return;
        }
        self.metrics.observe_writes(&items, events);
        let first_version = self.database.last_version + 1;
        self.database.last_version += items.len() as u64;
        self.state.publish(items);
        // From here on no read may miss them.
        self.unrecorded.push((first_version, clock::boottime_ns()));
    }

    /// Whether the database now has all times.
    fn record_times(&mut self) -> bool {
        if self.unrecorded.is_empty() {
            return true;
        }
        let result = self.database.connection.transaction().and_then(|transaction| {
            record(&transaction, &self.unrecorded)?;
            transaction.commit()
        });
        match &result {
            Ok(()) => self.unrecorded.clear(),
            // They stay in the list and go with the next transaction.
            Err(error) => eprintln!("edgecmp-origin: recording times failed: {error}"),
        }
        result.is_ok()
    }
}

fn record(transaction: &Transaction<'_>, unrecorded: &[(u64, u64)]) -> rusqlite::Result<()> {
    unrecorded.iter().try_for_each(|&(first, visible_ns)| sql::set_visible(transaction, first, visible_ns))
}

/// SQLite rolled back, but whether the disk agrees after a crash is not certain: a 500 (unknown).
fn failed(error: &rusqlite::Error) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("the transaction failed: {error}; retry with the same Idempotency-Key"),
    )
}

//! The one writer: a thread that owns the write connection, behind a bounded queue.
//!
//! Group commit: all writes that wait are done in one transaction, and each is answered after its
//! COMMIT. One fsync serves many writes; the order of versions is the order of the queue.

mod group;
mod sql;
mod worker;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::database::Database;
use crate::flight::Flight;
use crate::metrics::Metrics;
use crate::precondition::Precondition;
use crate::problem::Problem;
use crate::state::State;

/// Writes that may wait for the writer.
const QUEUE_LENGTH: usize = 1024;
/// Bytes of values that may wait for it.
const QUEUE_KIB: usize = 256 * 1024;

/// What to write.
#[derive(Debug)]
pub enum Change {
    /// Sets a key.
    Put {
        /// The key.
        key: Bytes,
        /// Its value.
        value: Bytes,
        /// Of the value.
        content_type: HeaderValue,
    },
    /// Deletes a key; also one that does not exist, so that the caller gets a version to read after.
    Delete {
        /// The key.
        key: Bytes,
    },
    /// Folds a batch of events into the documents.
    Events(Vec<Flight>),
}

impl Change {
    /// Bytes it holds while it waits, about.
    fn weight(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
            Self::Events(flights) => flights.len() * 128,
        }
    }
}

/// The `Idempotency-Key` of a request and what the request was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// As sent.
    pub key: String,
    /// Hash of method, target, preconditions and body.
    pub fingerprint: [u8; 32],
}

/// A request to write.
#[derive(Debug)]
pub struct Write {
    /// What to do.
    pub change: Change,
    /// When to do it.
    pub precondition: Precondition,
    /// How to know it again.
    pub idempotency: Option<Idempotency>,
}

/// The answer to a write, as it is stored for retries.
#[derive(Debug, Clone)]
pub struct Answer {
    /// 200, or 412.
    pub status: StatusCode,
    /// Of the write.
    pub version: Option<u64>,
    /// JSON.
    pub body: String,
    /// The write had been done before.
    pub replayed: bool,
}

type Outcome = Result<Answer, Problem>;

/// A write that waits.
struct Pending {
    write: Write,
    answer: oneshot::Sender<Outcome>,
    /// Its share of the queue's bytes, given back when it is dropped.
    _weight: OwnedSemaphorePermit,
}

enum Job {
    Write(Box<Pending>),
    /// Answered when the times of all versions visible by now are in the database.
    RecordTimes(oneshot::Sender<()>),
}

/// The way to the writer. When the last one is dropped the writer ends.
#[derive(Debug, Clone)]
pub struct Writer {
    queue: SyncSender<Job>,
    weight: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Writer {
    /// Starts the thread. Join it after the last `Writer` is gone: it records what is open and
    /// closes the database.
    pub fn start(
        database: Database,
        state: Arc<State>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver): (_, Receiver<Job>) = sync_channel(QUEUE_LENGTH);
        let worker = worker::Worker::new(database, state, Arc::clone(&metrics));
        let thread = std::thread::Builder::new()
            .name("origin-writer".to_owned())
            .spawn(move || worker.run(&receiver))?;
        let weight = Arc::new(Semaphore::new(QUEUE_KIB));
        Ok((Self { queue: sender, weight, metrics }, thread))
    }

    /// Does a write; returns after its commit. Never waits for room in the queue.
    pub async fn write(&self, write: Write) -> Outcome {
        let kib = u32::try_from(write.change.weight() / 1024 + 1).unwrap_or(u32::MAX);
        let weight = Arc::clone(&self.weight).try_acquire_many_owned(kib);
        let weight = weight.map_err(|_| self.refuse("too many bytes wait for the writer"))?;
        let (answer, outcome) = oneshot::channel();
        self.submit(Job::Write(Box::new(Pending { write, answer, _weight: weight })))?;
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Returns when the history in the database covers all that any read has seen so far.
    pub async fn record_times(&self) -> Result<(), Problem> {
        let (answer, done) = oneshot::channel();
        self.submit(Job::RecordTimes(answer))?;
        done.await.map_err(|_| {
            let detail = "the writer cannot record times; see its standard error";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        })
    }

    fn submit(&self, job: Job) -> Result<(), Problem> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => self.refuse("the queue of the writer is full"),
            TrySendError::Disconnected(_) => stopped(),
        })
    }

    fn refuse(&self, why: &str) -> Problem {
        self.metrics.refused.inc();
        Problem::overloaded(why)
    }
}

/// The writer went away without an answer: whether it wrote is unknown, so a 500.
fn stopped() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the writer stopped; whether the write was done is unknown, retry with the same Idempotency-Key",
    )
}

//! The stream of flights: paced batches, each sent until it is acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock;
use crate::failure::Failure;
use crate::flights::{Batch, Flights};
use crate::origin_client::{OriginClient, PostError};

pub const BATCH_EVENTS: usize = 200;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// After an outage the stream catches up at this multiple of its pace, so that readers still get
/// their share of the machine.
const CATCH_UP: f64 = 2.0;

/// What both sides of the stream's thread look at.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    events: AtomicU64,
    retries: AtomicU64,
    last_ns: AtomicU64,
}

/// A running stream.
#[derive(Debug)]
pub struct Ingest {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
    started_ns: u64,
}

/// Sends the first `events` flights as fast as the origin takes them.
pub fn preload(client: &OriginClient, flights: &Flights, events: usize) -> Result<usize, Failure> {
    let mut next = 0;
    while let Some(batch) = flights.batch(next, BATCH_EVENTS.min(events - next)) {
        send(client, &batch, &Shared::default())?;
        next += batch.events;
    }
    Ok(next)
}

impl Ingest {
    /// Streams the flights from number `first` on, at `pace` events a second.
    #[must_use]
    pub fn start(url: &str, flights: Arc<Flights>, first: usize, pace: f64) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let client = OriginClient::new(url, REQUEST_TIMEOUT);
        let started_ns = clock::now_ns();
        let thread = thread::spawn(move || stream(&client, &flights, first, pace, started_ns, &theirs));
        Self { shared, thread: Some(thread), started_ns }
    }

    /// Events acknowledged since the start.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.shared.events.load(Ordering::Relaxed)
    }

    /// Times that a batch had to be sent again.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.shared.retries.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn started_ns(&self) -> u64 {
        self.started_ns
    }

    /// When the last batch so far was acknowledged.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        self.shared.last_ns.load(Ordering::Relaxed)
    }

    /// Ends the stream after the batch in hand.
    pub fn stop(&mut self) -> Result<(), Failure> {
        self.shared.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Failure::new("the thread of the event stream panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // Only reached unstopped when the demo has already failed for a reason of its own.
        let _ = self.stop();
    }
}

fn stream(
    client: &OriginClient,
    flights: &Flights,
    first: usize,
    pace: f64,
    started_ns: u64,
    shared: &Shared,
) -> Result<(), Failure> {
    let step = Duration::from_secs_f64(BATCH_EVENTS as f64 / pace / CATCH_UP);
    let mut next = first;
    let mut not_before = Duration::ZERO;
    while let Some(batch) = flights.batch(next, BATCH_EVENTS) {
        let due = Duration::from_secs_f64((next - first) as f64 / pace).max(not_before);
        thread::sleep(due.saturating_sub(clock::since(started_ns)));
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
        not_before = clock::since(started_ns) + step;
        send(client, &batch, shared)?;
        next += batch.events;
        shared.events.fetch_add(batch.events as u64, Ordering::Relaxed);
        shared.last_ns.store(clock::now_ns(), Ordering::Relaxed);
    }
    Ok(())
}

/// Sends one batch until it is acknowledged. The key is made of the batch's place in the data, so a
/// batch whose answer was lost in a crash is not folded twice.
fn send(client: &OriginClient, batch: &Batch, shared: &Shared) -> Result<(), Failure> {
    let idempotency_key = format!("flights-{}-{}", batch.first, batch.events);
    loop {
        match client.post_events(&batch.body, &idempotency_key) {
            Ok(()) => return Ok(()),
            Err(PostError::Refused(why)) => return Err(Failure::new(why)),
            Err(PostError::TryAgain(why)) if shared.stop.load(Ordering::Relaxed) => {
                return Err(Failure::new(format!("stopped while a batch was unacknowledged: {why}")));
            }
            Err(PostError::TryAgain(_)) => {
                shared.retries.fetch_add(1, Ordering::Relaxed);
                thread::sleep(RETRY_PAUSE);
            }
        }
    }
}

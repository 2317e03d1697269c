//! Writes through to the origin (G3, G5).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use bytes::Bytes;

use super::Node;
use super::ask::{Answered, clear_write, overloaded, send};
use super::fetch::known;
use super::install::{Finding, Purpose, Times, identify, install};
use crate::coordination::flight::Fence;
use crate::env::within;
use crate::facts::clock::Instant;
use crate::facts::entry::{Content, Entry, Limits, Proved, SharedEntry};
use crate::facts::error::{Code, Error, Result};
use crate::facts::key::Key;
use crate::facts::receipt::WriteReceipt;
use crate::facts::statistics::Stat;
use crate::facts::version::Version;
use crate::origin::{OriginError, Validator, Write, Written};
use crate::store::Change;

/// Whether the origin may have seen a write's idempotency key before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The key was drawn for this attempt.
    First,
    /// The caller named the key: the origin may answer with the version of an
    /// earlier attempt, long since written over. That proves nothing of now.
    MayBeRepeated,
}

/// How far a write has come, for its task and for who waits for it.
#[derive(Debug, Default)]
pub struct Progress {
    step: AtomicU8,
    failure_counted: AtomicBool,
}

const WAITING: u8 = 0;
const SENDING: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Progress {
    /// Of sending and withdrawing a write, what comes first counts.
    fn step_to(&self, step: u8) -> bool {
        self.step.compare_exchange(WAITING, step, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// True: the write was not sent, and will not be.
    pub fn withdraw(&self) -> bool {
        self.step_to(WITHDRAWN) || self.step.load(Ordering::Acquire) == WITHDRAWN
    }

    /// Counts that the write failed, or may have. Once: who waits may be told
    /// of it before the task is.
    pub fn count_failure(&self, node: &Node, stat: Stat) {
        if !self.failure_counted.swap(true, Ordering::AcqRel) {
            node.counters.add(stat);
        }
    }
}

/// Sends a write and says what became of it. One attempt: a write that was
/// sent is repeated only by who knows that it may be. One that has no place to
/// the origin by `deadline` is not sent any more.
pub async fn write(
    node: Arc<Node>,
    write: Write,
    attempt: Attempt,
    deadline: Instant,
    progress: Arc<Progress>,
) -> Result<WriteReceipt> {
    let (key, value) = (write.key.clone(), write.value.clone());
    let idempotency_key = write.idempotency_key.clone();
    let departures = node.store.departures(node.store.hash(key.as_bytes()));
    let mut unsettled = Unsettled { node: &node, key: &key, armed: false };
    let sent = async {
        let place = within(node.env.as_ref(), deadline, node.gate.enter()).await;
        let not_sent = || OriginError::not_asked(not_sent(DEADLINE));
        let place = place.ok_or_else(not_sent)?.map_err(|error| overloaded(&node, error))?;
        if !progress.step_to(SENDING) {
            return Err(not_sent());
        }
        let cleared = clear_write(&node, place, write.timeout).await?;
        send(&node, 1, write.timeout, cleared, || {
            unsettled.armed = true;
            node.origin.write(write)
        })
        .await
    };
    let outcome = sent.await;
    unsettled.armed = false;
    match outcome {
        Ok(answered) => {
            node.counters.add(Stat::Writes);
            let version = committed(&node, &key, value, answered, attempt, departures);
            Ok(WriteReceipt { version, idempotency_key })
        }
        Err(OriginError { error, surely_not_done: true, .. }) => {
            progress.count_failure(&node, Stat::WritesFailed);
            if error.code() == Code::Conflict {
                // What we hold is not what the origin has.
                unprove(&node, &key);
            }
            Err(error)
        }
        Err(OriginError { error, .. }) => {
            unprove(&node, &key);
            progress.count_failure(&node, Stat::UnknownOutcomes);
            Err(unknown_outcome(&idempotency_key, error.message()))
        }
    }
}

/// Why a write was withdrawn that waited too long.
pub const DEADLINE: (Code, &str) = (Code::DeadlineExceeded, "the deadline ended");

/// The error of a write that was withdrawn before it was sent.
pub fn not_sent((code, why): (Code, &str)) -> Error {
    let message =
        format!("the write was not sent, and will not be: {why} while it waited for a place to the origin");
    Error::new(code, message)
}

/// The error of a write that may or may not have happened.
pub fn unknown_outcome(idempotency_key: &str, why: &str) -> Error {
    let message = format!(
        "the write may or may not have happened ({why}); retry it with idempotency key {idempotency_key}"
    );
    Error::new(Code::UnknownOutcome, message).with_idempotency_key(idempotency_key)
}

/// What is cached of the key does not count as proved any more, nor does an
/// answer that is on its way. The value stays for degraded reads.
pub fn unprove(node: &Node, key: &Key) {
    let now = node.now();
    node.flights.fence(key, Fence::barrier(now));
    node.store.change(node.store.hash(key.as_bytes()), key.as_bytes(), |present| match present {
        Some(entry) => Change::Put(entry.unproved(now)),
        // Empty it stays: also the write that was sent before this one, and whose
        // acknowledgement is still on its way, is not proved by it any more.
        None => Change::Remove,
    });
}

/// Forgets what is cached of the key; an answer that is on its way does not count.
pub fn forget(node: &Node, key: &Key) {
    let now = node.now();
    node.flights.fence(key, Fence::barrier(now));
    // Nor does one that is asked for later, and is from before it all the same.
    node.fences.raise(key, now);
    node.store.change(node.store.hash(key.as_bytes()), key.as_bytes(), |_| Change::Remove);
}

/// The origin has committed: fence first, then install. A flight that lands in
/// between sees the fence; one that landed before is replaced by version.
fn committed(
    node: &Node,
    key: &Key,
    value: Option<Bytes>,
    answered: Answered<Written>,
    attempt: Attempt,
    departures: u64,
) -> Version {
    let Answered { answer: Written { validator, last_modified_at }, sent_at, received_at } = answered;
    let (version, validator) = match validator {
        Validator::Version(version, validator) => (version, validator),
        // Committed, but when? Nothing orders this write among others and the
        // answers on their way: ask before the next read is answered. Nor may
        // what is cached, which is from before it, stand in when degraded (G3).
        Validator::Opaque(_) => {
            forget(node, key);
            return identify(validator, None, None, sent_at).0;
        }
        Validator::None => {
            forget(node, key);
            return Version::NONE;
        }
    };
    node.flights.fence(key, Fence::written(version, received_at));
    node.fences.raise(key, received_at);
    if attempt == Attempt::MayBeRepeated {
        forget_below(node, key, version);
        return version;
    }
    let negative = value.is_none();
    // What the origin said of the value before holds until it says otherwise.
    let limits = known(node, key).map_or(Limits::default(), |entry| entry.limits());
    let content = Content { value, version, named: true, validator, last_modified_at, limits };
    let finding = Finding::written(content.clone(), Times { sent_at, received_at });
    let there = install(node, key, finding, Purpose::Written { departures });
    // What is there afterwards is ours or newer. Where versions cannot tell (a
    // "no such key" without one, or with the value's), an answer that came while
    // the write was under way may be from before it: ask again. Ours stays there
    // unproved, so that nothing older takes the place meanwhile (G3).
    let ours = |there: &Entry| there.version() == version && there.is_negative() == negative;
    if !there.is_ok_and(|there| there.version() > version || ours(&there)) {
        unprove(node, key);
        let proved = Proved { unproved_until: node.now(), ..Proved::by_answer(sent_at, received_at) };
        let unproved = SharedEntry::new(key.as_bytes(), content.by_ref(), proved);
        node.store.change(node.store.hash(key.as_bytes()), key.as_bytes(), |present| match present {
            Some(present) if present.version() > version => Change::Keep,
            _ => Change::Put(unproved),
        });
    }
    version
}

/// Forgets what is cached of the key unless it is of this version or a later
/// one. An empty place counts as forgotten too: a write of a lower version whose
/// acknowledgement is still on its way must leave it empty.
fn forget_below(node: &Node, key: &Key, version: Version) {
    node.store.change(node.store.hash(key.as_bytes()), key.as_bytes(), |present| match present {
        Some(entry) if entry.version() >= version => Change::Keep,
        _ => Change::Remove,
    });
}

/// A write whose task is dropped after it was sent has an unknown outcome.
struct Unsettled<'a> {
    node: &'a Node,
    key: &'a Key,
    armed: bool,
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if self.armed {
            unprove(self.node, self.key);
        }
    }
}

//! Writes through to the origin (G3, G5).

use std::sync::Arc;

use bytes::Bytes;

use super::Node;
use super::ask::{Answered, ask};
use super::fetch::known;
use super::install::{Finding, Purpose, Times, identify, install};
use crate::coordination::flight::Fence;
use crate::facts::entry::{Content, Limits};
use crate::facts::error::{Code, Error, Result};
use crate::facts::key::Key;
use crate::facts::receipt::WriteReceipt;
use crate::facts::statistics::Stat;
use crate::facts::version::Version;
use crate::origin::{OriginError, Write, Written};
use crate::store::Change;

/// Sends a write and says what became of it. One attempt: a write that was
/// sent is repeated only by who knows that it may be.
pub async fn write(node: Arc<Node>, write: Write) -> Result<WriteReceipt> {
    let (key, value) = (write.key.clone(), write.value.clone());
    let idempotency_key = write.idempotency_key.clone();
    let departures = node.store.departures(node.store.hash(key.as_bytes()));
    let mut unsettled = Unsettled { node: &node, key: &key, armed: false };
    let asked = ask(&node, 1, write.timeout, || {
        unsettled.armed = true;
        node.origin.write(write)
    });
    let outcome = asked.await;
    unsettled.armed = false;
    match outcome {
        Ok(answered) => {
            node.counters.add(Stat::Writes);
            let version = committed(&node, &key, value, answered, departures);
            Ok(WriteReceipt { version, idempotency_key })
        }
        Err(OriginError { error, surely_not_done: true, .. }) => {
            node.counters.add(Stat::WritesFailed);
            if error.code() == Code::Conflict {
                // What we hold is not what the origin has.
                unprove(&node, &key);
            }
            Err(error)
        }
        Err(OriginError { error, .. }) => {
            unprove(&node, &key);
            node.counters.add(Stat::UnknownOutcomes);
            Err(unknown_outcome(&idempotency_key, error.message()))
        }
    }
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
    node.store.change(node.store.hash(key.as_bytes()), key.as_bytes(), |present| {
        if let Some(entry) = present {
            entry.unprove(now);
        }
        Change::Keep
    });
}

/// Forgets what is cached of the key; an answer that is on its way does not count.
pub fn forget(node: &Node, key: &Key) {
    node.flights.fence(key, Fence::barrier(node.now()));
    node.store.change(node.store.hash(key.as_bytes()), key.as_bytes(), |_| Change::Remove);
}

/// The origin has committed: fence first, then install. A flight that lands in
/// between sees the fence; one that landed before is replaced by version.
fn committed(
    node: &Node,
    key: &Key,
    value: Option<Bytes>,
    answered: Answered<Written>,
    departures: u64,
) -> Version {
    let Answered { answer: Written { validator, last_modified_at }, sent_at, received_at } = answered;
    let held = known(node, key);
    let named = validator != crate::origin::Validator::None;
    let ordered = matches!(validator, crate::origin::Validator::Version(..));
    let (version, validator) = identify(validator, held.as_ref(), None, sent_at);
    if !named {
        // Committed, but as what? Ask before the next read is answered.
        unprove(node, key);
        return Version::NONE;
    }
    node.flights.fence(key, Fence::written(version, received_at));
    let content = Content { value, version, validator, last_modified_at, limits: Limits::default() };
    let finding = Finding::written(content, Times { sent_at, received_at });
    let there = install(node, key, finding, Purpose::Written { departures });
    // What is there afterwards is ours or newer. Where versions cannot tell (a
    // "no such key" without one, opaque validators), an answer that came while
    // the write was under way may be from before it: ask again.
    if !there.is_ok_and(|t| t.version() == version || (ordered && t.version() > version)) {
        unprove(node, key);
    }
    version
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

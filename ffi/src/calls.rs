//! The calls in progress on a queue, by tag: each has exactly one event,
//! whoever comes first, its end or its cancellation.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use edgecmp_core::{Code, Error, Result};

use crate::event::Outcome;

/// Calls whose event has not been pushed.
#[derive(Default)]
pub(crate) struct Calls(Mutex<HashMap<u64, Call>>);

enum Call {
    /// A read, which can be given up without a trace.
    Read,
    /// A write that has its tag, but not yet its idempotency key.
    Starting {
        /// It was cancelled in this moment.
        cancelled: bool,
    },
    /// A write, which may happen though nobody waits for it any more.
    Write {
        /// With it a retry is safe.
        idempotency_key: Box<str>,
    },
}

fn unknown_outcome(idempotency_key: &str, why: &'static str) -> Outcome {
    Outcome::Failed(Error::new(Code::UnknownOutcome, why).with_idempotency_key(idempotency_key))
}

const CANCELLED: &str = "the caller cancelled the write, which may still happen";
const CLOSED: &str = "the cache was closed during the write, which may still happen";

impl Calls {
    /// Notes a read, before it can end.
    pub(crate) fn begin_read(&self, tag: u64) -> Result<()> {
        self.begin(tag, Call::Read)
    }

    /// Takes the tag of a write, before it is sent: one that found its tag
    /// taken afterwards could not say how it ended.
    pub(crate) fn begin_write(&self, tag: u64) -> Result<()> {
        self.begin(tag, Call::Starting { cancelled: false })
    }

    fn begin(&self, tag: u64, call: Call) -> Result<()> {
        match self.lock().entry(tag) {
            Entry::Occupied(_) => {
                Err(Error::invalid("tag", tag, "one that no call in progress on this queue has"))
            }
            Entry::Vacant(place) => {
                place.insert(call);
                Ok(())
            }
        }
    }

    /// The write is on its way. An outcome: it was cancelled meanwhile.
    pub(crate) fn write_started(&self, tag: u64, idempotency_key: &str) -> Option<Outcome> {
        let mut calls = self.lock();
        if let Some(Call::Starting { cancelled: true }) = calls.get(&tag) {
            calls.remove(&tag);
            return Some(unknown_outcome(idempotency_key, CANCELLED));
        }
        calls.insert(tag, Call::Write { idempotency_key: idempotency_key.into() });
        None
    }

    /// The call has failed to start: it has no event.
    pub(crate) fn abandon(&self, tag: u64) {
        self.lock().remove(&tag);
    }

    /// The call has ended. The outcome for its event, unless it had one.
    pub(crate) fn end(&self, tag: u64, outcome: Outcome) -> Option<Outcome> {
        Some(match (self.lock().remove(&tag)?, outcome) {
            (Call::Write { idempotency_key }, Outcome::Failed(error)) if error.code() == Code::Closed => {
                unknown_outcome(&idempotency_key, CLOSED)
            }
            (_, outcome) => outcome,
        })
    }

    /// The caller gives the call up. The outcome for its event, unless it had
    /// one or will have it as soon as it has started.
    pub(crate) fn cancel(&self, tag: u64) -> Option<Outcome> {
        let mut calls = self.lock();
        if let Some(Call::Starting { cancelled }) = calls.get_mut(&tag) {
            *cancelled = true;
            return None;
        }
        Some(match calls.remove(&tag)? {
            Call::Write { idempotency_key } => unknown_outcome(&idempotency_key, CANCELLED),
            Call::Read | Call::Starting { .. } => {
                Outcome::Failed(Error::new(Code::Cancelled, "the caller cancelled the read"))
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Call>> {
        // No code that can panic runs under it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(outcome: Option<Outcome>) -> Option<(Code, Option<String>)> {
        match outcome? {
            Outcome::Failed(error) => Some((error.code(), error.idempotency_key().map(str::to_owned))),
            _ => None,
        }
    }

    fn closed() -> Outcome {
        Outcome::Failed(Error::new(Code::Closed, "closed"))
    }

    #[test]
    fn a_call_has_one_event() {
        let calls = Calls::default();
        calls.begin_read(1).unwrap();
        assert_eq!(calls.begin_write(1).unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(code(calls.cancel(1)), Some((Code::Cancelled, None)));
        assert!(calls.cancel(1).is_none() && calls.end(1, closed()).is_none());
        calls.begin_read(1).unwrap();
        assert_eq!(code(calls.end(1, closed())), Some((Code::Closed, None)));
        assert!(calls.cancel(1).is_none());
    }

    #[test]
    fn a_write_given_up_is_of_unknown_outcome_and_has_its_key() {
        let unknown = Some((Code::UnknownOutcome, Some("k".to_owned())));
        let calls = Calls::default();
        calls.begin_write(1).unwrap();
        assert!(calls.write_started(1, "k").is_none());
        assert_eq!(code(calls.cancel(1)), unknown);
        calls.begin_write(1).unwrap();
        assert!(calls.cancel(1).is_none());
        assert_eq!(code(calls.write_started(1, "k")), unknown);
        calls.begin_write(1).unwrap();
        assert!(calls.write_started(1, "k").is_none());
        assert_eq!(code(calls.end(1, closed())), unknown);
    }
}

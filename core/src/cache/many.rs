//! Reads of many keys: probes all, then joins the misses in one compare.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::pending::Waiting;
use super::read::{Boarded, Reading, probe_many};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Result};
use crate::facts::receipt::Value;
use crate::facts::trace::TraceContext;
use crate::rules::freshness::ReadBounds;
use crate::work::Node;
use crate::work::compare::fetch_all;
use crate::work::install::Purpose;

/// A read of many keys, some of which wait.
pub(super) struct ReadingMany {
    answers: Vec<Option<Result<Value>>>,
    waiting: Vec<(usize, Reading)>,
}

impl ReadingMany {
    /// The answers, if the cache may give all of them; else the wait.
    pub(super) fn start<K: AsRef<[u8]>>(
        node: &Arc<Node>,
        keys: &[K],
        read: ReadBounds,
        trace: Option<&TraceContext>,
        deadline: Instant,
    ) -> std::result::Result<Vec<Result<Value>>, Self> {
        let mut many = Self { answers: Vec::with_capacity(keys.len()), waiting: Vec::new() };
        probe_many(node, keys, &read, |_, hit| many.answers.push(hit.map(|hit| Ok(hit.to_value()))));
        many.board(node, keys, read, trace, deadline)
    }

    /// [`Self::start`] for keys that were all probed for this read, and missed.
    pub(super) fn start_missed<K: AsRef<[u8]>>(
        node: &Arc<Node>,
        keys: &[K],
        read: ReadBounds,
        trace: Option<&TraceContext>,
        deadline: Instant,
    ) -> std::result::Result<Vec<Result<Value>>, Self> {
        let answers = keys.iter().map(|_| None).collect();
        Self { answers, waiting: Vec::new() }.board(node, keys, read, trace, deadline)
    }

    /// Begins the wait for those that have no answer.
    fn board<K: AsRef<[u8]>>(
        mut self,
        node: &Arc<Node>,
        keys: &[K],
        read: ReadBounds,
        trace: Option<&TraceContext>,
        deadline: Instant,
    ) -> std::result::Result<Vec<Result<Value>>, Self> {
        let missed = |(index, answer): (usize, &Option<_>)| answer.is_none().then_some(index);
        let missed: Vec<_> = self.answers.iter().enumerate().filter_map(missed).collect();
        if missed.is_empty() {
            return Ok(self.take_answers());
        }
        let mut places = Vec::new();
        for index in missed {
            let key = keys[index].as_ref();
            let mut reading = Reading::new(node, key, read, trace.cloned(), deadline);
            let answer = match reading.board() {
                Ok(Boarded::Ready(value)) => Some(Ok(value)),
                Ok(Boarded::Waiting) => None,
                Ok(Boarded::Start(place)) => {
                    places.push(place);
                    None
                }
                Err(error) => Some(reading.degraded_or(error)),
            };
            if answer.is_none() {
                self.waiting.push((index, reading));
            }
            self.answers[index] = answer;
        }
        if self.waiting.is_empty() {
            return Ok(self.take_answers());
        }
        node.start_background();
        fetch_all(node, places, trace, Purpose::Wanted);
        Err(self)
    }

    /// The answers, all of which are there. Not `flatten`, which knows no length
    /// and so would move them to other memory.
    fn take_answers(&mut self) -> Vec<Result<Value>> {
        let answered = |answer: Option<_>| answer.expect("every key has an answer by now");
        std::mem::take(&mut self.answers).into_iter().map(answered).collect()
    }
}

impl Waiting<Vec<Result<Value>>> for ReadingMany {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Result<Value>>>> {
        let answers = &mut self.answers;
        self.waiting.retain_mut(|(index, reading)| match reading.poll(cx) {
            Poll::Ready(answer) => {
                answers[*index] = Some(answer);
                false
            }
            Poll::Pending => true,
        });
        if !self.waiting.is_empty() {
            return Poll::Pending;
        }
        // A flight may hear of the end before its waiters do: it is the call's all the same.
        let is_closed = |answer: &Option<Result<Value>>| matches!(answer, Some(Err(error)) if error.code() == Code::Closed);
        if self.answers.iter().any(is_closed) {
            return Poll::Ready(super::pending::closed());
        }
        Poll::Ready(Ok(self.take_answers()))
    }

    fn give_up(&mut self) -> Result<Vec<Result<Value>>> {
        for (index, mut reading) in std::mem::take(&mut self.waiting) {
            self.answers[index] = Some(reading.give_up());
        }
        Ok(self.take_answers())
    }

    fn closed(&mut self) -> Result<Vec<Result<Value>>> {
        super::pending::closed()
    }
}

//! Installs what the origin answered: the one place where an answer becomes,
//! or re-proves, an entry.

use super::Node;
use crate::coordination::flight::Landing;
use crate::facts::clock::Instant;
use crate::facts::entry::{Content, Proved, SharedEntry};
use crate::facts::error::{Code, Error};
use crate::facts::key::Key;
use crate::facts::statistics::Stat;
use crate::facts::version::Version;
use crate::origin::{Answer, Validator};
use crate::rules::order::{self, Decision, Incoming, Present};
use crate::store::Change;

/// When an answer was asked for and had arrived.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Just before the request was sent.
    pub sent_at: Instant,
    /// When its answer had arrived.
    pub received_at: Instant,
}

/// Why the answer was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A read waits.
    Wanted,
    /// A write was acknowledged.
    Written {
        /// [`crate::store::Store::departures`] when it was sent. If it has grown,
        /// a later version may have been returned and evicted meanwhile: then
        /// an empty place stays empty (G2).
        departures: u64,
    },
    /// A background refresh: what was evicted meanwhile stays evicted.
    Background,
}

/// An answer in the form in which it can be installed.
#[derive(Debug)]
pub struct Finding {
    content: Content,
    validated_at: Instant,
    times: Times,
    /// The entry that the origin was asked to compare with, if it said "unchanged".
    unchanged: Option<SharedEntry>,
}

impl Finding {
    /// Its version.
    pub fn version(&self) -> Version {
        self.content.version
    }

    /// What it says was so then, or later: an answer of age A is about the
    /// instant A before its request was sent. Order and fences go by this.
    pub fn validated_at(&self) -> Instant {
        self.validated_at
    }

    /// Reads an answer about a key of which `known` was held when it was asked.
    pub fn of(answer: Answer, known: Option<&SharedEntry>, times: Times) -> Result<Self, Error> {
        let (content, age, unchanged) = match answer {
            Answer::Unchanged { age, limits } => {
                let Some(known) = known else {
                    return Err(Error::new(
                        Code::OriginProtocol,
                        "\"unchanged\", but no version was named to it",
                    ));
                };
                let limits = limits.unwrap_or(known.limits());
                (Content { limits, ..known.content().to_content() }, age, Some(known.clone()))
            }
            Answer::Value { value, validator, last_modified_at, age, limits } => {
                let same_value = known.filter(|k| k.value() == Some(&value[..]));
                let named = matches!(validator, Validator::Version(..));
                let (version, validator) = identify(validator, known, same_value, times.sent_at);
                let value = Some(value);
                (Content { value, version, named, validator, last_modified_at, limits }, age, None)
            }
            Answer::Absent { version, age, limits } => {
                let named = version.is_some();
                let version = version.unwrap_or(Version::NONE);
                let (value, validator, last_modified_at) = (None, None, None);
                (Content { value, version, named, validator, last_modified_at, limits }, age, None)
            }
        };
        let validator = content.validator.as_ref().map_or(0, |validator| validator.len());
        check_size(content.value.as_ref().map_or(0, |value| value.len()) + validator)?;
        Ok(Self { content, validated_at: times.sent_at.before(age), times, unchanged })
    }

    /// What an acknowledged write left at the origin; current from some
    /// instant after it was sent.
    pub fn written(content: Content, times: Times) -> Self {
        Self { content, validated_at: times.sent_at, times, unchanged: None }
    }
}

/// A host-language origin may answer with anything: an entry takes less than 4 GiB.
fn check_size(bytes: usize) -> Result<(), Error> {
    if bytes <= SharedEntry::MAX_CONTENT {
        return Ok(());
    }
    let most = SharedEntry::MAX_CONTENT;
    Err(Error::new(Code::OriginProtocol, format!("an answer of {bytes} bytes; allowed: at most {most}")))
}

/// The version of an answer, and the opaque validator to keep with it.
///
/// Opaque validators and bare values have no order. The instant of the request
/// that first saw one gives it: fetches of a key follow each other, so a later
/// change is seen by a later request.
pub fn identify(
    validator: Validator,
    known: Option<&SharedEntry>,
    same_value: Option<&SharedEntry>,
    sent_at: Instant,
) -> (Version, Option<Box<str>>) {
    let seen_first = Version::from(sent_at.as_nanos());
    match validator {
        Validator::Version(version, opaque) => (version, opaque),
        Validator::Opaque(tag) => {
            let same = known.filter(|k| k.validator() == Some(&tag[..]));
            (same.map_or(seen_first, |k| k.version()), Some(tag))
        }
        Validator::None => (same_value.map_or(seen_first, |k| k.version()), None),
    }
}

/// Installs a finding and says what the key's waiters get: what is there now.
pub fn install(node: &Node, key: &Key, finding: Finding, purpose: Purpose) -> Landing {
    let Finding { content, validated_at, times, unchanged } = finding;
    let kept = !content.limits.no_store
        && content.value.as_ref().is_none_or(|value| value.len() <= node.policy.max_value_bytes);
    let hash = node.store.hash(key.as_bytes());
    let mut landed = None;
    let outcome = node.store.change(hash, key.as_bytes(), |present| {
        let decision = order::decide(
            present.map(|p| Present {
                version: p.version(),
                negative: p.is_negative(),
                received_at: p.received_at(),
            }),
            Incoming {
                version: content.version,
                negative: content.value.is_none(),
                named: content.named,
                asked_at: validated_at,
            },
        );
        match (decision, present) {
            (_, None) if !order::may_fill(validated_at, times.sent_at, node.fences.of(key)) => {
                node.counters.add(Stat::StaleAnswersDropped);
                // For who waits: it is there, and proves nothing.
                let unproved_until = node.fences.of(key);
                let proved = Proved { unproved_until, ..Proved::by_answer(validated_at, times.received_at) };
                landed = Some(SharedEntry::new(key.as_bytes(), content.by_ref(), proved));
                Change::Keep
            }
            (Decision::Reprove, Some(present)) if present.limits() == content.limits => {
                present.reprove(validated_at, times.received_at);
                landed = Some(present.share());
                Change::Keep
            }
            (Decision::Drop, Some(present)) => {
                node.counters.add(Stat::StaleAnswersDropped);
                landed = Some(present.share());
                Change::Keep
            }
            (decision, present) => {
                if decision == Decision::Regress {
                    node.counters.add(Stat::VersionRegressions);
                    tracing::warn!(%key, to = %content.version, "the origin's version went back");
                }
                let entry = match &unchanged {
                    // Evicted while the origin was asked: the entry itself is still good.
                    Some(known) if present.is_none() && known.limits() == content.limits => {
                        known.reprove(validated_at, times.received_at);
                        known.clone()
                    }
                    _ => {
                        let mut proved = Proved::by_answer(validated_at, times.received_at);
                        // Only the limits changed; what was proved stays proved.
                        if let Some(present) = present.filter(|p| p.version() == content.version) {
                            let present = present.proved();
                            proved.validated_at = proved.validated_at.max(present.validated_at);
                            proved.received_at = proved.received_at.max(present.received_at);
                            proved.unproved_until = present.unproved_until;
                        }
                        // The acknowledgement of a write that was sent before one of
                        // unknown outcome proves no more than what was there (G5).
                        let unproved_until = present.map_or(Instant::ZERO, |p| p.unproved_until());
                        let is_write = matches!(purpose, Purpose::Written { .. });
                        if is_write && proved.validated_at <= unproved_until {
                            proved.unproved_until = unproved_until;
                        }
                        SharedEntry::new(key.as_bytes(), content.by_ref(), proved)
                    }
                };
                landed = Some(entry.clone());
                match (kept, present, purpose) {
                    (false, ..) => Change::Remove,
                    // A departure too: a read that joined at the last moment may
                    // return it, and the write of a lower version must not come after.
                    (true, None, Purpose::Background) => Change::Remove,
                    (true, None, Purpose::Written { departures })
                        if departures != node.store.departures(hash) =>
                    {
                        // A departure itself: the write of a lower version may be
                        // acknowledged next, and must not fill the place either.
                        Change::Remove
                    }
                    _ => Change::Put(entry),
                }
            }
        }
    });
    if !kept || outcome.not_kept {
        node.counters.add(Stat::NotKept);
    }
    node.counters.add_many(Stat::Evictions, outcome.evicted as u64);
    landed.ok_or_else(|| Error::new(Code::Internal, "nothing was decided about an answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_no_entry_has_room_for_is_an_error() {
        check_size(SharedEntry::MAX_CONTENT).unwrap();
        assert_eq!(check_size(SharedEntry::MAX_CONTENT + 1).unwrap_err().code(), Code::OriginProtocol);
        // With the longest key and all words it still fits.
        assert!(u32::try_from(SharedEntry::MAX_CONTENT + 48 + 5 * 8 + 65_535).is_ok());
    }
}

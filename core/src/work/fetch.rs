//! Fetches one key for its flight.

use std::sync::Arc;

use super::Node;
use super::ask::{Answered, Cleared, clear, retry_wait, send};
use super::install::{Finding, Purpose, Times, install};
use crate::coordination::flight::{Place, Settled};
use crate::facts::clock::Instant;
use crate::facts::entry::{Entry, SharedEntry};
use crate::facts::error::{Code, Error};
use crate::facts::key::Key;
use crate::facts::statistics::Stat;
use crate::facts::trace::TraceContext;
use crate::facts::version::Version;
use crate::origin::{Answer, Fetch, Known};

/// Fences that may overtake one flight before it gives up: each means that a
/// write to the key ended while the origin was asked.
const MAX_OVERTAKEN: u32 = 8;

/// What is held of a key, to be compared with the origin's.
pub fn known(node: &Node, key: &Key) -> Option<SharedEntry> {
    let hash = node.store.hash(key.as_bytes());
    node.store.load(hash, key.as_bytes()).map(|entry| entry.share())
}

/// The version of `entry` as the origin is asked to compare it. A negative
/// entry has nothing that an origin could call unchanged, and a number of ours
/// means nothing to it.
pub fn as_known(entry: &Entry) -> Option<Known> {
    let comparable = !entry.is_negative() && (entry.is_named() || entry.validator().is_some());
    comparable.then(|| Known { version: entry.version(), validator: entry.validator().map(Into::into) })
}

/// Fetches the key of `place` and lands its flight. `cleared`: the first request was.
pub async fn fly(
    node: Arc<Node>,
    mut place: Place,
    trace: Option<TraceContext>,
    purpose: Purpose,
    mut cleared: Option<Cleared>,
) {
    let (mut attempt, mut overtaken) = (0, 0);
    loop {
        let key = place.key().clone();
        let cleared = match cleared.take() {
            Some(cleared) => Ok(cleared),
            None => clear(&node, std::slice::from_ref(&place), purpose).await,
        };
        let cleared = match cleared {
            Ok(cleared) => cleared,
            Err(error) => return place.fail(error.error),
        };
        let held = known(&node, &key);
        let timeout = node.policy.origin_timeout;
        let asked = send(&node, 1, timeout, cleared, || {
            let known = held.as_deref().and_then(as_known);
            node.origin.fetch(Fetch { key: key.clone(), known, timeout, trace: trace.clone() })
        });
        match asked.await {
            Ok(answered) => match settle(&node, &mut place, answered, held.as_ref(), purpose) {
                Settled::Landed => return,
                Settled::Overtaken if overtaken < MAX_OVERTAKEN => overtaken += 1,
                Settled::Overtaken => {
                    let error = Error::new(
                        Code::OriginUnavailable,
                        "writes to this key overtook every answer of the origin",
                    );
                    // What overtook the answers may be proved itself.
                    return place.land_with_cached(|| known(&node, &key), error);
                }
            },
            Err(error) => match retry_wait(&node, attempt, &error, place.wanted_until()) {
                Some(wait) => {
                    attempt += 1;
                    node.env.sleep_until(node.now().after(wait)).await;
                }
                None => return place.fail(error.error),
            },
        }
    }
}

/// Lands the flight with an answer, unless a fence overtook it.
pub fn settle(
    node: &Node,
    place: &mut Place,
    answered: Answered<Answer>,
    held: Option<&SharedEntry>,
    purpose: Purpose,
) -> Settled {
    let Answered { answer, sent_at, received_at } = answered;
    if matches!(answer, Answer::Unchanged { .. }) {
        node.counters.add(Stat::OriginUnchanged);
    }
    let key = place.key().clone();
    let purpose = if place.has_waiters() { Purpose::Wanted } else { purpose };
    match Finding::of(answer, held, Times { sent_at, received_at }) {
        Ok(finding) => {
            let (version, at) = (finding.version(), finding.validated_at());
            place.settle(version, at, || install(node, &key, finding, purpose))
        }
        Err(error) => place.settle(Version::NONE, Instant::FAR_FUTURE, || Err(error)),
    }
}

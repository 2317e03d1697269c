//! Compares many keys with the origin in one request.

use std::sync::Arc;
use std::time::Duration;

use super::Node;
use super::ask::{Answered, Cleared, SHORT_WAIT, clear, refused, retry_wait, send};
use super::fetch::{as_known, fly, known, settle};
use super::install::Purpose;
use super::line;
use crate::coordination::flight::{Boarding, Place, Settled};
use crate::facts::clock::Instant;
use crate::facts::entry::SharedEntry;
use crate::facts::error::{Code, Error};
use crate::facts::key::Key;
use crate::facts::statistics::Stat;
use crate::facts::trace::TraceContext;
use crate::origin::{Answer, OriginError, OriginResult};
use crate::rules::breaker::Outlook;

/// How long an origin without compare is not asked for one again.
const COMPARE_OFF: Duration = Duration::from_secs(300);

/// Fetches the keys of all places, in as few requests as `compare_batch` allows.
pub fn fetch_all(node: &Arc<Node>, mut places: Vec<Place>, trace: Option<&TraceContext>, purpose: Purpose) {
    if places.is_empty() {
        return;
    }
    let behind = purpose == Purpose::Background;
    // After an outage each request takes a slot, however many keys it asks: refreshes go
    // with whoever stands in the line by then, and do not take slots from each other.
    let has_slots = || matches!(node.gate.outlook(node.now()), Outlook::Slot(_));
    if (!behind || has_slots()) && node.compares() {
        return line::join(node, places, trace, behind);
    }
    while !places.is_empty() {
        let rest = places.split_off(places.len().min(node.policy.compare_batch));
        let batch = std::mem::replace(&mut places, rest);
        // A refused task is dropped, and with it its places: they land as closed.
        let _ = node.env.spawn(Box::pin(compare(Arc::clone(node), batch, trace.cloned(), purpose)));
    }
}

/// Fetches a key that a read was answered degraded for, if nobody does already.
/// Where the origin has no compare each key costs a slot of the ramp: only if
/// there is one soon.
pub fn fetch_behind(node: &Arc<Node>, key: &Key, outlook: Outlook) {
    let compares = node.compares();
    if !compares && matches!(outlook, Outlook::Slot(at) if at > node.now().after(SHORT_WAIT)) {
        return;
    }
    if let Boarding::Started(place) = node.flights.board(key) {
        node.counters.add(Stat::FlightsStarted);
        match compares {
            true => line::join(node, vec![place], None, true),
            false => fetch_all(node, vec![place], None, Purpose::Background),
        }
    }
}

async fn compare(node: Arc<Node>, places: Vec<Place>, trace: Option<TraceContext>, purpose: Purpose) {
    if places.len() == 1 || !node.compares() {
        return one_by_one(&node, places, trace.as_ref(), purpose);
    }
    match clear(&node, &places, purpose).await {
        Ok(cleared) => carry(&node, places, trace, purpose, cleared).await,
        Err(error) => fail_all(places, &error.error),
    }
}

/// Asks for all places at once. A probe is for one of them, and small; the
/// others are told at once what they would be told later.
pub async fn carry(
    node: &Arc<Node>,
    mut places: Vec<Place>,
    trace: Option<TraceContext>,
    purpose: Purpose,
    mut cleared: Cleared,
) {
    let mut attempt = 0;
    loop {
        if cleared.is_probe() && places.len() > 1 {
            let error = Error::new(Code::BreakerOpen, "the origin failed repeatedly and is being probed");
            fail_all(places.split_off(1), &refused(node, error).error);
        }
        if places.len() == 1
            && let Some(place) = places.pop()
        {
            return fly(Arc::clone(node), place, trace, purpose, Some(cleared)).await;
        }
        let held: Vec<Option<SharedEntry>> = places.iter().map(|place| known(node, place.key())).collect();
        let rows = places
            .iter()
            .zip(&held)
            .map(|(p, h)| (p.key().clone(), h.as_deref().and_then(as_known)))
            .collect();
        let timeout = node.policy.origin_timeout;
        let request = || node.origin.compare(rows, timeout, trace.clone());
        let error = match send(node, places.len(), timeout, cleared, request).await {
            Ok(Answered { answer: Some(rows), sent_at, received_at }) => {
                return land_rows(node, places, held, rows, (sent_at, received_at), purpose);
            }
            Ok(Answered { answer: None, received_at, .. }) => {
                node.compare_off(received_at.after(COMPARE_OFF));
                return one_by_one(node, places, trace.as_ref(), purpose);
            }
            Err(error) => error,
        };
        let wanted_until = places.iter().map(Place::wanted_until).max().unwrap_or(Instant::ZERO);
        let Some(wait) = retry_wait(node, attempt, &error, wanted_until) else {
            return fail_all(places, &error.error);
        };
        attempt += 1;
        node.env.sleep_until(node.now().after(wait)).await;
        cleared = match clear(node, &places, purpose).await {
            Ok(again) => again,
            Err(error) => return fail_all(places, &error.error),
        };
    }
}

/// Lands all places with the error.
pub fn fail_all(places: Vec<Place>, error: &Error) {
    for place in places {
        place.fail(error.clone());
    }
}

/// Each key by itself; the gate bounds how many at once.
fn one_by_one(node: &Arc<Node>, places: Vec<Place>, trace: Option<&TraceContext>, purpose: Purpose) {
    for place in places {
        let _ = node.env.spawn(Box::pin(fly(Arc::clone(node), place, trace.cloned(), purpose, None)));
    }
}

fn land_rows(
    node: &Arc<Node>,
    places: Vec<Place>,
    held: Vec<Option<SharedEntry>>,
    rows: Vec<OriginResult<Answer>>,
    (sent_at, received_at): (Instant, Instant),
    purpose: Purpose,
) {
    let missing = std::iter::repeat_with(|| Err(OriginError::garbage("the compare has no row for this key")));
    for ((mut place, held), row) in places.into_iter().zip(held).zip(rows.into_iter().chain(missing)) {
        match row {
            Ok(answer) => {
                let answered = Answered { answer, sent_at, received_at };
                if settle(node, &mut place, answered, held.as_ref(), purpose) == Settled::Overtaken {
                    one_by_one(node, vec![place], None, purpose);
                }
            }
            // The row may only have been too much for one answer, and an error
            // that lasts shows in the answer to the key alone.
            Err(_) => one_by_one(node, vec![place], None, purpose),
        }
    }
}

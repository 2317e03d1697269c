//! What G1 needs of the origin. No test can prove it; these find the origins that plainly lack it:
//! read replicas behind, caches in between, answers before the commit.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Check, Context, Found, Outcome, Wrong, ensure, not_writable};

pub const CHECKS: &[Check] = &[
    ("linearizable: a read sees the write before it", sequential),
    ("linearizable: reads beside a writer", concurrent),
];

const ROUNDS: u64 = 50;

fn sequential(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("sequential");
    // Over another connection: it may end at another replica.
    let reader = context.client.separate();
    for round in 0..ROUNDS {
        context.put(&key, round.to_string().as_bytes(), &[])?;
        let reply = reader.get(&key, &[])?;
        let lag = admitted_lag(&reply);
        ensure(lag || reply.body == round.to_string().as_bytes(), || {
            let found = String::from_utf8_lossy(&reply.body);
            format!("after write {round} a read saw {found:?} and admitted no Age")
        })?;
    }
    Ok(Found::Present)
}

fn concurrent(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("concurrent");
    context.put(&key, b"0", &[])?;
    // Values are numbers that only grow: acknowledged is what every read has to reach, seen is what
    // any reader has seen.
    let acknowledged = AtomicU64::new(0);
    let seen = AtomicU64::new(0);
    let ended = AtomicBool::new(false);
    let read = || -> Result<(), Wrong> {
        let reader = context.client.separate();
        while !ended.load(Ordering::SeqCst) {
            let floor = acknowledged.load(Ordering::SeqCst).max(seen.load(Ordering::SeqCst));
            let reply = reader.get(&key, &[])?;
            let text = String::from_utf8_lossy(&reply.body);
            let value: u64 = text.parse().map_err(|_| Wrong(format!("a read saw {text:?}")))?;
            ensure(admitted_lag(&reply) || value >= floor, || {
                format!("a read saw write {value}, begun after {floor} was acknowledged or seen")
            })?;
            seen.fetch_max(value, Ordering::SeqCst);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        let written = (1..=ROUNDS).try_for_each(|round| {
            context.put(&key, round.to_string().as_bytes(), &[])?;
            acknowledged.fetch_max(round, Ordering::SeqCst);
            Ok::<(), Wrong>(())
        });
        ended.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().map_err(|_| Wrong("a reader panicked".to_owned()))??;
        }
        written.map(|()| Found::Present)
    })
}

/// The origin says that this answer may be old; then it is allowed to be.
fn admitted_lag(reply: &crate::client::Reply) -> bool {
    ["age", "edge-age-ms"]
        .iter()
        .filter_map(|name| reply.header(name)?.trim().parse::<u64>().ok())
        .any(|age| age > 0)
}

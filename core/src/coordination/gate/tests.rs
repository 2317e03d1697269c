use std::task::{Context, Waker};

use super::*;

fn poll<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

const BREAKER: BreakerPolicy = BreakerPolicy {
    failures: 0,
    cooldown: Duration::ZERO,
    window: Duration::from_secs(10),
    min_calls: 20,
    failure_percent: 50,
    slow_call: Duration::ZERO,
    slow_percent: 50,
    ramp: Duration::ZERO,
};

fn gate(concurrency: u64, queue: u64) -> Gate {
    Gate::new(GatePolicy { concurrency, queue, breaker: BREAKER, retry_percent: 0 }, Instant::ZERO)
}

#[test]
fn background_gets_half_of_the_places_and_of_the_queue() {
    let gate = gate(4, 4);
    let behind = || Box::pin(gate.enter_behind(std::future::pending()));
    let mut waiting: Vec<_> = (0..5).map(|_| behind()).collect();
    let states: Vec<_> = waiting.iter_mut().map(poll).collect();
    let passed = states.iter().filter(|state| matches!(state, Poll::Ready(Ok(_)))).count();
    let refused = states.iter().filter(|state| matches!(state, Poll::Ready(Err(_)))).count();
    assert_eq!((passed, refused), (2, 1), "two in progress, two in the queue");
    // Two places are left for reads, and two to wait in.
    let mut reads: Vec<_> = (0..5).map(|_| Box::pin(gate.enter())).collect();
    let read: Vec<_> = reads.iter_mut().map(poll).collect();
    assert!(matches!(
        &read[..],
        [Poll::Ready(Ok(_)), Poll::Ready(Ok(_)), Poll::Pending, Poll::Pending, Poll::Ready(Err(_))]
    ));
}

#[test]
fn who_is_wanted_does_not_wait_behind() {
    let gate = gate(2, 4);
    let mut first = Box::pin(gate.enter_behind(std::future::pending()));
    let Poll::Ready(Ok(_first)) = poll(&mut first) else { panic!("the gate is free") };
    let mut behind = Box::pin(gate.enter_behind(std::future::pending()));
    assert!(poll(&mut behind).is_pending());
    let mut wanted = Box::pin(gate.enter_behind(std::future::ready(())));
    assert!(matches!(poll(&mut wanted), Poll::Ready(Ok(_))));
}

#[test]
fn while_the_breaker_is_open_requests_are_refused_and_after_it_they_get_slots() {
    let second = Duration::from_secs(1);
    let mut breaker = BREAKER;
    (breaker.failures, breaker.cooldown, breaker.ramp) = (1, second, 2 * second);
    let gate = Gate::new(GatePolicy { concurrency: 4, queue: 4, breaker, retry_percent: 0 }, Instant::ZERO);
    let at = |seconds: u64| Instant::ZERO.after(Duration::from_secs(seconds));
    let now = |leave: Result<Leave, Error>| match leave {
        Ok(Leave::Now(ticket)) => ticket,
        other => panic!("{other:?}"),
    };
    assert_eq!(gate.outlook(at(0)), Outlook::Clear);
    let first = now(gate.admit(at(0), second, Latest::At(at(0))));
    assert!(gate.failed(first, at(0), second, &OriginError::lost("dead"), 0));
    let error = gate.admit(at(0), second, Latest::Whenever).unwrap_err();
    assert_eq!(error.code(), Code::BreakerOpen);
    assert!(error.message().contains("another 1000 ms"), "{error}");
    assert_eq!((gate.outlook(at(0)), gate.outlook(at(1))), (Outlook::Refused(at(1)), Outlook::Probe));
    let probe = now(gate.admit(at(1), second, Latest::At(at(1))));
    assert!(probe.probe && gate.holds(probe) && !gate.holds(first));
    assert!(!gate.succeeded(probe, at(1), second, 0));
    assert!(
        matches!(gate.admit(at(1), second, Latest::At(at(2))), Ok(Leave::Later(slot, _)) if slot > at(1))
    );
    now(gate.admit(at(1), second, Latest::Whenever));
    assert_eq!(gate.outlook(at(4)), Outlook::Clear);
    now(gate.admit(at(4), second, Latest::At(at(4))));
    assert!(gate.calm.load(Ordering::Relaxed), "closed again, and past its ramp");
}

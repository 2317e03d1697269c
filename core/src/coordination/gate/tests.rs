use std::task::{Context, Waker};

use super::*;

fn poll<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn gate(concurrency: u64, queue: u64) -> Gate {
    let breaker = BreakerPolicy {
        failures: 0,
        cooldown: Duration::ZERO,
        window: Duration::from_secs(10),
        min_calls: 20,
        failure_percent: 50,
        slow_call: Duration::ZERO,
        slow_percent: 50,
        ramp: Duration::ZERO,
    };
    Gate::new(GatePolicy { concurrency, queue, breaker, retry_percent: 0 }, Instant::ZERO)
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

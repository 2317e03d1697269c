use proptest::prelude::*;

use super::*;

const COOLDOWN: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(500);
const QUICK: Duration = Duration::from_millis(1);
const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    cooldown: COOLDOWN,
    window: Duration::from_secs(10),
    min_calls: 20,
    failure_percent: 50,
    slow_call: Duration::from_millis(200),
    slow_percent: 80,
    ramp: Duration::from_secs(2),
};

/// Of this request, or of all.
const FAILED: Failure = Failure { retry_after: None, away: false };
const AWAY: Failure = Failure { retry_after: None, away: true };

fn at(ms: u64) -> Instant {
    Instant::ZERO.after(Duration::from_millis(ms))
}

fn asks_for(pause: Duration) -> Failure {
    Failure { retry_after: Some(pause), ..FAILED }
}

fn go(breaker: &mut Breaker, now: u64) -> Ticket {
    match breaker.admit(at(now), TIMEOUT, at(now)) {
        Admission::Go(ticket) => ticket,
        other => panic!("at {now}: {other:?}"),
    }
}

fn probe(breaker: &mut Breaker, now: u64) -> Ticket {
    let ticket = go(breaker, now);
    assert!(ticket.probe, "at {now}");
    ticket
}

fn fail(breaker: &mut Breaker, now: u64) -> bool {
    let ticket = go(breaker, now);
    breaker.failed(ticket, at(now), QUICK, AWAY, 0)
}

fn succeed(breaker: &mut Breaker, now: u64) {
    let ticket = go(breaker, now);
    assert!(!breaker.succeeded(ticket, at(now), QUICK, 0));
}

fn refused(breaker: &mut Breaker, now: u64) -> Option<u64> {
    match breaker.admit(at(now), TIMEOUT, at(now)) {
        Admission::Refused(until) => Some(until.as_nanos() / 1_000_000),
        _ => None,
    }
}

fn opened() -> Breaker {
    let mut breaker = Breaker::new(POLICY, at(0));
    assert!(!fail(&mut breaker, 0) && !fail(&mut breaker, 0) && fail(&mut breaker, 0));
    breaker
}

#[test]
fn opens_probes_and_closes() {
    let mut breaker = opened();
    assert_eq!(refused(&mut breaker, 999), Some(1000));
    let ticket = probe(&mut breaker, 1000);
    assert_eq!(refused(&mut breaker, 1000), Some(2000), "one probe at a time");
    assert_eq!(breaker.state(at(1001)), State::HalfOpen);
    assert!(!breaker.succeeded(ticket, at(1010), QUICK, 0));
    assert_eq!(breaker.state(at(1010)), State::Closed);
}

#[test]
fn a_failed_probe_opens_it_again() {
    let mut breaker = opened();
    for now in [1000, 2000, 3000] {
        let ticket = probe(&mut breaker, now);
        assert!(!breaker.failed(ticket, at(now), QUICK, AWAY, 0));
        assert_eq!(refused(&mut breaker, now + 999), Some(now + 1000));
    }
}

#[test]
fn a_fleet_does_not_probe_in_step() {
    for (draw, until) in [(0, 1000), (u64::MAX / 2, 1124), (u64::MAX, 1249)] {
        let mut breaker = Breaker::new(BreakerPolicy { failures: 1, ..POLICY }, at(0));
        let ticket = go(&mut breaker, 0);
        assert!(breaker.failed(ticket, at(0), QUICK, AWAY, draw));
        assert_eq!(refused(&mut breaker, 1), Some(until));
    }
}

#[test]
fn what_was_sent_before_it_opened_or_closed_is_no_news() {
    let mut breaker = Breaker::new(POLICY, at(0));
    let early = go(&mut breaker, 0);
    (0..3).for_each(|_| _ = fail(&mut breaker, 0));
    assert!(!breaker.failed(early, at(900), QUICK, AWAY, 0), "does not prolong");
    assert!(!breaker.succeeded(early, at(900), QUICK, 0), "does not close");
    assert_eq!(refused(&mut breaker, 999), Some(1000));
    let ticket = probe(&mut breaker, 1000);
    breaker.succeeded(ticket, at(1001), QUICK, 0);
    (0..3).for_each(|_| assert!(!breaker.failed(early, at(1002), QUICK, AWAY, 0)));
    assert_eq!(breaker.state(at(1002)), State::Closed);
}

#[test]
fn a_lost_probe_gives_way_to_the_next() {
    let mut breaker = opened();
    probe(&mut breaker, 1000);
    assert_eq!(refused(&mut breaker, 1999), Some(2000));
    probe(&mut breaker, 2000);
}

#[test]
fn word_of_a_return_lets_one_probe_go_at_once() {
    let mut breaker = opened();
    let before = probe(&mut breaker, 5_000);
    breaker.returned(at(5_010));
    let after = probe(&mut breaker, 5_010);
    // Sent before the return, it tells nothing.
    assert!(!breaker.failed(before, at(5_020), Duration::ZERO, AWAY, 0));
    assert_eq!(refused(&mut breaker, 5_020), Some(6_010));
    assert!(!breaker.failed(after, at(5_030), Duration::ZERO, AWAY, 0));
    // Not again before the cool-down is over: the word may be wrong.
    breaker.returned(at(5_040));
    assert_eq!(refused(&mut breaker, 5_050), Some(6_030));
    breaker.returned(at(6_010));
    let after = probe(&mut breaker, 6_010);
    breaker.succeeded(after, at(6_020), Duration::ZERO, 0);
    assert_eq!(breaker.state(at(6_020)), State::Closed);
    breaker.returned(at(9_000));
    assert_eq!(breaker.state(at(9_000)), State::Closed);
}

#[test]
fn retry_after_opens_at_once_but_not_for_ever() {
    for (pause, until) in [(2, 2000), (3600, 60_000)] {
        let mut breaker = Breaker::new(POLICY, at(0));
        let ticket = go(&mut breaker, 0);
        assert!(breaker.failed(ticket, at(0), QUICK, asks_for(Duration::from_secs(pause)), 0));
        assert_eq!(refused(&mut breaker, until - 1), Some(until));
        assert_eq!(breaker.state(at(until)), State::HalfOpen);
    }
    let mut breaker = Breaker::new(POLICY, at(0));
    let ticket = go(&mut breaker, 0);
    assert!(!breaker.failed(ticket, at(0), QUICK, asks_for(Duration::ZERO), 0), "zero is no pause");
}

#[test]
fn a_share_of_failures_opens_and_a_smaller_one_does_not() {
    let mut breaker = Breaker::new(POLICY, at(0));
    // Every third fails: never three in a row, never half.
    for call in 0..300 {
        if call % 3 == 0 {
            assert!(!fail(&mut breaker, call * 100));
        } else {
            succeed(&mut breaker, call * 100);
        }
    }
    let mut breaker = Breaker::new(POLICY, at(0));
    let opened_by = (0..300u64).find(|call| {
        let now = call * 100;
        if call % 2 == 0 {
            return fail(&mut breaker, now);
        }
        let ticket = go(&mut breaker, now);
        breaker.succeeded(ticket, at(now), QUICK, 0)
    });
    assert_eq!(opened_by, Some(19), "as soon as min_calls are in the window, be the last one a success");
    // Old failures fall out of the window.
    let mut breaker = Breaker::new(POLICY, at(0));
    for call in 0..9 {
        assert!(!fail(&mut breaker, call * 10));
        succeed(&mut breaker, call * 10);
    }
    for call in 0..30 {
        succeed(&mut breaker, 11_000 + call);
    }
    assert!(!fail(&mut breaker, 11_100));
}

#[test]
fn slow_calls_open_it_and_a_slow_probe_does_not_close_it() {
    const SLOW: Duration = Duration::from_millis(201);
    let mut breaker = Breaker::new(POLICY, at(0));
    let opened_by = (0..100).find(|now| {
        let ticket = go(&mut breaker, *now);
        breaker.succeeded(ticket, at(*now), if now % 5 == 0 { QUICK } else { SLOW }, 0)
    });
    assert_eq!(opened_by, Some(19));
    let ticket = probe(&mut breaker, 1019);
    breaker.succeeded(ticket, at(1300), SLOW, 0);
    assert_eq!(breaker.state(at(1300)), State::Open);
    // Zero: nothing is slow.
    let mut breaker = Breaker::new(BreakerPolicy { slow_call: Duration::ZERO, ..POLICY }, at(0));
    for now in 0..100 {
        let ticket = go(&mut breaker, now);
        assert!(!breaker.succeeded(ticket, at(now), SLOW, 0));
    }
}

#[test]
fn after_an_outage_requests_get_slots() {
    let mut breaker = Breaker::new(POLICY, at(0));
    for call in 0..1000 {
        succeed(&mut breaker, call * 10);
    }
    (0..3).for_each(|_| _ = fail(&mut breaker, 10_000));
    let ticket = probe(&mut breaker, 11_000);
    breaker.succeeded(ticket, at(11_000), QUICK, 0);
    // A hundred a second before: a fifth of that at first.
    assert_eq!(refused(&mut breaker, 11_001), Some(11_050));
    assert!(
        matches!(breaker.admit(at(11_001), TIMEOUT, at(11_050)), Admission::Later(then, _) if then == at(11_050))
    );
    assert_eq!(refused(&mut breaker, 11_060), Some(11_100), "that slot was taken");
    assert!(matches!(breaker.admit_at_once(at(11_060), TIMEOUT), Admission::Go(_)), "a write");
    assert_eq!(refused(&mut breaker, 11_060), Some(11_150), "which was counted");
    assert_eq!(breaker.outlook(at(11_060)), Outlook::Slot(at(11_150)));
    assert_eq!(breaker.outlook(at(13_000)), Outlook::Clear);
    go(&mut breaker, 13_000);
    assert_eq!(breaker.outlook(at(13_000)), Outlook::Clear);
}

/// Opened, and closed by a probe at 1000.
fn returned() -> Breaker {
    let mut breaker = opened();
    let ticket = probe(&mut breaker, 1000);
    assert!(!breaker.succeeded(ticket, at(1000), QUICK, 0));
    breaker
}

/// Fails, or not, one request after another from 1100 on. Which of them opens it.
fn opens_at(breaker: &mut Breaker, failure: Failure, outcomes: &[bool]) -> Option<usize> {
    (0..outcomes.len()).find(|i| {
        let now = at(1100 + 50 * *i as u64);
        let Admission::Go(ticket) = breaker.admit_at_once(now, TIMEOUT) else { panic!("{i} is refused") };
        match outcomes[*i] {
            true => breaker.succeeded(ticket, now, QUICK, 0),
            false => breaker.failed(ticket, now, QUICK, failure, 0),
        }
    })
}

#[test]
fn an_origin_that_is_just_back_is_on_trial() {
    let after = |well: usize| [vec![true; well], vec![false; 4]].concat();
    assert_eq!(opens_at(&mut returned(), AWAY, &after(0)), Some(0));
    assert_eq!(opens_at(&mut returned(), AWAY, &after(7)), Some(7));
    assert_eq!(opens_at(&mut returned(), AWAY, &after(8)), Some(10), "as always");
    // One key may have failed, whose value the origin cannot tell.
    assert_eq!(opens_at(&mut returned(), FAILED, &after(0)), Some(2));
    // Not for longer than a cool-down.
    let mut breaker = returned();
    (0..4).for_each(|i| succeed(&mut breaker, 1200 + 200 * i));
    let opens: Vec<_> = (0..3).map(|i| fail(&mut breaker, 2000 + 200 * i)).collect();
    assert_eq!(opens, [false, false, true]);
    // A policy of one failure is not made easier.
    let mut breaker = Breaker::new(BreakerPolicy { failures: 1, ..POLICY }, at(0));
    assert!(fail(&mut breaker, 0));
    let ticket = probe(&mut breaker, 1000);
    breaker.succeeded(ticket, at(1000), QUICK, 0);
    assert_eq!(opens_at(&mut breaker, AWAY, &after(4)), Some(4));
}

#[test]
fn one_that_went_away_on_trial_is_asked_less_often_until_it_stays() {
    let mut breaker = returned();
    assert!(fail(&mut breaker, 1200));
    assert_eq!(refused(&mut breaker, 1200), Some(2700));
    let ticket = probe(&mut breaker, 2700);
    assert!(!breaker.failed(ticket, at(2700), QUICK, AWAY, 0));
    let ticket = probe(&mut breaker, 4200);
    breaker.succeeded(ticket, at(4200), QUICK, 0);
    (0..5).for_each(|i| succeed(&mut breaker, 4400 + 200 * i));
    (0..3).for_each(|i| assert_eq!(fail(&mut breaker, 5400 + 200 * i), i == 2));
    assert_eq!(refused(&mut breaker, 5800), Some(6800), "it had stayed");
}

/// A key whose value crashes the origin's worker, and everybody wants it.
#[test]
fn one_that_is_away_for_some_keys_only_is_let_go_on() {
    let mut breaker = returned();
    let (mut now, mut flaps) = (1000, 0);
    for request in 0..200 {
        now += 250;
        let ticket = loop {
            match breaker.admit_at_once(at(now), TIMEOUT) {
                Admission::Go(ticket) => break ticket,
                _ => now += 50,
            }
        };
        if ticket.probe || request % 5 != 0 {
            breaker.succeeded(ticket, at(now), QUICK, 0);
        } else {
            flaps += u32::from(breaker.failed(ticket, at(now), QUICK, AWAY, 0));
        }
    }
    assert!((1..=4).contains(&flaps), "{flaps}");
}

#[test]
fn zero_failures_is_no_breaker() {
    let mut breaker = Breaker::new(BreakerPolicy { failures: 0, ..POLICY }, at(0));
    for now in 0..1000 {
        let ticket = go(&mut breaker, now);
        assert!(!breaker.failed(ticket, at(now), QUICK, asks_for(COOLDOWN), 0));
    }
}

proptest! {
    /// Whatever a dead origin is asked, and however fast it fails: after the
    /// breaker has opened at most one request a second goes out.
    #[test]
    fn a_dead_origin_is_asked_once_a_second(
        pauses in proptest::collection::vec((1u64..400, 0u64..600, any::<u64>()), 1..400),
    ) {
        let mut breaker = opened();
        let (mut now, mut asked) = (0, Vec::new());
        for (pause, took, draw) in pauses {
            now += pause;
            if let Admission::Go(ticket) = breaker.admit(at(now), TIMEOUT, at(now)) {
                asked.push(now);
                breaker.failed(ticket, at(now + took), QUICK, AWAY, draw);
                now += took;
            }
        }
        for pair in asked.windows(2) {
            prop_assert!(pair[1] - pair[0] >= 1000, "{asked:?}");
        }
    }

    /// 0.7 s away, 0.3 s there, and always somebody who wants to ask: in the time that it
    /// is away it is asked no more than once a second.
    #[test]
    fn an_origin_that_flaps_is_asked_once_a_second_while_it_is_away(
        seed in any::<u64>(), gap in 25u64..200, took in 1u64..5,
    ) {
        let draws = crate::env::SplitMix::new(seed);
        let mut breaker = Breaker::new(BreakerPolicy { failures: 5, ..POLICY }, at(0));
        let start = 4000;
        (0..start / gap).for_each(|i| succeed(&mut breaker, i * gap));
        let (mut now, mut known, mut in_vain) = (start, false, 0);
        while now < start + 120_000 {
            let ticket = match breaker.admit(at(now), TIMEOUT, Instant::FAR_FUTURE) {
                Admission::Go(ticket) => ticket,
                Admission::Later(then, ticket) => {
                    now = then.as_nanos().div_ceil(1_000_000);
                    ticket
                }
                Admission::Refused(until) => {
                    now = until.as_nanos().div_ceil(1_000_000);
                    continue;
                }
            };
            let (away, draw) = ((now - start) % 1000 < 700, draws.draw());
            now += took;
            if away {
                in_vain += i32::from(known);
                known |= breaker.failed(ticket, at(now), QUICK, AWAY, draw);
            } else {
                breaker.succeeded(ticket, at(now), QUICK, draw);
            }
            now += gap;
        }
        prop_assert!(in_vain <= 84, "{in_vain} in 84 s");
    }
}

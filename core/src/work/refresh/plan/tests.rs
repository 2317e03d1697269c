use super::*;
use crate::facts::option_choice::PrefetchThreshold;

const BOUND: Duration = Duration::from_millis(1000);

fn at(ms: u64) -> Instant {
    Instant::ZERO.after(Duration::from_millis(ms))
}

/// A proof of this instant: wanted from 500 ms on, due at 900 ms.
fn proof(ms: u64) -> Times {
    Times {
        validated_at: at(ms),
        wanted_from: at(ms + 500),
        due: at(ms + 900),
        last_call: at(ms + 970),
        bound: BOUND,
    }
}

fn key(name: &str) -> Key {
    Key::copy_from(name.as_bytes())
}

fn plan(slots: LeaseSlots, keys: usize) -> Plan {
    let policy = PrefetchPolicy {
        threshold: PrefetchThreshold::Adaptive,
        half_life: Duration::from_secs(10),
        budget_percent: 50,
        keys,
        passing: 1,
    };
    Plan::new(policy, slots)
}

/// Period after period: read soon after the mark, refreshed at its time. When the
/// next proof begins.
fn warm(plan: &mut Plan, key: &Key, mut start: u64, periods: u32) -> u64 {
    for _ in 0..periods {
        assert!(!plan.asked(key, proof(start), at(start + 510), 0));
        let due = plan.take_due(at(start + 900), true, false);
        start += 900;
        for (key, _) in due {
            plan.proved(&key, proof(start));
        }
    }
    start
}

#[test]
fn a_read_past_the_time_starts_a_refresh_and_an_earlier_one_is_left_to_it() {
    let mut plan = plan(LeaseSlots::PerKey, 10);
    let k = key("k");
    assert!(!plan.asked(&k, proof(0), at(510), 0));
    assert_eq!(plan.next_due(), Some(at(900)));
    assert_eq!(plan.take_due(at(899), true, false), []);
    // One read is no evidence: the next asks again.
    assert!(plan.asks_again(&k));
    assert_eq!(plan.take_due(at(900), true, false), [(k.clone(), Decision::Leave)]);
    // It does, with who else asks within a sixteenth of the time.
    let late = key("late");
    assert!(!plan.asked(&late, proof(0), at(510), 0));
    plan.take_due(at(900), true, false);
    assert!(!plan.asked(&k, proof(0), at(905), 0));
    assert!(!plan.asked(&late, proof(0), at(915), 0));
    assert_eq!(plan.next_due(), Some(at(905).after(Duration::from_micros(56_250))));
    assert!(!plan.asks_again(&k), "two are");
    let hot = Decision::Refresh { unread: false };
    assert_eq!(plan.take_due(at(962), true, false), [(k.clone(), hot), (late, hot)]);
    // Not when it would be too late for that, nor if the origin is in trouble.
    assert!(!plan.asked(&k, proof(0), at(965), 0));
    assert_eq!(plan.next_due(), Some(at(970)));
    assert_eq!(plan.take_due(at(970), false, false), [(k.clone(), Decision::Asked)]);
    assert!(plan.asked(&k, proof(0), at(971), 0));
    assert_eq!(plan.next_due(), None);
}

#[test]
fn hot_keys_are_refreshed_before_anybody_asks_and_then_no_more() {
    let mut plan = plan(LeaseSlots::PerKey, 10);
    let k = key("k");
    let mut start = warm(&mut plan, &k, 0, 10);
    let mut unread = 0;
    // From now on nobody reads it.
    while let Some(due) = plan.next_due() {
        assert_eq!(due, at(start + 900));
        let due = plan.take_due(due, true, false);
        if due != [(k.clone(), Decision::Refresh { unread: true })] {
            assert_eq!(due, [(k.clone(), Decision::Leave)]);
            break;
        }
        unread += 1;
        start += 900;
        plan.proved(&k, proof(start));
    }
    assert_eq!(unread, 2);
    assert_eq!(plan.next_due(), None);
}

#[test]
fn nothing_is_hot_while_the_origin_is_in_trouble() {
    let mut plan = plan(LeaseSlots::PerKey, 10);
    let k = key("k");
    let start = warm(&mut plan, &k, 0, 10);
    assert!(!plan.asked(&k, proof(start), at(start + 510), 0));
    assert_eq!(plan.take_due(at(start + 900), false, false), [(k, Decision::Leave)]);
}

#[test]
fn neighbours_in_a_slot_go_along() {
    let keys = [key("a"), key("b"), key("c")];
    let all = |slots| {
        let mut plan = plan(slots, 10);
        for k in &keys {
            warm(&mut plan, k, 0, 10);
            // Each has a time of its own.
            plan.schedule(k, None);
            assert!(!plan.lost(k, proof(0), at(900), 0));
        }
        // Proved one after another, and all of them read again.
        for (k, start) in keys.iter().zip([9000, 9180, 9700]) {
            assert!(!plan.asked(k, proof(start), at(start + 510), 0));
        }
        plan.take_due(at(9900), true, false).into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(all(LeaseSlots::PerKey), keys[..1]);
    // "b" is due in 180 ms, "c" in 700.
    assert_eq!(all(LeaseSlots::Slots(1)), keys[..2]);
}

#[test]
fn a_read_that_waited_counts() {
    let mut plan = plan(LeaseSlots::PerKey, 10);
    let k = key("k");
    // Nobody reads it in time; a read fetches it 1,100 ms later, and so on: 2.2
    // reads in a bound are seen as soon as two of them are.
    assert!(!plan.asked(&k, proof(0), at(600), 0));
    assert_eq!(plan.take_due(at(900), true, false).len(), 1);
    assert!(!plan.asked(&k, proof(1100), at(1610), 0));
    assert_eq!(plan.take_due(at(2000), true, false), [(k, Decision::Refresh { unread: false })]);
}

#[test]
fn a_proof_in_between_moves_what_is_due() {
    let mut plan = plan(LeaseSlots::Slots(8), 10);
    let k = key("k");
    let start = warm(&mut plan, &k, 0, 10);
    assert_eq!(plan.next_due(), Some(at(start + 900)));
    // A write, say: in step, if that is not too early.
    plan.proved(&k, proof(start + 300));
    assert_eq!(plan.next_due(), Some(at(start + 900)));
    plan.proved(&k, proof(start + 500));
    assert_eq!(plan.next_due(), Some(at(start + 1400)));
    plan.gone(&k);
    assert_eq!(plan.next_due(), None);
}

#[test]
fn who_has_no_room_is_refreshed_in_time_if_it_was_read() {
    let mut plan = plan(LeaseSlots::PerKey, 2);
    assert!(!plan.asked(&key("a"), proof(0), at(510), 0));
    assert!(!plan.asked(&key("b"), proof(0), at(510), 0));
    assert!(!plan.asked(&key("c"), proof(0), at(510), 0));
    // More have no place even to wait in.
    assert!(plan.asked(&key("d"), proof(0), at(510), 0));
    // Nothing is known of it: a read is enough. The others are left, and forgotten in time.
    let due = plan.take_due(at(900), true, false);
    let decision = |of: &str| due.iter().find(|(k, _)| *k == key(of)).map(|(_, decision)| *decision);
    assert_eq!(
        [decision("a"), decision("b"), decision("c")],
        [Decision::Leave, Decision::Leave, Decision::Asked].map(Some)
    );
    assert_eq!((plan.known.len(), plan.passing), (2, 0));
    plan.proved(&key("c"), proof(900));
    assert_eq!(plan.next_due(), None);
    let later = 100_000;
    assert!(!plan.asked(&key("c"), proof(later), at(later + 510), 0));
    assert_eq!(plan.known.len(), 1);
}

#[test]
fn who_has_met_another_node_keeps_a_time_of_its_own() {
    let keys = [key("a"), key("b")];
    let together = |is_lost| {
        let mut plan = plan(LeaseSlots::PerKey, 10);
        keys.iter().for_each(|k| _ = warm(&mut plan, k, 0, 10));
        if is_lost {
            plan.schedule(&keys[1], None);
            assert!(!plan.lost(&keys[1], proof(0), at(900), 0));
        }
        for (k, start) in keys.iter().zip([9000, 9010]) {
            assert!(!plan.asked(k, proof(start), at(start + 510), 0));
        }
        plan.take_due(at(9900), true, false).len()
    };
    assert_eq!((together(false), together(true)), (2, 1));
}

#[test]
fn periods_do_not_drift() {
    let mut plan = plan(LeaseSlots::PerKey, 10);
    let k = key("k");
    let start = warm(&mut plan, &k, 0, 10);
    let due = plan.next_due().unwrap();
    plan.take_due(due, true, false);
    // The lease and the way to the origin took a while.
    plan.proved(&k, proof(start + 900 + 30));
    assert_eq!(plan.next_due(), Some(due.after(Duration::from_millis(900))));
    assert!(!plan.asked(&k, proof(start + 930), at(start + 930 + 510), 0));
    assert_eq!(plan.next_due(), Some(due.after(Duration::from_millis(900))));
    // Who met another node has a new start.
    plan.take_due(due.after(Duration::from_millis(900)), true, false);
    assert!(!plan.lost(&k, proof(start + 930), at(start + 1800), u64::MAX / 2 + 1));
    plan.proved(&k, proof(start + 1830));
    let moved = plan.next_due().unwrap();
    assert!((at(start + 1830 + 655)..=at(start + 1830 + 713)).contains(&moved), "half of what is possible");
}

#[test]
fn a_node_has_its_own_few_instants_at_which_keys_are_due() {
    let due = |node: u64| {
        let mut plan = Plan { turns: Some(Turns::new(node)), ..plan(LeaseSlots::PerKey, 100) };
        for k in 0..100 {
            assert!(!plan.asked(&key(&k.to_string()), proof(0), at(501), 0));
        }
        plan.due.iter().map(|(due, _)| *due).collect::<BTreeSet<_>>()
    };
    let all: Vec<_> = (0..8).map(due).collect();
    // Groups of keys at one or another of three instants, 300 ms apart.
    assert!(all.iter().all(|due| due.len() == 4), "{all:?}");
    let apart = |key: &Key| {
        let first = |node| {
            let mut plan = Plan { turns: Some(Turns::new(node)), ..plan(LeaseSlots::PerKey, 100) };
            plan.asked(key, proof(0), at(501), 0);
            plan.next_due().unwrap().as_nanos() % 300_000_000
        };
        let mut places: Vec<_> = (0..8).map(first).collect();
        places.sort_unstable();
        places.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap()
    };
    for k in 0..20 {
        assert!(apart(&key(&k.to_string())) > 18_750_000, "eight nodes refresh a key at different times");
    }
}

#[test]
fn a_key_that_is_at_its_turn_stays_there_and_is_not_taken_along_before() {
    let turns = Turns::new(3);
    let mut plan = Plan { turns: Some(turns), ..plan(LeaseSlots::PerKey, 10) };
    let k = key("k");
    assert!(!plan.asked(&k, proof(0), at(510), 0));
    let mut due = plan.next_due().unwrap();
    let other = key("other");
    for period in 0..10 {
        // Another one, that is not, a moment before.
        let before = due.before(Duration::from_millis(5));
        plan.asked(&other, Times { due: before, last_call: due, ..proof(0) }, before, 0);
        plan.schedule(&other, Some(Times { due: before, ..proof(0) }));
        plan.known.get_mut(&other).unwrap().at_turn = false;
        let taken: Vec<_> = plan.take_due(before, true, false).into_iter().map(|(key, _)| key).collect();
        assert_eq!(taken, std::slice::from_ref(&other), "{period}");
        let taken = plan.take_due(due, true, false);
        assert_eq!(taken.len(), 1, "{period}");
        let sent = due.after(Duration::from_millis(2));
        let proof = Times {
            validated_at: sent,
            wanted_from: sent.after(Duration::from_millis(500)),
            due: sent.after(Duration::from_millis(900)),
            last_call: sent.after(Duration::from_millis(970)),
            bound: BOUND,
        };
        plan.proved(&k, proof);
        plan.asked(&k, proof, sent.after(Duration::from_millis(510)), 0);
        let next = plan.next_due().unwrap();
        assert_eq!(next, due.after(Duration::from_millis(900)), "{period}");
        due = next;
    }
}

/// A proof is older than its request then, and is due before a period has passed.
#[test]
fn turns_make_no_key_early_time_after_time_whose_answers_have_an_age() {
    for age in [0, 5, 10, 50, 250] {
        let mut plan = Plan { turns: Some(Turns::new(3)), ..plan(LeaseSlots::PerKey, 10) };
        let k = key("k");
        assert!(!plan.asked(&k, proof(0), at(510), 0));
        let first = plan.next_due().unwrap();
        let mut due = first;
        for _ in 0..40 {
            assert_eq!(plan.take_due(due, true, false).len(), 1);
            let validated_at = due.after(Duration::from_millis(2)).before(Duration::from_millis(age));
            let after = |ms| validated_at.after(Duration::from_millis(ms));
            let proof = Times {
                validated_at,
                wanted_from: after(500),
                due: after(900),
                last_call: after(970),
                bound: BOUND,
            };
            plan.proved(&k, proof);
            plan.asked(&k, proof, after(510), 0);
            due = plan.next_due().unwrap();
        }
        // Once it is tried.
        let gap = due.since(first) / 40;
        let possible = Duration::from_millis(902 - age);
        // A sixteenth of the period is not called early.
        assert!(gap >= possible - Duration::from_millis(57 + 8), "{age} ms: {gap:?} of {possible:?}");
    }
}

#[test]
fn who_loses_a_lease_in_time_comes_at_another_time() {
    let mut plan = plan(LeaseSlots::PerKey, 10);
    let k = key("k");
    let start = warm(&mut plan, &k, 0, 10);
    // At first a refresh takes 10 ms.
    let put_off = |plan: &mut Plan, ms, draw| plan.lost(&k, proof(start), at(start + ms), draw);
    plan.schedule(&k, None);
    assert!(put_off(&mut plan, 520, u64::MAX / 2));
    let due = plan.next_due().unwrap();
    assert!((at(start + 540)..=at(start + 720)).contains(&due), "between the other's refresh and the end");
    // Whoever reads it meanwhile does not bring it back.
    assert!(!plan.asked(&k, proof(start), at(start + 530), 0));
    assert_eq!(plan.next_due(), Some(due));
    assert_eq!(plan.take_due(due, true, false), [(k.clone(), Decision::Refresh { unread: false })]);
    assert!(!put_off(&mut plan, 540, 0), "once a proof: then the backoff counts");
    assert_eq!(plan.next_due(), None);
    // What was proved while the lease was asked for stays as it was planned.
    plan.proved(&k, proof(start + 400));
    let due = plan.next_due();
    assert!(put_off(&mut plan, 520, 0) && plan.next_due() == due && due > Some(at(start + 900)));
}

#[test]
fn who_is_not_wanted_yet_does_not_go_along() {
    let mut plan = plan(LeaseSlots::Slots(1), 10);
    // Refreshes take so long that keys are due when reads begin to say so.
    let early = |ms| Times { due: at(ms + 500), ..proof(ms) };
    let (first, second) = (key("first"), key("second"));
    plan.asked(&first, proof(0), at(510), 0);
    plan.asked(&second, proof(0), at(510), 0);
    plan.schedule(&first, Some(early(0)));
    plan.schedule(&second, Some(early(100)));
    let due: Vec<Key> = plan.take_due(at(500), true, false).into_iter().map(|(key, _)| key).collect();
    assert_eq!(due, [first]);
}

#[test]
fn an_outage_says_nothing_of_who_reads() {
    let hot_after = |trouble| {
        let mut plan = plan(LeaseSlots::PerKey, 10);
        let k = key("k");
        let start = warm(&mut plan, &k, 0, 10);
        // It could not be refreshed, and is proved a minute later.
        assert_eq!(plan.take_due(at(start + 900), true, false).len(), 1);
        if trouble {
            plan.trouble(at(start + 910));
        }
        let later = start + 60_000;
        assert!(!plan.asked(&k, proof(later), at(later + 510), 0));
        plan.take_due(at(later + 900), true, false) == [(k, Decision::Refresh { unread: false })]
    };
    assert!(hot_after(true) && !hot_after(false));
}

#[test]
fn hot_keys_are_stranded_by_an_outage_and_rescued_once() {
    let mut plan = plan(LeaseSlots::PerKey, 10);
    let [hot, proved, failed, cold] = ["hot", "proved", "failed", "cold"].map(key);
    let mut start = 0;
    for k in [&hot, &proved, &failed] {
        start = warm(&mut plan, k, 0, 10);
        assert!(!plan.asked(k, proof(start), at(start + 510), 0));
    }
    assert!(!plan.asked(&cold, proof(start), at(start + 510), 0));
    plan.gone(&failed);
    plan.strand(&failed);
    let left = plan.take_due(at(start + 900), false, false);
    assert!(left.len() == 3 && left.iter().all(|(_, decision)| *decision == Decision::Leave));
    // A read has fetched it.
    assert!(!plan.asked(&proved, proof(start + 5_000), at(start + 5_510), 0));
    assert_eq!(plan.rescued(1, at(9000)), [failed]);
    assert_eq!(plan.rescued(9, at(9000)), [hot]);
    assert_eq!(plan.rescued(9, at(9000)), []);
}

#[test]
fn where_requests_are_few_more_goes_with_each() {
    let taken = |few| {
        let mut plan = plan(LeaseSlots::PerKey, 10);
        for (name, start) in [("a", 0), ("b", 50), ("c", 200), ("d", 300)] {
            assert!(!plan.asked(&key(name), proof(start), at(start + 510), 0));
        }
        plan.take_due(at(900), true, few).len()
    };
    assert_eq!((taken(false), taken(true)), (2, 3));
}

#[test]
fn what_was_read_while_the_origin_was_away_is_rescued_until_it_is_well() {
    let mut plan = plan(LeaseSlots::PerKey, 2);
    let (hot, a, b) = (key("hot"), key("a"), key("b"));
    warm(&mut plan, &hot, 0, 10);
    for k in [&a, &b, &key("one too many")] {
        plan.turn_away(k, at(9000));
    }
    plan.strand(&hot);
    assert_eq!(plan.rescued(2, at(9000)), [hot.clone(), a.clone()], "the hot ones first");
    // It went away again: what was on its way did not come.
    plan.trouble(at(9000));
    assert_eq!(plan.rescued(9, at(9000)), [a.clone(), b.clone()], "of no more than are known");
    // It is well, but the ramp is not over.
    plan.take_due(at(9000), true, true);
    plan.trouble(at(9000));
    assert_eq!(plan.rescued(1, at(9000)).first(), Some(&a));
    // The ramp is over, but what was taken may still be under way, and was too short for "b".
    plan.take_due(at(10_000), true, false);
    plan.trouble(at(10_000));
    assert_eq!(plan.rescued(9, at(10_000)), [a, b.clone()]);
    plan.proved(&b, proof(10_000));
    plan.trouble(at(10_001));
    assert_eq!(plan.rescued(9, at(10_001)).len(), 1, "\"b\" was refreshed");
    plan.take_due(at(20_002), true, false);
    plan.trouble(at(20_002));
    assert_eq!(plan.rescued(9, at(20_002)), [] as [Key; 0], "it has been well for long");
}

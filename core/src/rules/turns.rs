//! Turns: nodes that all refresh the same key do so one after another, without a word
//! between them, if each has a number of its own and they agree on the time of day.
//!
//! A node's instants are a third of a period apart, at a place within it that its number
//! says: the fraction of its product with the golden ratio. Of n numbers in a row the
//! places are about 1/n apart, the nearest not much less than half of that, however many
//! there are (the three-gap theorem of Sós and Świerczkowski, 1958); of every second, fourth
//! or eighth number as well. They stay where they are when nodes come. Keys of different groups are due at different
//! instants, by as much on each node.
//!
//! Wrong clocks, or numbers that nobody gave, cost a lease now and then, nothing else:
//! which instants a node comes at is never a condition of G1.

use std::time::Duration;

use crate::facts::clock::{Instant, saturating_nanos};

/// Instants of a node and key in each period: there is one before a refresh would be too
/// late and after reads can have said that the key is wanted, which is half of the bound.
const A_PERIOD: u32 = 3;
/// Groups of keys: a node's refreshes are at so many times as many instants.
const GROUPS: u64 = 4;
/// Of the distance of two instants: what counts as the same. A clock that is set or drifts
/// between two refreshes must not make the second a whole distance early.
const ABOUT: u32 = 64;

/// For keys that come at other times: instants in each period.
const OTHERS: u32 = 15;
/// 2^64 by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// When it is a node's turn.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// The time of day at instant zero.
    zero: u64,
    /// As a fraction of 2^64.
    place: u64,
}

impl Turns {
    /// The turns of the node with this number, where instants are times of day.
    pub fn new(number: u64) -> Self {
        let mut turns = Self { zero: 0, place: 0 };
        turns.renumber(number);
        turns
    }

    /// The node has got another number.
    pub fn renumber(&mut self, number: u64) {
        self.place = number.wrapping_mul(GOLDEN);
    }

    /// At `now` the wall clock shows so many nanoseconds.
    pub fn set_clock(&mut self, now: Instant, time_of_day: u64) {
        self.zero = time_of_day.wrapping_sub(now.as_nanos());
    }

    /// The last of the node's instants that is not after `due`, or but for a little, for a
    /// key that is refreshed once in `period`; `group` says which other keys come with it.
    pub fn last_before(&self, due: Instant, period: Duration, group: u64) -> Instant {
        let place = self.place.wrapping_add((group % GROUPS) * (u64::MAX / GROUPS));
        self.last(due.after(period / (A_PERIOD * ABOUT)), period / A_PERIOD, place)
    }

    /// The last of some more instants that is not after `until`: of keys that have met
    /// another node at its turn. Those that come near each other come together.
    pub fn other_before(&self, until: Instant, period: Duration) -> Instant {
        self.last(until, period / OTHERS, self.place)
    }

    fn last(&self, until: Instant, apart: Duration, place: u64) -> Instant {
        let apart = saturating_nanos(apart).max(1);
        let place = ((u128::from(place) * u128::from(apart)) >> 64) as u64;
        let time_of_day = until.as_nanos().wrapping_add(self.zero);
        let past = (time_of_day % apart + apart - place) % apart;
        Instant::from_nanos(until.as_nanos().saturating_sub(past))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(900);
    const FROM: Instant = Instant::from_nanos(5_000_000_000);

    fn turns(number: u64, zero: u64) -> Turns {
        let mut turns = Turns::new(number);
        turns.set_clock(Instant::ZERO, zero);
        turns
    }

    #[test]
    fn nodes_with_numbers_in_a_row_or_every_few_are_apart() {
        for (first, nodes, step) in [
            (0, 2, 1),
            (1, 3, 1),
            (5, 8, 1),
            (1_000_003, 16, 1),
            (0, 16, 2),
            (7, 16, 4),
            (1_u64 << 40, 13, 8),
        ] {
            let place = |n: u64| turns(first + n * step, 0).last_before(FROM, PERIOD, 0).as_nanos();
            let mut places: Vec<_> = (0..nodes).map(|n| place(n) % 300_000_000).collect();
            places.sort_unstable();
            places.push(places[0] + 300_000_000);
            let least = places.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
            let even = 300_000_000 / nodes;
            assert!(least > even / 2, "{nodes} from {first} by {step}: {least} of {even}");
        }
    }

    #[test]
    fn a_node_stays_at_its_instants_though_periods_are_no_whole_nanoseconds() {
        let turns = turns(5, 123_456_789);
        let period = Duration::from_nanos(900_000_001);
        let mut due = turns.last_before(FROM, period, 1);
        for _ in 0..1_000_000 {
            let step = due.after(period);
            let next = turns.last_before(step, period, 1);
            assert!(
                next.since(step) < Duration::from_millis(1) && step.since(next) < Duration::from_millis(1)
            );
            due = next;
        }
    }

    #[test]
    fn it_is_hardly_late_and_at_most_a_third_of_a_period_early() {
        for (number, group) in (0..64).flat_map(|n| (0..8).map(move |g| (n, g))) {
            let due = FROM.after(Duration::from_micros(number * 7919));
            let at = turns(number, 3).last_before(due, PERIOD, group);
            assert!(at.since(due) <= PERIOD / 192 && due.since(at) < PERIOD / 3);
        }
    }

    #[test]
    fn where_clocks_agree_it_does_not_matter_when_a_machine_was_started() {
        let ahead = Duration::from_secs(7);
        let early = turns(11, 0).last_before(FROM.after(ahead), PERIOD, 2);
        assert_eq!(early, turns(11, 7_000_000_000).last_before(FROM, PERIOD, 2).after(ahead));
        // One that is ahead of the time of day.
        let late = turns(11, 0u64.wrapping_sub(7_000_000_000)).last_before(FROM.after(2 * ahead), PERIOD, 2);
        assert_eq!(late, early.after(ahead));
    }
}

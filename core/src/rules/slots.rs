//! Which lease a key is refreshed under.

use crate::facts::key::Key;
use crate::facts::option_choice::LeaseSlots;

/// The name of the key's lease: the same on every node of a fleet.
pub fn lease_of(key: &Key, slots: LeaseSlots) -> Key {
    match slots {
        LeaseSlots::PerKey => key.clone(),
        LeaseSlots::Slots(_) => Key::copy_from(group_of(key, slots).to_string().as_bytes()),
    }
}

/// Keys of one group are due together on a node: those of one lease are.
pub fn group_of(key: &Key, slots: LeaseSlots) -> u64 {
    match slots {
        LeaseSlots::PerKey => fnv1a(key.as_bytes()),
        LeaseSlots::Slots(slots) => fnv1a(key.as_bytes()) % u64::from(slots),
    }
}

/// FNV-1a (Fowler, Noll, Vo), 64 bits: no seed, no word size, no byte order.
fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    // Its lower bits alone mix little.
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_all_releases_agree() {
        let lease = |key: &[u8], slots| lease_of(&Key::copy_from(key), slots).to_string();
        assert_eq!(lease(b"carrier/UA", LeaseSlots::PerKey), "carrier/UA");
        // Written down once: another number would be another fleet.
        assert_eq!(lease(b"carrier/UA", LeaseSlots::Slots(1024)), "927");
        assert_eq!(lease(b"a", LeaseSlots::Slots(1)), "0");
    }

    #[test]
    fn keys_spread_over_all_slots() {
        let mut keys = [0_u32; 64];
        for n in 0..6400 {
            let name = lease_of(&Key::copy_from(format!("key/{n}").as_bytes()), LeaseSlots::Slots(64));
            keys[name.to_string().parse::<usize>().unwrap()] += 1;
        }
        assert!(keys.iter().all(|keys| (50..=160).contains(keys)), "{keys:?}");
    }
}

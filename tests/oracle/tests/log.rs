//! The log format, which readers in other languages write from its description.

use edgecmp_oracle::log::{self, LogError};
use edgecmp_oracle::{Kind, Outcome, Read, Source};
use proptest::prelude::*;

fn any_read() -> impl Strategy<Value = Read> {
    let words = prop::array::uniform7(any::<u64>());
    let halves = prop::array::uniform4(any::<u32>());
    let kind = prop::sample::select(vec![
        Kind::Read,
        Kind::SetAcknowledged,
        Kind::DeleteAcknowledged,
        Kind::WriteUnknown,
    ]);
    let outcome =
        prop::sample::select(vec![Outcome::Ok, Outcome::Degraded, Outcome::NotFound, Outcome::Error]);
    let source = prop::sample::select(vec![Source::Hit, Source::Fetched, Source::Joined, Source::Other(9)]);
    (words, halves, kind, outcome, source, any::<bool>()).prop_map(
        |(words, halves, kind, outcome, source, absent)| Read {
            start_ns: words[0],
            end_ns: words[1],
            staleness_ns: words[2],
            version: words[3].into(),
            bound_ns: words[4],
            outage_bound_ns: words[5],
            min_version: words[6].into(),
            key: halves[0],
            crc: halves[1],
            error_code: halves[2],
            reader: halves[3],
            cache: 7,
            kind,
            outcome,
            source,
            absent,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(reads in prop::collection::vec(any_read(), 0..20), cut in 0_usize..80) {
        let mut bytes = log::header().to_vec();
        reads.iter().for_each(|read| bytes.extend(log::encode(read)));
        bytes.extend(vec![0xAA; cut]);
        let parsed = log::parse(&bytes, 7).unwrap();
        prop_assert_eq!(parsed.reads, reads);
        prop_assert_eq!(parsed.truncated_bytes, cut);
    }

    #[test]
    fn garbage_is_refused_or_parsed_but_never_panics(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = log::header().to_vec();
        bytes.extend(&tail);
        let _ = log::parse(&bytes, 0);
        let _ = log::parse(&tail, 0);
    }
}

#[test]
fn a_record_has_the_documented_layout() {
    let read = Read {
        start_ns: 0x0807_0605_0403_0201,
        key: 0xAABB_CCDD,
        outcome: Outcome::NotFound,
        reader: 5,
        ..Read::default()
    };
    let record = log::encode(&read);
    assert_eq!(record[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(record[56..60], [0xDD, 0xCC, 0xBB, 0xAA]);
    assert_eq!((record[65], record[72]), (2, 5));
    assert_eq!(log::header(), *b"EDGECMPLOG1\0\x50\0\0\0");
}

#[test]
fn another_magic_another_size_and_senseless_fields_are_refused() {
    assert!(matches!(log::parse(b"EDGECMPLOG2\0\x50\0\0\0", 0), Err(LogError::NotALog)));
    assert!(matches!(log::parse(b"EDGE", 0), Err(LogError::NotALog)));
    assert!(matches!(log::parse(b"EDGECMPLOG1\0\x40\0\0\0", 0), Err(LogError::RecordSize(64))));
    let mut bytes = log::header().to_vec();
    bytes.extend(log::encode(&Read::default()));
    bytes[16 + 65] = 9;
    let error = log::parse(&bytes, 0).unwrap_err();
    assert_eq!(error.to_string(), "read log: record 0: outcome is 9, which means nothing");
}

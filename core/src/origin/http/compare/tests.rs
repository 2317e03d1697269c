use proptest::prelude::*;

use super::*;

const LARGE: u128 = 0x018f_2f9e_7c1a_7000_8000_0000_0000_0001;

fn row(key: &[u8], version: Option<u128>) -> Row {
    let known = version.map(|v| Known { version: Version::new(v), validator: Some("\"t\"".into()) });
    (Key::copy_from(key), known)
}

fn three() -> Vec<Row> {
    vec![row(b"a", Some(7)), row(b"b/\xff", Some(LARGE)), row(b"c", None)]
}

/// Encodes with minicbor directly: an independent second of what an origin sends.
fn cbor(write: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder);
    encoder.into_writer()
}

fn one(write: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Result<OriginResult<Answer>, String> {
    let body = cbor(|e| {
        e.array(1).unwrap();
        write(e);
    });
    decode(&[row(b"a", Some(7))], &body, Duration::ZERO).map(|mut rows| rows.remove(0))
}

#[test]
fn requests_are_as_the_protocol_says() {
    let bytes = encode(&three());
    let mut expected = vec![0x83, 0x82, 0x41, b'a', 0x07, 0x82, 0x43, b'b', b'/', 0xff, 0x50];
    expected.extend(LARGE.to_be_bytes());
    expected.extend([0x82, 0x41, b'c', 0xf6]);
    assert_eq!(bytes, expected);
}

#[test]
fn reads_every_status() {
    let body = cbor(|e| {
        e.array(3).unwrap();
        e.array(5)
            .unwrap()
            .bytes(b"a")
            .unwrap()
            .u8(0)
            .unwrap()
            .u8(7)
            .unwrap()
            .null()
            .unwrap()
            .null()
            .unwrap();
        e.array(5)
            .unwrap()
            .bytes(b"b/\xff")
            .unwrap()
            .u8(1)
            .unwrap()
            .bytes(&(LARGE + 1).to_be_bytes())
            .unwrap();
        e.bytes(b"value").unwrap().u16(1500).unwrap();
        e.array(5)
            .unwrap()
            .bytes(b"c")
            .unwrap()
            .u8(2)
            .unwrap()
            .null()
            .unwrap()
            .null()
            .unwrap()
            .u8(0)
            .unwrap();
    });
    let second = Duration::from_secs(1);
    let rows = decode(&three(), &body, second).unwrap();
    let limits = Limits::default();
    assert_eq!(
        rows,
        [
            Ok(Answer::Unchanged { age: second, limits: None }),
            Ok(Answer::Value {
                value: Bytes::from_static(b"value"),
                validator: Validator::Version(Version::new(LARGE + 1), None),
                last_modified_at: None,
                age: Duration::from_millis(1500),
                limits,
            }),
            Ok(Answer::Absent { version: None, age: second, limits }),
        ]
    );
}

#[test]
fn an_error_is_of_its_row_and_no_missing_key() {
    let reason = "disk\n".repeat(100);
    let error = one(|e| {
        e.array(5)
            .unwrap()
            .bytes(b"a")
            .unwrap()
            .u8(3)
            .unwrap()
            .null()
            .unwrap()
            .str(&reason)
            .unwrap()
            .null()
            .unwrap();
    });
    let error = error.unwrap().unwrap_err().error;
    assert_eq!(error.code(), crate::facts::error::Code::OriginUnavailable);
    assert!(error.message().contains("disk\\ndisk") && error.message().len() < 300, "{error}");
}

#[test]
fn anything_else_is_malformed() {
    let refused = |write: fn(&mut Encoder<Vec<u8>>), expected: &str| {
        let error = one(write).unwrap_err();
        assert!(error.contains(expected), "{error}; not: {expected}");
    };
    refused(|e| drop(e.array(4)), "row 0: 4 items");
    refused(|e| drop(e.begin_array()), "indefinite");
    refused(|e| drop(e.array(5).unwrap().bytes(b"b")), "key \"b\"; asked was \"a\"");
    refused(|e| drop(e.array(5).unwrap().str("a")), "row 0: ");
    refused(|e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(4).unwrap().null()), "status 4");
    refused(
        |e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(0).unwrap().u8(8)),
        "not the version that was named",
    );
    refused(
        |e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(0).unwrap().null()),
        "not the version that was named",
    );
    refused(|e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(1).unwrap().null()), "without a version");
    refused(|e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(1).unwrap().i8(-1)), "row 0: ");
    refused(|e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(1).unwrap().bytes(&[1])), "not 16");
    refused(
        |e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(1).unwrap().bytes(&7u128.to_be_bytes())),
        "fit 64",
    );
    refused(
        |e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(1).unwrap().u8(8).unwrap().str("v")),
        "row 0: ",
    );
    refused(
        |e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(2).unwrap().null().unwrap().u8(1)),
        "row 0: ",
    );
    refused(|e| drop(e.array(5).unwrap().bytes(b"a").unwrap().u8(3).unwrap().u8(1)), "error with a version");
    // A length that the body does not have must not be believed.
    let huge =
        decode(&three(), &[0x83, 0x85, 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Duration::ZERO);
    assert!(huge.unwrap_err().starts_with("row 0: "));

    let other = decode(&three(), &cbor(|e| drop(e.array(u64::MAX))), Duration::ZERO);
    assert!(other.unwrap_err().contains("asked were 3"));
    assert!(decode(&[], &[0x80, 0x00], Duration::ZERO).unwrap_err().contains("1 bytes after"));
    assert!(decode(&[], b"<html>", Duration::ZERO).is_err());
    assert!(decode(&[], &[], Duration::ZERO).is_err());
    assert_eq!(decode(&[], &[0x80], Duration::ZERO), Ok(vec![]));
}

#[test]
fn the_cache_control_of_the_whole_limits_each_row() {
    let whole = Limits { staleness_bound: Some(Duration::from_secs(1)), ..Limits::default() };
    let limits = |answer| match limited(answer, whole) {
        Answer::Unchanged { limits, .. } => limits,
        Answer::Value { limits, .. } | Answer::Absent { limits, .. } => Some(limits),
    };
    let (age, before) = (Duration::ZERO, Limits::default());
    assert_eq!(limits(Answer::Unchanged { age, limits: None }), Some(whole));
    assert_eq!(limits(Answer::Absent { version: None, age, limits: before }), Some(whole));
}

#[test]
fn values_do_not_keep_the_answer_in_memory() {
    let body = cbor(|e| {
        e.array(1).unwrap().array(5).unwrap().bytes(b"a").unwrap().u8(1).unwrap().u8(8).unwrap();
        e.bytes(&[1; 100]).unwrap().null().unwrap();
    });
    let mut rows = decode(&[row(b"a", None)], &body, Duration::ZERO).unwrap();
    let Ok(Answer::Value { value, .. }) = rows.remove(0) else { panic!("no value") };
    assert!(!body.as_ptr_range().contains(&value.as_ptr()));
    assert_eq!(value.try_into_mut().unwrap().capacity(), 100);
}

proptest! {
    #[test]
    fn no_answer_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&three(), &body, Duration::ZERO);
    }

    #[test]
    fn no_damaged_answer_panics(at in 0usize..40, byte in any::<u8>(), cut in 0usize..40) {
        let mut body = cbor(|e| {
            e.array(1).unwrap().array(5).unwrap().bytes(b"a").unwrap().u8(1).unwrap().u64(u64::MAX).unwrap();
            e.bytes(b"value").unwrap().u64(u64::MAX).unwrap();
        });
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        body.truncate(body.len().saturating_sub(cut));
        let _ = decode(&[row(b"a", None)], &body, Duration::ZERO);
    }

    #[test]
    fn requests_come_back(rows in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..20), any::<Option<u128>>()), 0..20)) {
        let asked: Vec<Row> = rows.iter().map(|(key, version)| row(key, *version)).collect();
        let bytes = encode(&asked);
        let mut decoder = Decoder::new(&bytes);
        prop_assert_eq!(decoder.array().unwrap(), Some(rows.len() as u64));
        for (key, expected) in &rows {
            prop_assert_eq!(decoder.array().unwrap(), Some(2));
            prop_assert_eq!(decoder.bytes().unwrap(), &key[..]);
            prop_assert_eq!(version(&mut decoder).unwrap().map(Version::get), *expected);
        }
    }
}

//! The rows of a compare, in CBOR (RFC 8949): see `docs/origin-protocol.md`.

use std::time::Duration;

use bytes::Bytes;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::facts::entry::Limits;
use crate::facts::error::Code;
use crate::facts::key::Key;
use crate::facts::version::Version;
use crate::origin::{Answer, Known, OriginError, OriginResult, Validator};

const UNCHANGED: u8 = 0;
const VALUE: u8 = 1;
const GONE: u8 = 2;
const ERROR: u8 = 3;
/// An answer's row: key, status, version, value, age.
const ROW_FIELDS: u64 = 5;

type Decoded<T> = Result<T, minicbor::decode::Error>;

/// The request: one row a key.
pub fn encode(rows: &[(Key, Option<Known>)]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(rows.len() * 48));
    // Writing to a Vec does not fail.
    let _ = encoder.array(rows.len() as u64);
    for (key, known) in rows {
        let _ = encoder.array(2).and_then(|e| e.bytes(key.as_bytes()));
        let _ = match known.as_ref().map(|known| known.version.get()) {
            None => encoder.null(),
            Some(version) => match u64::try_from(version) {
                Ok(small) => encoder.u64(small),
                Err(_) => encoder.bytes(&version.to_be_bytes()),
            },
        };
    }
    encoder.into_writer()
}

/// The answer: as many rows as were asked, in the same order.
pub fn decode(body: &[u8], rows: &[(Key, Option<Known>)]) -> OriginResult<Vec<OriginResult<Answer>>> {
    let mut decoder = Decoder::new(body);
    let answers = read_rows(&mut decoder, rows).map_err(|error| {
        OriginError::garbage(format!("the compare's answer is not as specified: {error}"))
    })?;
    match decoder.position() == body.len() {
        true => Ok(answers),
        false => Err(OriginError::garbage("the compare's answer has more behind its last row")),
    }
}

fn read_rows(decoder: &mut Decoder<'_>, rows: &[(Key, Option<Known>)]) -> Decoded<Vec<OriginResult<Answer>>> {
    let expected = rows.len() as u64;
    if decoder.array()? != Some(expected) {
        return Err(wrong("not an array of as many rows as were asked"));
    }
    rows.iter().map(|(key, known)| read_row(decoder, key, known.is_some())).collect()
}

fn read_row(decoder: &mut Decoder<'_>, key: &Key, known: bool) -> Decoded<OriginResult<Answer>> {
    if decoder.array()? != Some(ROW_FIELDS) {
        return Err(wrong("a row is not an array of five"));
    }
    if decoder.bytes()? != key.as_bytes() {
        return Err(wrong("a row has another key than the one asked in its place"));
    }
    let status = decoder.u8()?;
    let version = nullable(decoder, read_version)?;
    let value = nullable(decoder, |d| match d.datatype()? {
        Type::String => d.str().map(str::as_bytes),
        _ => d.bytes(),
    })?;
    let age = Duration::from_millis(nullable(decoder, Decoder::u64)?.unwrap_or(0));
    let limits = Limits::default();
    Ok(match (status, version, value) {
        (UNCHANGED, ..) if known => Ok(Answer::Unchanged { age, limits: None }),
        (UNCHANGED, ..) => return Err(wrong("\"unchanged\", but no version was named to it")),
        (VALUE, Some(version), Some(value)) => Ok(Answer::Value {
            value: Bytes::copy_from_slice(value),
            validator: Validator::Version(version, None),
            last_modified_at: None,
            age,
            limits,
        }),
        (VALUE, ..) => return Err(wrong("a value without its version, or a version without its value")),
        (GONE, version, _) => Ok(Answer::Absent { version, age, limits }),
        (ERROR, _, reason) => {
            let reason = String::from_utf8_lossy(reason.unwrap_or_default());
            Err(OriginError::refused(
                Code::OriginUnavailable,
                format!("the origin failed for this key: {reason:.200}"),
            ))
        }
        _ => return Err(wrong("an unknown status")),
    })
}

fn read_version(decoder: &mut Decoder<'_>) -> Decoded<Version> {
    match decoder.datatype()? {
        Type::Bytes => {
            let bytes = decoder.bytes()?.try_into().map_err(|_| wrong("a version that is not 16 bytes"))?;
            Ok(Version::new(u128::from_be_bytes(bytes)))
        }
        _ => decoder.u64().map(Version::from),
    }
}

fn nullable<'b, T>(
    decoder: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Decoded<T>,
) -> Decoded<Option<T>> {
    match decoder.datatype()? {
        Type::Null | Type::Undefined => decoder.skip().map(|()| None),
        _ => read(decoder).map(Some),
    }
}

fn wrong(what: &'static str) -> minicbor::decode::Error {
    minicbor::decode::Error::message(what)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> Vec<(Key, Option<Known>)> {
        let known = |version: u128| Some(Known { version: Version::new(version), validator: None });
        [("a", known(7)), ("b", None), ("c", known(1 << 100)), ("d", None)]
            .map(|(key, known)| (Key::copy_from(key.as_bytes()), known))
            .into()
    }

    fn answer(edit: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
        let mut e = Encoder::new(Vec::new());
        edit(&mut e);
        e.into_writer()
    }

    #[test]
    fn round_trip() {
        let request = encode(&rows());
        let mut decoder = Decoder::new(&request);
        assert_eq!(decoder.array().unwrap(), Some(4));
        let body = answer(|e| {
            e.array(4).unwrap();
            e.array(5)
                .unwrap()
                .bytes(b"a")
                .unwrap()
                .u8(0)
                .unwrap()
                .null()
                .unwrap()
                .null()
                .unwrap()
                .u8(9)
                .unwrap();
            e.array(5).unwrap().bytes(b"b").unwrap().u8(1).unwrap().u8(3).unwrap().bytes(b"v").unwrap();
            e.null().unwrap();
            e.array(5)
                .unwrap()
                .bytes(b"c")
                .unwrap()
                .u8(2)
                .unwrap()
                .bytes(&(5u128 << 99).to_be_bytes())
                .unwrap();
            e.null().unwrap().null().unwrap();
            e.array(5).unwrap().bytes(b"d").unwrap().u8(3).unwrap().null().unwrap().str("locked").unwrap();
            e.null().unwrap();
        });
        let answers = decode(&body, &rows()).unwrap();
        assert_eq!(answers[0], Ok(Answer::Unchanged { age: Duration::from_millis(9), limits: None }));
        assert!(matches!(&answers[1], Ok(Answer::Value { value, .. }) if &value[..] == b"v"));
        assert!(
            matches!(answers[2], Ok(Answer::Absent { version: Some(v), .. }) if v == Version::new(5 << 99))
        );
        assert!(answers[3].as_ref().unwrap_err().error.message().contains("locked"));
    }

    #[test]
    fn refuses_what_was_not_asked() {
        let one = &rows()[1..2];
        let row = |key: &'static [u8], status: u8| {
            answer(|e| {
                e.array(1).unwrap().array(5).unwrap().bytes(key).unwrap().u8(status).unwrap();
                e.null().unwrap().null().unwrap().null().unwrap();
            })
        };
        assert!(decode(&row(b"b", 2), one).is_ok());
        for body in
            [row(b"x", 2), row(b"b", 0), row(b"b", 1), row(b"b", 9), Vec::new(), vec![0x80], vec![0xff]]
        {
            assert_eq!(decode(&body, one).unwrap_err().error.code(), Code::OriginProtocol, "{body:x?}");
        }
        let more = [row(b"b", 2), vec![0]].concat();
        assert!(decode(&more, one).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&body, &rows());
        }
    }
}

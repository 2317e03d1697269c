//! The CBOR of compare: rows out, answers in.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::Error as EncodeError;
use minicbor::{Decoder, Encoder};

use super::text::shown;
use crate::facts::entry::Limits;
use crate::facts::key::Key;
use crate::facts::version::Version;
use crate::origin::{Answer, Known, OriginError, OriginResult, Validator};

/// What the protocol allows in one request.
pub(super) const MAX_ROWS: usize = 1024;

/// A row as it is asked.
pub(super) type Row = (Key, Option<Known>);

/// The request: `[[key, version], ...]`.
pub(super) fn encode(rows: &[Row]) -> Vec<u8> {
    let size = rows.iter().map(|(key, _)| key.as_bytes().len() + 24).sum::<usize>();
    let mut encoder = Encoder::new(Vec::with_capacity(size + 9));
    encode_rows(&mut encoder, rows).expect("memory takes all that is written to it");
    encoder.into_writer()
}

fn encode_rows(encoder: &mut Encoder<Vec<u8>>, rows: &[Row]) -> Result<(), EncodeError<Infallible>> {
    encoder.array(rows.len() as u64)?;
    for (key, known) in rows {
        encoder.array(2)?.bytes(key.as_bytes())?;
        match known.as_ref().map(|known| known.version.get()) {
            None => encoder.null()?,
            Some(version) => match u64::try_from(version) {
                Ok(version) => encoder.u64(version)?,
                Err(_) => encoder.bytes(&version.to_be_bytes())?,
            },
        };
    }
    Ok(())
}

/// Reads the answer to `rows`. `age` is what the headers say of it as a whole;
/// a row may say more. The error is what is wrong with the answer.
pub(super) fn decode(rows: &[Row], body: &[u8], age: Duration) -> Result<Vec<OriginResult<Answer>>, String> {
    let mut decoder = Decoder::new(body);
    let length = array(&mut decoder).map_err(|malformed| malformed.to_string())?;
    if length != rows.len() as u64 {
        return Err(format!("{length} rows; asked were {}", rows.len()));
    }
    // No more room than rows were asked, whatever the answer claims.
    let mut answers = Vec::with_capacity(rows.len());
    for (index, (key, known)) in rows.iter().enumerate() {
        let asked = known.as_ref().map(|known| known.version);
        let row = decode_row(&mut decoder, key, asked, age);
        answers.push(row.map_err(|malformed| format!("row {index}: {malformed}"))?);
    }
    match body.len() - decoder.position() {
        0 => Ok(answers),
        rest => Err(format!("{rest} bytes after the last row")),
    }
}

fn decode_row(
    decoder: &mut Decoder<'_>,
    key: &Key,
    asked: Option<Version>,
    age: Duration,
) -> Result<OriginResult<Answer>, Malformed> {
    match array(decoder)? {
        5 => {}
        other => return Err(Malformed::Row(format!("{other} items, not 5"))),
    }
    let other = decoder.bytes()?;
    if other != key.as_bytes() {
        let message = format!("key \"{}\"; asked was \"{}\"", shown(other), shown(key.as_bytes()));
        return Err(Malformed::Row(message));
    }
    let status = decoder.u64()?;
    let version = version(decoder)?;
    let limits = Limits::default();
    let row = match (status, version) {
        (0, Some(_)) if version == asked => {
            decoder.null()?;
            Ok(Answer::Unchanged { age, limits: None })
        }
        (0, _) => return Err(Malformed::Row("unchanged, but not the version that was named".into())),
        (1, Some(version)) => {
            // A copy of its own: a slice would keep the whole answer in memory.
            let value = Bytes::from(Box::<[u8]>::from(decoder.bytes()?));
            let validator = Validator::Version(version, None);
            Ok(Answer::Value { value, validator, last_modified_at: None, age, limits })
        }
        (1, None) => return Err(Malformed::Row("a value without a version".into())),
        (2, version) => {
            decoder.null()?;
            Ok(Answer::Absent { version, age, limits })
        }
        (3, None) => {
            let reason = shown(decoder.str()?);
            Err(OriginError::lost(format!("the origin's compare could not answer for this key: {reason}")))
        }
        (3, Some(_)) => return Err(Malformed::Row("an error with a version".into())),
        (other, _) => return Err(Malformed::Row(format!("status {other}; allowed: 0 to 3"))),
    };
    let row_age = match decoder.datatype()? {
        Type::Null => decoder.null().map(|()| 0)?,
        _ => decoder.u64()?,
    };
    Ok(row.map(|answer| older(answer, Duration::from_millis(row_age))))
}

/// The answer under the `Cache-Control` of the whole: a row has none of its own.
pub(super) fn limited(mut answer: Answer, whole: Limits) -> Answer {
    match &mut answer {
        Answer::Unchanged { limits, .. } => *limits = Some(whole),
        Answer::Value { limits, .. } | Answer::Absent { limits, .. } => *limits = whole,
    }
    answer
}

fn older(mut answer: Answer, row_age: Duration) -> Answer {
    match &mut answer {
        Answer::Unchanged { age, .. } | Answer::Value { age, .. } | Answer::Absent { age, .. } => {
            *age = row_age.max(*age);
        }
    }
    answer
}

fn version(decoder: &mut Decoder<'_>) -> Result<Option<Version>, Malformed> {
    match decoder.datatype()? {
        Type::Null => decoder.null().map(|()| None).map_err(Malformed::Cbor),
        Type::Bytes => {
            let bytes = decoder.bytes()?;
            let number = <[u8; 16]>::try_from(bytes).map(u128::from_be_bytes).unwrap_or(0);
            // One form for each version: two could not be told apart from two versions.
            if u64::try_from(number).is_ok() {
                return Err(Malformed::Row("a version as bytes that are not 16, or fit 64 bits".into()));
            }
            Ok(Some(Version::new(number)))
        }
        _ => Ok(Some(decoder.u64()?.into())),
    }
}

fn array(decoder: &mut Decoder<'_>) -> Result<u64, Malformed> {
    decoder.array()?.ok_or_else(|| Malformed::Row("an array of indefinite length".into()))
}

#[derive(Debug)]
enum Malformed {
    Cbor(DecodeError),
    Row(String),
}

impl From<DecodeError> for Malformed {
    fn from(error: DecodeError) -> Self {
        Self::Cbor(error)
    }
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Its text may quote the answer.
            Self::Cbor(error) => f.write_str(&shown(error.to_string())),
            Self::Row(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests;

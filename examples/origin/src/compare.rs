//! The rows of a compare and their CBOR.

use std::convert::Infallible;

use minicbor::data::Type;
use minicbor::encode::Error as EncodeError;
use minicbor::{Decoder, Encoder};

use crate::item::Item;
use crate::key;
use crate::problem::Problem;

/// The most rows of one request.
pub const MAX_ROWS: usize = 1024;
/// Values of one answer; a row beyond it says so, and the client asks for that key alone.
const MAX_ANSWER_BYTES: usize = 32 << 20;

const ALLOWED: &str = "an array of rows [key: byte string, version: unsigned, 16 bytes or null]";

/// A row of the request.
#[derive(Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Checked when it is answered: a bad key is an error of its row, not of the request.
    pub key: &'a [u8],
    /// The version the client holds.
    pub version: Option<u128>,
}

/// The status of a row in the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The version named in the request is current.
    Unchanged = 0,
    /// Another is.
    Value = 1,
    /// The key does not exist.
    Gone = 2,
    /// This row could not be answered.
    Error = 3,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unchanged, Self::Value, Self::Gone, Self::Error];

    /// For metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Value => "value",
            Self::Gone => "gone",
            Self::Error => "error",
        }
    }
}

/// A row of the answer.
#[derive(Debug)]
pub enum Row<'a> {
    /// The version named is current.
    Unchanged(u64),
    /// The current version and its value.
    Value(u64, &'a [u8]),
    /// The version of the delete, if there was one. Also when the client named that very version: a
    /// key that does not exist is always said to be gone.
    Gone(Option<u64>),
    /// Why there is no answer.
    Error(&'static str),
}

impl Row<'_> {
    /// Its status.
    pub fn status(&self) -> Status {
        match self {
            Self::Unchanged(_) => Status::Unchanged,
            Self::Value(..) => Status::Value,
            Self::Gone(_) => Status::Gone,
            Self::Error(_) => Status::Error,
        }
    }
}

/// Reads a request. Strict: definite lengths, nothing after the array.
pub fn decode(body: &[u8]) -> Result<Vec<Question<'_>>, Problem> {
    let mut decoder = Decoder::new(body);
    let malformed = |error: minicbor::decode::Error| Problem::invalid("body", error, ALLOWED);
    let rows = decoder.array().map_err(malformed)?;
    let rows = rows.ok_or_else(|| indefinite("the array of rows"))?;
    if rows > MAX_ROWS as u64 {
        return Err(Problem::too_large("rows", rows, "at most 1024 rows"));
    }
    let mut questions = Vec::new();
    for index in 0..rows {
        let question = decode_row(&mut decoder).map_err(|error| match error {
            RowError::Cbor(error) => Problem::invalid(&format!("row {index}"), error, ALLOWED),
            RowError::Shape(found) => Problem::invalid(&format!("row {index}"), found, ALLOWED),
        })?;
        questions.push(question);
    }
    if decoder.position() != body.len() {
        let rest = body.len() - decoder.position();
        return Err(Problem::invalid("body", format!("{rest} bytes after the array"), ALLOWED));
    }
    Ok(questions)
}

fn indefinite(what: &str) -> Problem {
    Problem::invalid("body", format!("{what} has an indefinite length"), "definite lengths")
}

enum RowError {
    Cbor(minicbor::decode::Error),
    Shape(String),
}

impl From<minicbor::decode::Error> for RowError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Cbor(error)
    }
}

fn decode_row<'a>(decoder: &mut Decoder<'a>) -> Result<Question<'a>, RowError> {
    match decoder.array()? {
        Some(2) => {}
        Some(length) => return Err(RowError::Shape(format!("an array of {length}"))),
        None => return Err(RowError::Shape("an array of indefinite length".to_owned())),
    }
    let key = decoder.bytes()?;
    let version = match decoder.datatype()? {
        Type::Null => {
            decoder.null()?;
            None
        }
        Type::Bytes => {
            let bytes = decoder.bytes()?;
            let bytes = <[u8; 16]>::try_from(bytes)
                .map_err(|_| RowError::Shape(format!("a version of {} bytes", bytes.len())))?;
            Some(u128::from_be_bytes(bytes))
        }
        _ => Some(u128::from(decoder.u64()?)),
    };
    Ok(Question { key, version })
}

/// Answers each row from the item its key has, both in the order of the request.
pub fn answer<'a>(questions: &[Question<'_>], items: &'a [Option<Item>]) -> Vec<Row<'a>> {
    let mut bytes = 0;
    let rows = questions.iter().zip(items).map(|(question, item)| {
        if key::check(question.key).is_err() {
            return Row::Error("a key has 1 to 4096 bytes");
        }
        let Some(item) = item else {
            return Row::Gone(None);
        };
        let Some(value) = &item.value else {
            return Row::Gone(Some(item.version));
        };
        if question.version == Some(u128::from(item.version)) {
            return Row::Unchanged(item.version);
        }
        if bytes > 0 && bytes + value.len() > MAX_ANSWER_BYTES {
            return Row::Error("the answer is full; ask for this key alone");
        }
        bytes += value.len();
        Row::Value(item.version, value)
    });
    rows.collect()
}

/// Writes an answer. `age_ms`: how far it lags, null if it does not.
pub fn encode(
    questions: &[Question<'_>],
    rows: &[Row<'_>],
    age_ms: Option<u64>,
) -> Result<Vec<u8>, EncodeError<Infallible>> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.array(rows.len() as u64)?;
    for (question, row) in questions.iter().zip(rows) {
        encoder.array(5)?.bytes(question.key)?.u8(row.status() as u8)?;
        match row {
            Row::Unchanged(version) => encoder.u64(*version)?.null()?,
            Row::Value(version, value) => encoder.u64(*version)?.bytes(value)?,
            Row::Gone(Some(version)) => encoder.u64(*version)?.null()?,
            Row::Gone(None) => encoder.null()?.null()?,
            Row::Error(reason) => encoder.null()?.str(reason)?,
        };
        match age_ms {
            Some(age_ms) => encoder.u64(age_ms)?,
            None => encoder.null()?,
        };
    }
    Ok(encoder.into_writer())
}

//! `POST {base}/compare`.

use std::convert::Infallible;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::{Check, Context, Found, Outcome, Wrong, absent, ensure, not_writable};
use crate::client::Reply;

pub const CHECKS: &[Check] = &[
    ("compare: unchanged, value, gone", rows),
    ("compare: an empty request", empty),
    ("compare: more than 1,024 rows", too_many),
    ("compare: not CBOR", garbage),
];

const COST: &str = "no compare: single conditional GETs";

/// A row of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    key: Vec<u8>,
    status: u64,
    version: Option<u128>,
    value: Option<Vec<u8>>,
}

fn rows(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("compared");
    let gone = context.key("never written");
    context.put(&key, b"1", &[])?;
    let old = context.get(&key)?.version();
    context.put(&key, b"2", &[])?;
    let new = context.get(&key)?.version();
    let asked = [(&key, new), (&gone, None), (&key, old), (&key, None)];
    let Some(reply) = ask(context, &asked.map(|(key, version)| (&key[..], version)))? else {
        return absent(COST);
    };
    if new.is_none() {
        return Err(Wrong("there is a compare, but reads carry no Edge-Version".to_owned()));
    }
    let changed = || Row { key: key.clone(), status: 1, version: new, value: Some(b"2".to_vec()) };
    let wanted = [
        Row { key: key.clone(), status: 0, version: new, value: None },
        Row { key: gone, status: 2, version: None, value: None },
        changed(),
        changed(),
    ];
    let found = decode(&reply)?;
    ensure(found == wanted, || format!("answered {found:?}, not {wanted:?}"))?;
    Ok(Found::Present)
}

fn empty(context: &Context) -> Outcome {
    let Some(reply) = ask(context, &[])? else {
        return absent(COST);
    };
    ensure(decode(&reply)?.is_empty(), || "rows for no question".to_owned())?;
    Ok(Found::Present)
}

fn too_many(context: &Context) -> Outcome {
    let key = context.key("never written");
    if ask(context, &[])?.is_none() {
        return absent(COST);
    }
    let reply = context.client.compare(&encode(&vec![(&key[..], None); 1025]))?;
    if reply.status == 200 {
        // More than it must: then it has to be right.
        let rows = decode(&reply)?.len();
        ensure(rows == 1025, || format!("{rows} rows for 1025 questions"))?;
        return Ok(Found::Present);
    }
    rejected(&reply)
}

fn garbage(context: &Context) -> Outcome {
    if ask(context, &[])?.is_none() {
        return absent(COST);
    }
    rejected(&context.client.compare(b"\xff\xff not CBOR")?)
}

fn rejected(reply: &Reply) -> Outcome {
    // 404, 405 and 501 would turn compare off for minutes.
    let rejected = (400..500).contains(&reply.status) && !matches!(reply.status, 404 | 405);
    ensure(rejected, || format!("answered {}, not 400 or 413", reply.status))?;
    Ok(Found::Present)
}

/// `None`: the origin has no compare.
fn ask(context: &Context, rows: &[(&[u8], Option<u128>)]) -> Result<Option<Reply>, Wrong> {
    let reply = context.client.compare(&encode(rows))?;
    if matches!(reply.status, 404 | 405 | 501) {
        return Ok(None);
    }
    ensure(reply.status == 200, || format!("compare answered {}", reply.status))?;
    let media_type = reply.header("content-type").unwrap_or("none");
    ensure(media_type == "application/cbor", || format!("Content-Type is {media_type}"))?;
    Ok(Some(reply))
}

fn encode(rows: &[(&[u8], Option<u128>)]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let mut encode = || -> Result<(), minicbor::encode::Error<Infallible>> {
        encoder.array(rows.len() as u64)?;
        for (key, version) in rows {
            encoder.array(2)?.bytes(key)?;
            match version.map(|version| (u64::try_from(version), version)) {
                None => encoder.null()?,
                Some((Ok(version), _)) => encoder.u64(version)?,
                Some((Err(_), version)) => encoder.bytes(&version.to_be_bytes())?,
            };
        }
        Ok(())
    };
    // Writing to a Vec cannot fail.
    let _ = encode();
    encoder.into_writer()
}

fn decode(reply: &Reply) -> Result<Vec<Row>, Wrong> {
    let mut decoder = Decoder::new(&reply.body);
    let mut decode = || -> Result<Vec<Row>, minicbor::decode::Error> {
        let definite = || minicbor::decode::Error::message("a length is indefinite");
        let count = decoder.array()?.ok_or_else(definite)?;
        let mut rows = Vec::new();
        for _ in 0..count {
            if decoder.array()? != Some(5) {
                return Err(minicbor::decode::Error::message("a row is no array of 5"));
            }
            let key = decoder.bytes()?.to_vec();
            let status = decoder.u64()?;
            let version = optional(&mut decoder, |decoder| match decoder.datatype()? {
                Type::Bytes => <[u8; 16]>::try_from(decoder.bytes()?)
                    .map(u128::from_be_bytes)
                    .map_err(|_| minicbor::decode::Error::message("a version is not 16 bytes")),
                _ => decoder.u64().map(u128::from),
            })?;
            let value = optional(&mut decoder, |decoder| decoder.bytes().map(<[u8]>::to_vec))?;
            optional(&mut decoder, Decoder::u64)?;
            rows.push(Row { key, status, version, value });
        }
        Ok(rows)
    };
    decode().map_err(|error| Wrong(format!("the answer is not as specified: {error}")))
}

fn optional<'b, T>(
    decoder: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, minicbor::decode::Error>,
) -> Result<Option<T>, minicbor::decode::Error> {
    if decoder.datatype()? == Type::Null { decoder.null().map(|()| None) } else { read(decoder).map(Some) }
}

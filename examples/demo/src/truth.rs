//! The origin's own history, as the judge takes it. The record layout is documented at the origin's
//! `history` module; it is read here by its description, as the readers' logs are.

use edgecmp_oracle::{History, HistoryBuilder, Written};

use crate::clock;
use crate::failure::{Doing, Failure};
use crate::origin_client::OriginClient;

const HEADER_BYTES: usize = 32;

/// One row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    pub key: &'a [u8],
    pub written: Written,
}

/// Splits a page into rows.
pub fn rows(mut page: &[u8]) -> Result<Vec<Row<'_>>, Failure> {
    let mut rows = Vec::new();
    while !page.is_empty() {
        let cut = || Failure::new("the origin's history ends in the middle of a row");
        let (header, rest) = page.split_at_checked(HEADER_BYTES).ok_or_else(cut)?;
        let u64_at = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("8 bytes"));
        let key_bytes = u16::from_le_bytes([header[30], header[31]]);
        let (key, rest) = rest.split_at_checked(key_bytes.into()).ok_or_else(cut)?;
        let written = Written {
            version: u64_at(0).into(),
            began_ns: u64_at(8),
            visible_ns: u64_at(16),
            crc: u32::from_le_bytes(header[24..28].try_into().expect("4 bytes")),
            deleted: header[28] == 1,
        };
        rows.push(Row { key, written });
        page = rest;
    }
    Ok(rows)
}

/// The keys that have a value now, in the order in which they came to be.
pub fn present_keys(client: &OriginClient) -> Result<Vec<String>, Failure> {
    let mut builder = HistoryBuilder::new();
    let mut keys: Vec<Option<String>> = Vec::new();
    each_row(client, |row| {
        let id = builder.key(row.key) as usize;
        let name = String::from_utf8_lossy(row.key).into_owned();
        keys.resize(keys.len().max(id + 1), None);
        keys[id] = (!row.written.deleted).then_some(name);
    })?;
    Ok(keys.into_iter().flatten().collect())
}

/// The whole history. `keys`: the key list by whose line numbers the logs name keys. To be called
/// when all readers have ended: what is written later is not in it.
pub fn history(client: &OriginClient, keys: &[String]) -> Result<History, Failure> {
    let complete_until_ns = clock::now_ns();
    let mut builder = HistoryBuilder::new();
    for (line, key) in keys.iter().enumerate() {
        if builder.key(key.as_bytes()) as usize != line {
            return Err(Failure::new(format!("the key list names {key:?} twice")));
        }
    }
    each_row(client, |row| {
        let key = builder.key(row.key);
        builder.push(key, row.written);
    })?;
    builder.finish(complete_until_ns).doing("the origin's history makes no sense")
}

fn each_row(client: &OriginClient, mut take: impl FnMut(&Row<'_>)) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = client.history(after)?;
        let rows = rows(&page)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        let last = u64::try_from(last.written.version).unwrap_or(u64::MAX);
        if last <= after {
            return Err(Failure::new("the origin's history goes round in circles"));
        }
        after = last;
        rows.iter().for_each(&mut take);
    }
}

//! One transaction: the writes that were done together, not yet visible to anyone.
//!
//! Everything here is staged: if the transaction fails the group is dropped and nothing happened.

use std::collections::{BTreeSet, HashMap};

use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;
use rusqlite::{Result, Transaction};
use serde_json::json;

use super::{Answer, Change, Outcome, Write, sql};
use crate::clock;
use crate::document::{self, Document};
use crate::flight::Flight;
use crate::item::{Item, JSON, OCTET_STREAM};
use crate::problem::Problem;
use crate::state::State;

/// Documents by key, as the writer last wrote them; saves reading them back from their JSON.
pub type Documents = HashMap<Bytes, Document>;

/// A transaction in the making.
pub struct Group<'a> {
    transaction: &'a Transaction<'a>,
    state: &'a State,
    committed_documents: &'a Documents,
    now_ms: i64,
    began_ns: u64,
    first_version: u64,
    staged: Staged,
}

/// What a commit makes true.
#[derive(Default)]
pub struct Staged {
    /// In version order.
    pub items: Vec<(Bytes, Item)>,
    /// Documents as they are now; `None`: no longer known, read the item again.
    pub documents: HashMap<Bytes, Option<Document>>,
    /// Events folded.
    pub events: u64,
    /// Where the last item of a key stands in `items`.
    latest: HashMap<Bytes, usize>,
}

impl<'a> Group<'a> {
    /// `began_ns`: an instant before anything of this group could be seen.
    pub fn new(
        transaction: &'a Transaction<'a>,
        state: &'a State,
        committed_documents: &'a Documents,
        last_version: u64,
        began_ns: u64,
    ) -> Self {
        Self {
            transaction,
            state,
            committed_documents,
            now_ms: clock::wall_ms(),
            began_ns,
            first_version: last_version + 1,
            staged: Staged::default(),
        }
    }

    /// Does one write. The outer error ends the transaction, the inner one only this write.
    pub fn apply(&mut self, write: &Write) -> Result<Outcome> {
        let Some(idempotency) = &write.idempotency else {
            return self.execute(write);
        };
        if let Some((fingerprint, answer)) = sql::find_answer(self.transaction, &idempotency.key)? {
            if fingerprint == idempotency.fingerprint {
                return Ok(Ok(answer));
            }
            let problem = Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "this Idempotency-Key was used for another request",
            );
            let allowed = "a new key for a new request; the same request for the same key";
            return Ok(Err(problem.field("Idempotency-Key", &idempotency.key, allowed)));
        }
        let outcome = self.execute(write)?;
        if let Ok(answer) = &outcome {
            // A failed precondition is an answer too: a late duplicate must not write after it.
            sql::keep_answer(self.transaction, idempotency, answer, self.now_ms)?;
        }
        Ok(outcome)
    }

    /// Ends the group; what was staged is true once the transaction is committed.
    pub fn finish(self) -> Result<Staged> {
        if !self.staged.items.is_empty() {
            sql::add_transaction(self.transaction, self.first_version, self.began_ns)?;
        }
        Ok(self.staged)
    }

    fn execute(&mut self, write: &Write) -> Result<Outcome> {
        let (key, value, content_type) = match &write.change {
            Change::Events(flights) => return self.fold(flights),
            Change::Put { key, value, content_type } => (key, Some(value.clone()), content_type.clone()),
            Change::Delete { key } => (key, None, OCTET_STREAM),
        };
        let current = self.current(key);
        let present = current.as_ref().filter(|item| item.value.is_some());
        if !write.precondition.holds(present.map(|item| item.version)) {
            let version = current.map(|item| item.version);
            let shown = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let problem = Problem::new(StatusCode::PRECONDITION_FAILED, "not written").field(
                "version",
                shown,
                "the one the precondition names",
            );
            let status = StatusCode::PRECONDITION_FAILED;
            return Ok(Ok(Answer { status, version, body: problem.body(), replayed: false }));
        }
        self.staged.documents.insert(key.clone(), None);
        let version = self.write(key.clone(), value, content_type)?;
        Ok(Ok(done(version, json!({ "version": version }))))
    }

    fn fold(&mut self, flights: &[Flight]) -> Result<Outcome> {
        let mut touched = BTreeSet::new();
        // Looked up for the whole batch first: a foreign value must leave no half-folded batch.
        for key in flights.iter().flat_map(document::keys) {
            if !touched.contains(&key) {
                if let Err(problem) = self.load_document(&key) {
                    return Ok(Err(problem));
                }
                touched.insert(key);
            }
        }
        for flight in flights {
            for key in document::keys(flight) {
                if let Some(Some(document)) = self.staged.documents.get_mut(key.as_bytes()) {
                    document.fold(flight);
                }
            }
        }
        let mut version = self.last_version();
        let documents = touched.len();
        for key in touched {
            if let Some(Some(document)) = self.staged.documents.get(key.as_bytes()) {
                let value = Bytes::from(document.to_json());
                version = self.write(Bytes::from(key), Some(value), JSON)?;
            }
        }
        self.staged.events += flights.len() as u64;
        let body = json!({ "events": flights.len(), "documents": documents, "seq": version });
        Ok(Ok(done(version, body)))
    }

    /// Stages the document of `key`: from this group, the writer's copy, or the item.
    fn load_document(&mut self, key: &str) -> std::result::Result<(), Problem> {
        if matches!(self.staged.documents.get(key.as_bytes()), Some(Some(_))) {
            return Ok(());
        }
        let dropped = self.staged.documents.contains_key(key.as_bytes());
        let committed = self.committed_documents.get(key.as_bytes()).filter(|_| !dropped);
        let document =
            match committed {
                Some(document) => document.clone(),
                None => match self.current(key.as_bytes()).and_then(|item| item.value) {
                    None => Document::new(key),
                    Some(value) => Document::from_json(key, &value).ok_or_else(|| {
                        Problem::new(StatusCode::CONFLICT, "a key holds something else than a document")
                            .field("key", key, "absent, or a document that /events wrote")
                    })?,
                },
            };
        self.staged.documents.insert(Bytes::copy_from_slice(key.as_bytes()), Some(document));
        Ok(())
    }

    /// What the key holds inside this transaction.
    fn current(&self, key: &[u8]) -> Option<Item> {
        match self.staged.latest.get(key) {
            Some(&index) => self.staged.items.get(index).map(|(_, item)| item.clone()),
            None => self.state.get(key),
        }
    }

    fn last_version(&self) -> u64 {
        self.first_version + self.staged.items.len() as u64 - 1
    }

    fn write(&mut self, key: Bytes, value: Option<Bytes>, content_type: HeaderValue) -> Result<u64> {
        let version = self.last_version() + 1;
        let item = Item { version, value, content_type, modified_ms: self.now_ms };
        sql::put_item(self.transaction, &key, &item)?;
        sql::add_history(self.transaction, &key, &item, self.first_version)?;
        self.staged.latest.insert(key.clone(), self.staged.items.len());
        self.staged.items.push((key, item));
        Ok(version)
    }
}

fn done(version: u64, body: serde_json::Value) -> Answer {
    Answer { status: StatusCode::OK, version: Some(version), body: body.to_string(), replayed: false }
}

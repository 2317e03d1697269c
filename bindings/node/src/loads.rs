//! Loader calls in their environment: what is asked, and the answers.
//!
//! Answers to a call that is gone (its deadline passed, the cache closed) are
//! ignored here as core ignores them.

use bytes::Bytes;
use edgecmp::origin::callback::{Operation, OriginCall, Responder};
use edgecmp::{Code, Version};
use napi::Env;
use napi::bindgen_prelude::{Buffer, Unknown};
use napi_derive::napi;

use crate::arguments::with_bytes;
use crate::boundary::{Result, failure, guard};
use crate::environment::Environment;

impl Environment {
    fn responder(&self, call: u32) -> Option<Responder> {
        self.responders.borrow_mut().remove(&call)
    }
}

/// A version as a loader gave it; a text that is none breaks the protocol of
/// origins, not that of callers.
fn loaded_version(text: Option<String>) -> Result<Option<Version>> {
    let parse = |text: String| {
        text.parse()
            .map_err(|why| failure(Code::OriginProtocol, format!("version: got {text:?}; allowed: {why}")))
    };
    text.map(parse).transpose()
}

/// What a loader is asked.
#[napi(object, object_from_js = false)]
pub struct Load {
    /// Names the call in `answer*`.
    pub call: u32,
    /// `fetch`, `set`, `delete`, or one that is newer than this package.
    pub operation: &'static str,
    pub key: Buffer,
    /// The version that the cache holds (fetch).
    pub version: Option<String>,
    pub value: Option<Buffer>,
    pub idempotency_key: Option<String>,
    pub if_version: Option<String>,
    pub timeout_ms: f64,
    pub traceparent: Option<String>,
}

/// What the loader of the last event is asked.
#[napi]
pub fn take_load(environment: u32) -> Result<Load> {
    guard(|| {
        let environment = Environment::get(environment)?;
        let load = environment.load.take().ok_or_else(|| failure(Code::Internal, "no loader call waits"))?;
        let OriginCall { operation, responder, timeout, trace, .. } = load;
        let call = environment.next_id();
        environment.responders.borrow_mut().insert(call, responder);
        let blank = Load {
            call,
            operation: "fetch",
            key: Vec::new().into(),
            version: None,
            value: None,
            idempotency_key: None,
            if_version: None,
            timeout_ms: timeout.as_secs_f64() * 1e3,
            traceparent: trace.map(|trace| trace.as_str().to_owned()),
        };
        Ok(match operation {
            Operation::Fetch { key, known_version } => Load {
                key: key.as_bytes().into(),
                version: known_version.map(|version| version.get().to_string()),
                ..blank
            },
            Operation::Set { key, value, idempotency_key, if_version } => Load {
                operation: "set",
                key: key.as_bytes().into(),
                value: Some(value.as_ref().into()),
                idempotency_key: Some(idempotency_key.into()),
                if_version: if_version.map(|version| version.get().to_string()),
                ..blank
            },
            Operation::Delete { key, idempotency_key, if_version } => Load {
                operation: "delete",
                key: key.as_bytes().into(),
                idempotency_key: Some(idempotency_key.into()),
                if_version: if_version.map(|version| version.get().to_string()),
                ..blank
            },
            // An operation that this package does not know yet.
            _ => Load { operation: "unknown", ..blank },
        })
    })
}

/// The loader has the value.
#[napi]
pub fn answer_value(
    env: Env,
    environment: u32,
    call: u32,
    value: Unknown<'_>,
    version_text: Option<String>,
) -> Result<()> {
    guard(|| {
        let version = loaded_version(version_text)?;
        let value = with_bytes(&env, &value, "value", "a string or a Uint8Array", |bytes| {
            Ok(Bytes::copy_from_slice(bytes))
        })?;
        if let Some(responder) = Environment::get(environment)?.responder(call) {
            responder.value(value, version);
        }
        Ok(())
    })
}

/// The loader says that the version asked about is current.
#[napi]
pub fn answer_unchanged(environment: u32, call: u32) -> Result<()> {
    guard(|| {
        if let Some(responder) = Environment::get(environment)?.responder(call) {
            responder.unchanged();
        }
        Ok(())
    })
}

/// The loader says that there is no such key.
#[napi]
pub fn answer_absent(environment: u32, call: u32, version_text: Option<String>) -> Result<()> {
    guard(|| {
        let version = loaded_version(version_text)?;
        if let Some(responder) = Environment::get(environment)?.responder(call) {
            responder.absent(version);
        }
        Ok(())
    })
}

/// The writer has committed.
#[napi]
pub fn answer_written(environment: u32, call: u32, version_text: Option<String>) -> Result<()> {
    guard(|| {
        let version = loaded_version(version_text)?;
        if let Some(responder) = Environment::get(environment)?.responder(call) {
            responder.written(version);
        }
        Ok(())
    })
}

/// The loader or writer failed, with a code of the table by its name.
#[napi]
pub fn answer_failure(environment: u32, call: u32, code: String, message: String) -> Result<()> {
    guard(|| {
        let code =
            Code::ALL.iter().copied().find(|known| known.name() == code).unwrap_or(Code::OriginUnavailable);
        if let Some(responder) = Environment::get(environment)?.responder(call) {
            responder.fail(code, message);
        }
        Ok(())
    })
}

//! `PUT` and `DELETE {base}/{key}`.

use super::read::validator;
use super::{Check, Context, Found, Outcome, Wrong, absent, ensure, not_writable};
use crate::client::Reply;

pub const CHECKS: &[Check] = &[
    ("write: versions only grow", versions),
    ("write: a delete is seen, and its version stays", delete),
    ("write: Idempotency-Key", idempotency),
    ("write: Idempotency-Key on another request", idempotency_misused),
    ("write: If-Match", if_match),
];

fn versions(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("versions");
    let mut last = None;
    let steps: [(&str, Option<&[u8]>); 5] = [
        ("PUT", Some(b"1")),
        ("PUT of the same value", Some(b"1")),
        ("PUT of another value", Some(b"2")),
        ("DELETE", None),
        ("PUT after a DELETE", Some(b"1")),
    ];
    for (step, value) in steps {
        let reply = match value {
            Some(value) => context.put(&key, value, &[])?,
            None => context.client.delete(&key, &[])?,
        };
        let Some(version) = reply.version() else {
            return absent("no Edge-Version on writes: the copy is dropped and asked for again");
        };
        ensure(last.is_none_or(|last| version > last), || {
            format!("{step} took version {version} after {last:?}")
        })?;
        if value.is_some() {
            let read = context.get(&key)?.version();
            ensure(read == Some(version), || {
                format!("{step} answered version {version}, the next read {read:?}")
            })?;
        }
        last = Some(version);
    }
    Ok(Found::Present)
}

fn delete(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("deleted");
    context.put(&key, b"1", &[])?;
    let deleted = context.client.delete(&key, &[])?;
    if matches!(deleted.status, 404 | 405 | 501) {
        return absent("the origin takes no DELETE");
    }
    ensure(matches!(deleted.status, 200 | 204), || {
        format!("DELETE answered {}, not 200 or 204", deleted.status)
    })?;
    let reply = context.get(&key)?;
    ensure(matches!(reply.status, 404 | 410), || {
        format!("a deleted key answered {}, not 404 or 410", reply.status)
    })?;
    match reply.version() {
        None => absent("404 carries no Edge-Version: a negative entry has no version"),
        found if found == deleted.version() => Ok(Found::Present),
        found => Err(Wrong(format!("DELETE answered version {:?}, the 404 {found:?}", deleted.version()))),
    }
}

fn idempotency(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("idempotent");
    let retry_key = format!("{}-retry", context.prefix);
    let headers = [("idempotency-key", retry_key.as_str())];
    let first = context.put(&key, b"first", &headers)?;
    context.put(&key, b"between", &[])?;
    let again = context.put(&key, b"first", &headers)?;
    let now = context.get(&key)?;
    if now.body == b"first" {
        return absent("a retry writes twice: a retry after UNKNOWN_OUTCOME can undo a later write");
    }
    ensure(validator_or_version(&again) == validator_or_version(&first), || {
        "the retry did not get the first answer".to_owned()
    })?;
    Ok(Found::Present)
}

fn idempotency_misused(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("idempotent");
    let misused = format!("{}-misused", context.prefix);
    let headers = [("idempotency-key", misused.as_str())];
    context.put(&key, b"one", &headers)?;
    let reply = context.client.put(&key, b"another", &headers)?;
    if (400..500).contains(&reply.status) {
        return Ok(Found::Present);
    }
    if context.get(&key)?.body == b"another" {
        return absent("a key is not tied to its request");
    }
    // It was answered as a success, and the value is not there: a lost write.
    Err(Wrong(format!("answered {} and did not write", reply.status)))
}

fn if_match(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("conditional");
    context.put(&key, b"1", &[])?;
    let Some(current) = validator(&context.get(&key)?) else {
        return absent("no validator to name");
    };
    context.put(&key, b"2", &[])?;
    let stale = context.client.put(&key, b"3", &[("if-match", &current)])?;
    let read = context.get(&key)?;
    ensure(stale.status == 412, || {
        let effect = if read.body == b"3" { "and overwrote" } else { "" };
        format!("If-Match of an old version answered {}, not 412 {effect}", stale.status)
    })?;
    ensure(read.body == b"2", || "answered 412 and wrote".to_owned())?;
    let Some(current) = validator(&read) else {
        return Err(Wrong("the validator went away".to_owned()));
    };
    context.put(&key, b"3", &[("if-match", &current)])?;
    Ok(Found::Present)
}

fn validator_or_version(reply: &Reply) -> Option<String> {
    reply.header("edge-version").or_else(|| reply.header("etag")).map(str::to_owned)
}

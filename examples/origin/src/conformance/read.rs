//! `GET {base}/{key}`.

use super::{Check, Context, Found, Outcome, Wrong, absent, ensure, not_writable};
use crate::client::Reply;

pub const CHECKS: &[Check] = &[
    ("read: a key that does not exist", missing),
    ("read: the value comes back as it was written", value),
    ("read: Edge-Version", edge_version),
    ("read: 304 for the current version", unchanged),
    ("read: 200 for an older version", changed),
    ("read: keys with reserved characters", reserved_characters),
    ("read: keys that are not UTF-8", arbitrary_bytes),
];

fn missing(context: &Context) -> Outcome {
    let reply = context.get(&context.key("never written"))?;
    ensure(matches!(reply.status, 404 | 410), || format!("answered {}, not 404 or 410", reply.status))?;
    Ok(Found::Present)
}

fn value(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("value");
    let every_byte: Vec<u8> = (0..=255).collect();
    for value in [&every_byte[..], b""] {
        context.put(&key, value, &[])?;
        expect_value(&context.get(&key)?, value)?;
    }
    Ok(Found::Present)
}

fn edge_version(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("validators");
    context.put(&key, b"1", &[])?;
    let reply = context.get(&key)?;
    if let Some(text) = reply.header("edge-version") {
        ensure(reply.version().is_some(), || {
            format!("Edge-Version is {text:?}, neither a decimal below 2^128 nor a UUID")
        })?;
        return Ok(Found::Present);
    }
    ensure(validator(&reply).is_some() || reply.header("last-modified").is_some(), || {
        "neither Edge-Version nor ETag nor Last-Modified: nothing can be compared".to_owned()
    })?;
    absent("versions are opaque: ordered by when they were seen, no compare, no min_version")
}

fn unchanged(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("current");
    context.put(&key, b"same", &[])?;
    let first = context.get(&key)?;
    let Some(validator) = validator(&first) else {
        return absent("no ETag: every refresh carries the value");
    };
    let reply = context.client.get(&key, &[("if-none-match", &validator)])?;
    match reply.status {
        304 => {
            ensure(reply.version().is_none() || reply.version() == first.version(), || {
                format!("304 with version {:?} for {:?}", reply.version(), first.version())
            })?;
            Ok(Found::Present)
        }
        200 => {
            expect_value(&reply, b"same")?;
            absent("If-None-Match is ignored: every refresh carries the value")
        }
        status => Err(Wrong(format!("If-None-Match answered {status}, not 304 or 200"))),
    }
}

fn changed(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let key = context.key("changed");
    context.put(&key, b"old", &[])?;
    let old = context.get(&key)?;
    context.put(&key, b"new", &[])?;
    let Some(old) = validator(&old) else {
        return absent("no ETag: every refresh carries the value");
    };
    let reply = context.client.get(&key, &[("if-none-match", &old)])?;
    expect_value(&reply, b"new")?;
    Ok(Found::Present)
}

fn reserved_characters(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let names = ["a/b", "a%2Fb", "a b+c"];
    for name in names {
        context.put(&context.key(name), name.as_bytes(), &[])?;
    }
    for name in names {
        let reply = context.get(&context.key(name))?;
        expect_value(&reply, name.as_bytes())
            .map_err(|Wrong(what)| Wrong(format!("key {name:?}: {what}")))?;
    }
    Ok(Found::Present)
}

fn arbitrary_bytes(context: &Context) -> Outcome {
    if !context.writable {
        return not_writable();
    }
    let keys = [&b"\xff\x00"[..], b"\xfe\x00"].map(|end| [&context.key("bytes")[..], end].concat());
    for key in &keys {
        if !context.client.put(key, key, &[])?.is_success() {
            return absent("only text can be a key");
        }
    }
    let outcome = keys.iter().try_for_each(|key| expect_value(&context.get(key)?, key));
    for key in &keys {
        context.client.delete(key, &[])?;
    }
    outcome.map(|()| Found::Present)
}

/// What a cache would send as `If-None-Match`.
pub fn validator(reply: &Reply) -> Option<String> {
    let version = || reply.header("edge-version").map(|version| format!("\"{version}\""));
    reply.header("etag").map(str::to_owned).or_else(version)
}

fn expect_value(reply: &Reply, value: &[u8]) -> Result<(), Wrong> {
    ensure(reply.status == 200, || format!("GET answered {}, not 200", reply.status))?;
    ensure(reply.body == value, || {
        let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        format!("the value was {:?}, not {:?}", shown(&reply.body), shown(value))
    })
}

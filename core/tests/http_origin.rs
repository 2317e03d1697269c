//! The HTTP origin against servers that are raw TCP: what is on the wire, and
//! what bad, slow and broken answers become.
#![cfg(feature = "http")]

use std::time::Duration;

use edgecmp::origin::{Answer, Known, Origin, OriginResult, Validator};
use edgecmp::{Code, TraceContext, Version};

#[path = "http_origin/compare.rs"]
mod compare;
#[path = "http_origin/hostile.rs"]
mod hostile;
#[path = "http_origin/tls.rs"]
mod tls;
#[path = "http_origin/wire.rs"]
mod wire;

use wire::{Bytes, Last, Wire, fetch_once, get, http, known, put, write_once};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn value(answer: OriginResult<Answer>) -> Vec<u8> {
    match answer.unwrap() {
        Answer::Value { value, .. } => value.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_value_with_all_that_is_said_of_it() {
    let reply = http(
        "200 OK\r\nEdge-Version: 7\r\nETag: \"t\"\r\nAge: 2\r\nEdge-Age-Ms: 3500\r\n\
         Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nCache-Control: max-age=5, must-revalidate",
        b"value",
    );
    let Answer::Value { value, validator, last_modified_at, age, limits } = fetch_once(reply).await.unwrap()
    else {
        panic!("no value");
    };
    assert_eq!(&value[..], b"value");
    assert_eq!(value.try_into_mut().unwrap().capacity(), 5, "the value keeps more memory than it needs");
    assert_eq!(validator, Validator::Version(Version::new(7), Some("\"t\"".into())));
    assert_eq!(last_modified_at, Some(784_111_777_000));
    assert_eq!(age, Duration::from_millis(3500));
    assert_eq!(limits.staleness_bound, Some(Duration::from_secs(5)));
    assert_eq!(limits.outage_bound, Some(Duration::ZERO));
}

#[tokio::test]
async fn chunked_and_empty_values() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nva\r\n3\r\nlue\r\n0\r\nX-T: 1\r\n\r\n";
    assert_eq!(value(fetch_once(chunked.to_vec()).await), b"value");
    assert_eq!(value(fetch_once(http("200 OK", "")).await), b"");
}

#[tokio::test]
async fn what_is_not_a_value() {
    let wire =
        Wire::start(|_, _| Bytes(b"HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\n\r\n".to_vec()))
            .await;
    let fetch = edgecmp::origin::Fetch { known: Some(known(7)), ..get("k") };
    let Ok(Answer::Unchanged { limits: Some(limits), .. }) = wire.origin().fetch(fetch).await else {
        panic!()
    };
    assert_eq!(limits.staleness_bound, Some(Duration::ZERO));
    let error = wire.origin().fetch(get("k")).await.unwrap_err();
    assert_eq!(error.error.code(), Code::OriginProtocol, "a 304 that nobody asked for");

    let gone = fetch_once(http("410 Gone\r\nEdge-Version: 9", "bye")).await;
    assert!(matches!(gone, Ok(Answer::Absent { version: Some(v), .. }) if v == Version::new(9)), "{gone:?}");
    assert!(matches!(fetch_once(http("404 Not Found", "")).await, Ok(Answer::Absent { version: None, .. })));

    for (head, code, retry_after) in [
        ("429 Too Many Requests\r\nRetry-After: 3", Code::OriginUnavailable, Some(3)),
        ("503 Service Unavailable\r\nRetry-After: 4", Code::OriginUnavailable, Some(4)),
        ("500 Internal Server Error", Code::OriginUnavailable, None),
        ("403 Forbidden", Code::OriginRejected, None),
        ("302 Found\r\nLocation: http://elsewhere/", Code::OriginProtocol, None),
        ("200 OK\r\nEdge-Version: new", Code::OriginProtocol, None),
    ] {
        let error = fetch_once(http(head, "secret body")).await.unwrap_err();
        assert_eq!(
            (error.error.code(), error.retry_after.map(|d| d.as_secs())),
            (code, retry_after),
            "{head}"
        );
        assert!(!error.error.message().contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn writes_say_whether_they_were_done() {
    let written = write_once(http("201 Created\r\nEdge-Version: 8", "")).await.unwrap();
    assert_eq!(written.validator, Validator::Version(Version::new(8), None));
    for (reply, code, surely_not_done) in [
        (http("412 Precondition Failed", ""), Code::Conflict, true),
        (http("422 Unprocessable Content", ""), Code::OriginRejected, true),
        (http("429 Too Many Requests", ""), Code::OriginUnavailable, true),
        (http("503 Service Unavailable", ""), Code::OriginUnavailable, false),
        (http("202 Accepted", ""), Code::OriginProtocol, false),
        (b"garbage".to_vec(), Code::OriginProtocol, false),
        (Vec::new(), Code::OriginUnavailable, false),
    ] {
        let text = String::from_utf8_lossy(&reply).into_owned();
        let error = write_once(reply).await.unwrap_err();
        assert_eq!((error.error.code(), error.surely_not_done), (code, surely_not_done), "{text}");
    }
}

#[tokio::test]
async fn an_origin_that_is_away_is_told_from_one_that_cannot_tell_this_value() {
    let mut half = http("200 OK\r\nEdge-Version: 8", "whole");
    half.pop();
    for (reply, away) in [
        (Vec::new(), true),
        (http("502 Bad Gateway", ""), true),
        (http("503 Service Unavailable", ""), true),
        (http("504 Gateway Timeout", ""), true),
        (http("500 Internal Server Error", ""), false),
        (http("429 Too Many Requests", ""), false),
        (http("403 Forbidden", ""), false),
        (b"garbage".to_vec(), false),
        (half, false),
    ] {
        let text = String::from_utf8_lossy(&reply).into_owned();
        let error = fetch_once(reply).await.unwrap_err();
        assert_eq!(error.away, away, "{text}");
    }
}

#[tokio::test]
async fn nothing_was_sent_where_nobody_listens() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let wire = Wire::start(|_, _| Last(Vec::new())).await;
    let origin = wire.origin_with(|o| o.origin = format!("http://127.0.0.1:{port}/{{key}}"));
    let error = origin.write(put("k", b"v")).await.unwrap_err();
    assert_eq!(
        (error.error.code(), error.surely_not_done, error.away),
        (Code::OriginUnavailable, true, true)
    );
    assert!(error.error.message().contains("no connection"), "{error:?}");
}

#[tokio::test]
async fn requests_on_the_wire() {
    let wire = Wire::start(|_, _| Bytes(http("200 OK\r\nEdge-Version: 8", "v"))).await;
    let origin = wire.origin_with(|o| o.set("origin_bearer_token", "s3cret").unwrap());
    let trace = TraceContext::parse(TRACE);
    let tag = Known { version: Version::new(7), validator: Some("W/\"t\"".into()) };
    let date = Known { version: Version::new(7), validator: Some("Sun, 06 Nov 1994 08:49:37 GMT".into()) };
    for known in [Some(known(7)), Some(tag), Some(date), None] {
        let fetch = edgecmp::origin::Fetch { known, trace: trace.clone(), ..get("a/ä?..") };
        origin.fetch(fetch).await.unwrap();
    }
    let write = edgecmp::origin::Write { if_version: Some(Version::new(7)), trace, ..put("k", b"value") };
    origin.write(write.clone()).await.unwrap();
    origin.write(edgecmp::origin::Write { value: None, if_version: None, ..write }).await.unwrap();

    let seen = wire.seen();
    let conditions = seen.iter().map(|s| (s.header("if-none-match"), s.header("if-modified-since")));
    assert_eq!(
        conditions.collect::<Vec<_>>()[..4],
        [
            (Some("\"7\""), None),
            (Some("W/\"t\""), None),
            (None, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (None, None)
        ]
    );
    assert_eq!(seen[0].line(), "GET /items/a%2F%C3%A4%3F.. HTTP/1.1");
    assert_eq!(seen[4].line(), "PUT /items/k HTTP/1.1");
    assert_eq!((seen[4].header("if-match"), &seen[4].body[..]), (Some("\"7\""), &b"value"[..]));
    assert_eq!(seen[5].line(), "DELETE /items/k HTTP/1.1");
    assert_eq!((seen[5].header("if-match"), &seen[5].body[..]), (None, &b""[..]));
    for (index, request) in seen.iter().enumerate() {
        assert_eq!(request.connection, 0, "the connection was not used again");
        assert_eq!(request.header("traceparent"), Some(TRACE));
        assert_eq!(request.header("authorization"), Some("Bearer s3cret"));
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        assert_eq!(request.header("host"), Some(&*format!("127.0.0.1:{}", wire.port)));
        assert_eq!(request.header("idempotency-key"), (index >= 4).then_some("i-1"));
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_unsent() {
    let wire = Wire::start(|_, _| Last(Vec::new())).await;
    let write = edgecmp::origin::Write { idempotency_key: "a\r\nx: y".into(), ..put("k", b"v") };
    let error = wire.origin().write(write).await.unwrap_err();
    assert_eq!((error.error.code(), error.surely_not_done), (Code::InvalidArgument, true));
    assert!(error.error.message().starts_with("idempotency_key: "), "{error:?}");
    let error = wire.origin().fetch(get(&"/".repeat(60_000))).await.unwrap_err();
    assert_eq!(error.error.code(), Code::InvalidArgument);
    assert!(wire.seen().is_empty());
}

#[tokio::test]
async fn a_connection_closed_between_requests_is_opened_again() {
    let wire = Wire::start(|_, _| Last(http("200 OK\r\nEdge-Version: 8", "v"))).await;
    let origin = wire.origin();
    for _ in 0..5 {
        assert_eq!(value(origin.fetch(get("k")).await), b"v");
        // Let the close arrive: what comes after it needs no repetition.
        tokio::time::sleep(Duration::from_millis(20)).await;
        origin.write(put("k", b"v")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(wire.seen().len(), 10);
}

#[tokio::test]
async fn a_read_is_repeated_if_its_old_connection_dies_and_a_write_is_not() {
    // The second request on each connection finds it closed.
    let wire =
        Wire::start(|n, _| if n % 2 == 0 { Bytes(http("200 OK", "v")) } else { Last(Vec::new()) }).await;
    let origin = wire.origin();
    let idle = || tokio::time::sleep(Duration::from_millis(500));
    assert_eq!(value(origin.fetch(get("k")).await), b"v");
    idle().await;
    assert_eq!(value(origin.fetch(get("k")).await), b"v");
    let connections: Vec<usize> = wire.seen().iter().map(|s| s.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
    idle().await;
    let error = origin.write(put("k", b"v")).await.unwrap_err();
    assert_eq!((error.error.code(), error.surely_not_done), (Code::OriginUnavailable, false));
    assert_eq!(wire.seen().len(), 4, "the write was sent twice");
    // That answered just now, and dies: it was not closed as idle.
    assert_eq!(value(origin.fetch(get("k")).await), b"v");
    origin.fetch(get("k")).await.unwrap_err();
    assert_eq!(wire.seen().len(), 6, "the origin dies, and was asked twice");
    // On a new connection there is nothing to explain it: no repetition.
    let dead = Wire::start(|_, _| Last(Vec::new())).await;
    dead.origin().fetch(get("k")).await.unwrap_err();
    assert_eq!(dead.seen().len(), 1);
}

#[tokio::test]
async fn a_small_body_that_nobody_reads_costs_no_connection() {
    let wire = Wire::start(|_, _| wire::Drip(http("404 Not Found", "no"), Duration::from_millis(1))).await;
    let origin = wire.origin();
    for _ in 0..3 {
        origin.fetch(get("k")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(wire.seen().iter().all(|s| s.connection == 0));
}

#[test]
fn options_that_make_no_origin() {
    use edgecmp::origin::http::{HttpConfig, HttpOrigin};
    for (name, text, expected) in [
        ("origin", "https://user:s3cret@h/{key}", "origin: got https://***@h/{key}; allowed"),
        ("origin_bearer_token", "s3cret with spaces", "origin_bearer_token: got ***; allowed"),
        ("origin_ca_file", "/nowhere/ca.pem", "origin_ca_file: got \"/nowhere/ca.pem\""),
        ("origin_ca_file", "/dev/null", "no certificate in it"),
    ] {
        let mut options = edgecmp::Options::default();
        options.set("origin", "https://h/{key}").unwrap();
        options.set(name, text).unwrap();
        let error = HttpOrigin::new(HttpConfig::from_options(&options)).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        assert!(!format!("{:?}", HttpConfig::from_options(&options)).contains("s3cret"));
    }
}

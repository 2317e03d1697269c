//! Answers that are broken, too large, too slow, or no HTTP at all.

use std::time::Duration;

use edgecmp::origin::{Origin, OriginError};
use edgecmp::{Code, Options};
use tokio::time::timeout;

use super::wire::{Bytes, Drip, Endless, Last, Reply, SOON, Wire, fetch_once, get, http, put};

/// Fetches from a server that does this with every request; must end `SOON`
/// by itself, although the call would wait longer.
async fn failure_of(reply: impl Fn() -> Reply + Send + Sync + 'static) -> OriginError {
    let wire = Wire::start(move |_, _| reply()).await;
    let small = |o: &mut Options| {
        o.set("max_response_bytes", "64KiB").unwrap();
        o.set("max_header_bytes", "8KiB").unwrap();
    };
    let fetch = wire.origin_with(small).fetch(get("k"));
    timeout(SOON, fetch).await.expect("the fetch hangs").unwrap_err()
}

fn assert_code(error: &OriginError, code: Code, says: &str) {
    assert_eq!(error.error.code(), code, "{error:?}");
    let message = error.error.message();
    assert!(message.contains(says) && message.len() < 400, "{message}; not: {says}");
}

#[tokio::test]
async fn no_http() {
    for garbage in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nvv",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        let error = fetch_once(garbage.to_vec()).await.unwrap_err();
        assert_code(&error, Code::OriginProtocol, "head of the answer cannot be read");
    }
}

#[tokio::test]
async fn lost_connections() {
    for (part, says) in [
        (&b""[..], "broke before an answer"),
        (b"HTTP/1.1 2", "broke before an answer"),
        (b"HTTP/1.1 200 OK\r\nEdge-Ver", "broke before an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "broke within the answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf", "broke within the answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "broke within the answer"),
    ] {
        let error = fetch_once(part.to_vec()).await.unwrap_err();
        assert_code(&error, Code::OriginUnavailable, says);
    }
}

#[tokio::test]
async fn a_body_without_an_end_of_its_own_is_not_believed() {
    for head in ["HTTP/1.1 200 OK\r\nEdge-Version: 7\r\n\r\n", "HTTP/1.0 200 OK\r\nEdge-Version: 7\r\n\r\n"] {
        let error = fetch_once(format!("{head}perhaps half").into()).await.unwrap_err();
        assert_code(&error, Code::OriginProtocol, "neither Content-Length nor chunked");
    }
}

#[tokio::test]
async fn sizes_are_bounded() {
    // Refused by what it says: not one byte of it ever comes.
    let announced = || Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".to_vec());
    assert_code(&failure_of(announced).await, Code::OriginProtocol, "Content-Length: 10000000000 above max");
    let impossible = || Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_vec());
    assert_code(&failure_of(impossible).await, Code::OriginProtocol, "cannot be read");

    let chunk = [b"1000\r\n".to_vec(), vec![b'v'; 0x1000], b"\r\n".to_vec()].concat();
    let chunks =
        move || Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), chunk.clone());
    assert_code(&failure_of(chunks).await, Code::OriginProtocol, "above max_response_bytes = 65536");

    let headers = || Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".to_vec());
    assert_code(&failure_of(headers).await, Code::OriginProtocol, "cannot be read");
    let header = || Endless(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), b"yyyyyyyyyyyyyyyy".to_vec());
    assert_code(&failure_of(header).await, Code::OriginProtocol, "cannot be read");
    let trailers = || {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nv\r\n0\r\n";
        Endless(head.to_vec(), b"X: y\r\n".to_vec())
    };
    assert_code(&failure_of(trailers).await, Code::OriginProtocol, "body of the answer cannot be read");
    let extension =
        || Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;".to_vec(), b"xxxxxxxx".to_vec());
    assert_code(&failure_of(extension).await, Code::OriginProtocol, "body of the answer cannot be read");
    let size =
        || Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_vec());
    assert_code(&failure_of(size).await, Code::OriginProtocol, "body of the answer cannot be read");
}

#[tokio::test]
async fn a_value_of_the_largest_size_is_read() {
    let wire = Wire::start(|_, _| Bytes(http("200 OK", vec![b'v'; 65536]))).await;
    let origin = wire.origin_with(|o| o.set("max_response_bytes", "64KiB").unwrap());
    assert_eq!(super::value(origin.fetch(get("k")).await).len(), 65536);
    // Discarded bodies may be of any size.
    let wire = Wire::start(|_, _| Endless(b"HTTP/1.1 404 No\r\n\r\n".to_vec(), vec![b'x'; 4096])).await;
    timeout(SOON, wire.origin().fetch(get("k"))).await.expect("hangs").unwrap();
}

#[tokio::test]
async fn slow_answers_end_with_the_time_out() {
    const SHORT: Duration = Duration::from_millis(100);
    let slow = |bytes: &'static [u8]| {
        move |_: usize, _: &super::wire::Seen| Drip(bytes.to_vec(), Duration::from_millis(20))
    };
    for wire in [
        Wire::start(|_, _| Bytes(Vec::new())).await,
        Wire::start(slow(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue")).await,
        Wire::start(|_, _| Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nval".to_vec())).await,
        Wire::start(|_, _| Endless(Vec::new(), b"HTTP/1.1 102 Processing\r\n\r\n".to_vec())).await,
    ] {
        let origin = wire.origin();
        let fetch = edgecmp::origin::Fetch { timeout: SHORT, ..get("k") };
        let error = timeout(SOON, origin.fetch(fetch)).await.expect("hangs").unwrap_err();
        assert_code(&error, Code::OriginUnavailable, "no answer from the origin within 100 ms");
    }
    let silent = Wire::start(|_, _| Bytes(Vec::new())).await;
    let write = edgecmp::origin::Write { timeout: SHORT, ..put("k", b"v") };
    let error = timeout(SOON, silent.origin().write(write)).await.expect("hangs").unwrap_err();
    assert!(!error.surely_not_done, "it was sent: nobody knows");
    assert_code(&error, Code::OriginUnavailable, "within 100 ms");
    assert_eq!(silent.seen().len(), 1);
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let wire = Wire::start(|n, _| if n == 0 { Bytes(Vec::new()) } else { Last(http("200 OK", "v")) }).await;
    let origin = wire.origin();
    timeout(Duration::from_millis(100), origin.fetch(get("k"))).await.unwrap_err();
    // Were it used again, the late answer to the first would answer the second.
    assert_eq!(super::value(origin.fetch(get("k")).await), b"v");
    assert_eq!(wire.seen()[1].connection, 1);
}

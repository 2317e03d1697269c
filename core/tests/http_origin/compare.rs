//! Compare over the wire: round trip, fallback, and what does not fit one answer.

use std::time::Duration;

use edgecmp::origin::{Answer, Known, Origin, OriginResult};
use edgecmp::{Code, Key, TraceContext, Version};
use minicbor::{Decoder, Encoder};

use super::TRACE;
use super::wire::{Bytes, PATIENT, Reply, Seen, Wire, http, known};

fn rows(count: u64) -> Vec<(Key, Option<Known>)> {
    // Every third is not held.
    (0..count)
        .map(|n| (Key::copy_from(format!("k{n}").as_bytes()), (n % 3 != 2).then(|| known(n + 1))))
        .collect()
}

/// Answers as an origin would: versions that divide by two are still current,
/// each value takes `size` bytes.
fn answer(request: &Seen, size: usize) -> Reply {
    let mut asked = Decoder::new(&request.body);
    let mut answer = Encoder::new(Vec::new());
    let count = asked.array().unwrap().unwrap();
    answer.array(count).unwrap();
    for _ in 0..count {
        asked.array().unwrap();
        answer.array(5).unwrap().bytes(asked.bytes().unwrap()).unwrap();
        let version = match asked.datatype().unwrap() {
            minicbor::data::Type::Null => asked.null().map(|()| 0).unwrap(),
            _ => asked.u64().unwrap(),
        };
        match version {
            0 => answer.u8(2).unwrap().null().unwrap().null().unwrap().null().unwrap(),
            version if version % 2 == 0 => {
                answer.u8(0).unwrap().u64(version).unwrap().null().unwrap().u8(9).unwrap()
            }
            version => answer
                .u8(1)
                .unwrap()
                .u64(version + 1)
                .unwrap()
                .bytes(&vec![b'v'; size])
                .unwrap()
                .null()
                .unwrap(),
        };
    }
    Bytes(http("200 OK\r\nContent-Type: application/cbor\r\nEdge-Age-Ms: 3", answer.into_writer()))
}

fn assert_answers(answers: &[OriginResult<Answer>], size: usize) {
    for (n, answer) in answers.iter().enumerate() {
        match answer.as_ref().unwrap() {
            Answer::Absent { version: None, age, .. } => {
                assert_eq!((n % 3, *age), (2, Duration::from_millis(3)));
            }
            Answer::Unchanged { age, .. } => {
                assert_eq!(((n + 1) % 2, *age), (0, Duration::from_millis(9)));
            }
            Answer::Value { value, .. } => assert_eq!(((n + 1) % 2, value.len()), (1, size)),
            other => panic!("{n}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn round_trip() {
    let wire = Wire::start(|_, request| answer(request, 5)).await;
    let answers =
        wire.origin().compare(rows(20), PATIENT, TraceContext::parse(TRACE)).await.unwrap().unwrap();
    assert_eq!(answers.len(), 20);
    assert_answers(&answers, 5);
    let seen = wire.seen();
    assert_eq!(seen[0].line(), "POST /items/compare HTTP/1.1");
    assert_eq!(seen[0].header("content-type"), Some("application/cbor"));
    assert_eq!(seen[0].header("traceparent"), Some(TRACE));
    assert_eq!(seen[0].body[..7], [0x94, 0x82, 0x42, b'k', b'0', 0x01, 0x82]);
}

#[tokio::test]
async fn an_answer_too_large_is_asked_for_in_parts() {
    let wire = Wire::start(|_, request| answer(request, 1000)).await;
    let origin = wire.origin_with(|o| o.set("max_response_bytes", "4KiB").unwrap());
    let answers = origin.compare(rows(30), PATIENT, None).await.unwrap().unwrap();
    assert_eq!(answers.len(), 30);
    assert_answers(&answers, 1000);
    // A value that alone is too large is an error of its row only.
    let large = Wire::start(|_, request| answer(request, 9000)).await;
    let origin = large.origin_with(|o| o.set("max_response_bytes", "4KiB").unwrap());
    let answers = origin.compare(rows(3), PATIENT, None).await.unwrap().unwrap();
    assert_eq!(answers[0].as_ref().unwrap_err().error.code(), Code::OriginProtocol);
    assert!(
        matches!(answers[1], Ok(Answer::Unchanged { .. })) && matches!(answers[2], Ok(Answer::Absent { .. }))
    );
    // So is what the origin finds too many rows.
    let fussy = Wire::start(|_, request| match Decoder::new(&request.body).array() {
        Ok(Some(0..=4)) => answer(request, 5),
        _ => Bytes(http("413 Content Too Large", "")),
    });
    let answers = fussy.await.origin().compare(rows(2000), PATIENT, None).await.unwrap().unwrap();
    assert_eq!(answers.len(), 2000);
    assert_answers(&answers, 5);
}

#[tokio::test]
async fn an_origin_without_compare() {
    for head in ["404 Not Found", "405 Method Not Allowed", "501 Not Implemented"] {
        let wire = Wire::start(move |_, _| Bytes(http(head, "no"))).await;
        assert_eq!(wire.origin().compare(rows(2), PATIENT, None).await, Ok(None), "{head}");
    }
    let wire = Wire::start(|_, _| Bytes(Vec::new())).await;
    let origin = wire.origin_with(|o| o.origin = format!("http://127.0.0.1:{}/get?id={{key}}", wire.port));
    assert_eq!(origin.compare(rows(2), PATIENT, None).await, Ok(None));
    assert!(wire.seen().is_empty(), "a key in the query leaves no place for compare");
}

#[tokio::test]
async fn what_is_no_answer_to_compare() {
    for (reply, code) in [
        (http("200 OK", "<html>"), Code::OriginProtocol),
        (http("200 OK", [0x81, 0x80]), Code::OriginProtocol),
        (http("204 No Content", ""), Code::OriginProtocol),
        (http("400 Bad Request", ""), Code::OriginRejected),
        (http("503 Service Unavailable\r\nRetry-After: 2", ""), Code::OriginUnavailable),
    ] {
        let wire = Wire::start(move |_, _| Bytes(reply.clone())).await;
        let error = wire.origin().compare(rows(2), PATIENT, None).await.unwrap_err();
        assert_eq!(error.error.code(), code, "{error:?}");
    }
    // A row that names another version than ours is not believed.
    let wire = Wire::start(|_, _| {
        let mut answer = Encoder::new(Vec::new());
        answer.array(1).unwrap().array(5).unwrap().bytes(b"k0").unwrap().u8(0).unwrap().u8(9).unwrap();
        answer.null().unwrap().null().unwrap();
        Bytes(http("200 OK", answer.into_writer()))
    });
    let held = Known { version: Version::new(1), validator: None };
    let asked = vec![(Key::copy_from(b"k0"), Some(held))];
    let error = wire.await.origin().compare(asked, PATIENT, None).await.unwrap_err();
    assert!(error.error.message().contains("row 0: unchanged, but not the version"), "{error:?}");
}

//! `POST /items/compare`: all statuses, and requests that are wrong.

mod common;

use common::{Origin, json};
use edgecmp_origin::client::Reply;
use minicbor::{Decoder, Encoder};

/// An array of `count` rows, written by `rows`.
fn request(count: u64, rows: impl FnOnce(&mut Encoder<Vec<u8>>)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.array(count).unwrap();
    rows(&mut encoder);
    encoder.into_writer()
}

fn answer_rows(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", common::text(reply));
    assert_eq!(reply.header("content-type"), Some("application/cbor"));
    let mut decoder = Decoder::new(&reply.body);
    let count = decoder.array().unwrap().unwrap();
    // In the diagnostic notation of RFC 8949: the bytes on the wire, not what a decoder makes of them.
    (0..count)
        .map(|_| {
            let start = decoder.position();
            decoder.skip().unwrap();
            minicbor::display(&reply.body[start..decoder.position()]).to_string()
        })
        .collect()
}

#[test]
fn rows_of_all_statuses() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    client.put(b"a", b"A", &[]).unwrap();
    client.put(b"b", b"B", &[]).unwrap();
    client.delete(b"b", &[]).unwrap();
    let body = request(9, |encoder| {
        encoder.array(2).unwrap().bytes(b"a").unwrap().u64(1).unwrap();
        encoder.array(2).unwrap().bytes(b"a").unwrap().null().unwrap();
        encoder.array(2).unwrap().bytes(b"a").unwrap().u64(77).unwrap();
        encoder.array(2).unwrap().bytes(b"a").unwrap().bytes(&[0xff; 16]).unwrap();
        encoder.array(2).unwrap().bytes(b"b").unwrap().u64(2).unwrap();
        encoder.array(2).unwrap().bytes(b"b").unwrap().u64(3).unwrap();
        encoder.array(2).unwrap().bytes(b"c").unwrap().null().unwrap();
        encoder.array(2).unwrap().bytes(b"").unwrap().null().unwrap();
        encoder.array(2).unwrap().bytes(b"a").unwrap().u64(1).unwrap();
    });
    let wanted = [
        "[h'61', 0, 1, null, null]",
        "[h'61', 1, 1, h'41', null]",
        "[h'61', 1, 1, h'41', null]",
        "[h'61', 1, 1, h'41', null]",
        "[h'62', 2, 3, null, null]",
        "[h'62', 2, 3, null, null]",
        "[h'63', 2, null, null, null]",
        "[h'', 3, null, \"a key has 1 to 4096 bytes\", null]",
        "[h'61', 0, 1, null, null]",
    ];
    assert_eq!(answer_rows(&client.compare(&body).unwrap()), wanted);
    assert!(answer_rows(&client.compare(&request(0, |_| ())).unwrap()).is_empty());
    origin.fault(r#"{"age_ms": 25}"#);
    let row = request(1, |encoder| {
        encoder.array(2).unwrap().bytes(b"a").unwrap().u64(1).unwrap();
    });
    assert_eq!(answer_rows(&client.compare(&row).unwrap()), ["[h'61', 0, 1, null, 25]"]);
}

#[test]
fn as_many_rows_as_allowed_and_no_more() {
    let origin = Origin::in_memory();
    let body = |count: u64| {
        request(count, |encoder| {
            for number in 0..count {
                encoder.array(2).unwrap().bytes(&number.to_le_bytes()).unwrap().null().unwrap();
            }
        })
    };
    assert_eq!(answer_rows(&origin.client.compare(&body(1024)).unwrap()).len(), 1024);
    let reply = origin.client.compare(&body(1025)).unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(json(&reply)["field"], "rows");
    assert_eq!(json(&reply)["value"], "1025");
}

#[test]
fn an_answer_too_large_says_so_row_by_row() {
    let origin = Origin::in_memory();
    let value = vec![1; 12 << 20];
    for key in [b"a", b"b", b"c"] {
        origin.client.put(key, &value, &[]).unwrap();
    }
    let body = request(3, |encoder| {
        for key in [b"a", b"b", b"c"] {
            encoder.array(2).unwrap().bytes(key).unwrap().null().unwrap();
        }
    });
    let rows = answer_rows(&origin.client.compare(&body).unwrap());
    assert!(rows[0].starts_with("[h'61', 1,") && rows[1].starts_with("[h'62', 1,"));
    assert!(rows[2].starts_with("[h'63', 3, null, \"the answer is full"), "{}", &rows[2][..60]);
}

#[test]
fn malformed_requests_are_refused() {
    let origin = Origin::in_memory();
    let huge_array = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let bodies: [(&str, &[u8], u16); 12] = [
        ("nothing", b"", 400),
        ("no CBOR", b"\xff\xff", 400),
        ("JSON", b"[[\"a\", 1]]", 400),
        ("a map", &[0xa0], 400),
        ("indefinite array", &[0x9f, 0xff], 400),
        ("rows missing", &[0x82, 0x82, 0x41, b'a', 0x01], 400),
        ("more after it", &[0x80, 0x00], 400),
        ("a text key", &[0x81, 0x82, 0x61, b'a', 0x01], 400),
        ("a row of three", &[0x81, 0x83, 0x41, b'a', 0x01, 0x01], 400),
        ("a negative version", &[0x81, 0x82, 0x41, b'a', 0x20], 400),
        ("a version of two bytes", &[0x81, 0x82, 0x41, b'a', 0x42, 0, 1], 400),
        ("2^64 - 1 rows", &huge_array, 413),
    ];
    for (what, body, status) in bodies {
        let reply = origin.client.compare(body).unwrap();
        assert_eq!(reply.status, status, "{what}");
        assert!(json(&reply)["allowed"].is_string(), "{what}");
    }
    let json_type = [("content-type", "application/json")];
    let reply = origin.client.send_to("POST", "/items/compare", &json_type, Some(b"[]")).unwrap();
    assert_eq!(reply.status, 415);
}

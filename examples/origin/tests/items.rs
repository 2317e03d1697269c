//! Reads and writes of items: keys, validators, preconditions, idempotency, tombstones, faults.

mod common;

use common::{Database, Origin, json, text};

#[test]
fn an_item_lives_and_leaves_a_tombstone() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    let never = client.get(b"k", &[]).unwrap();
    assert_eq!((never.status, never.version()), (404, None));

    let written = client.put(b"k", b"one", &[("content-type", "text/plain")]).unwrap();
    assert_eq!((written.status, written.version()), (200, Some(1)));
    assert_eq!(json(&written)["version"], 1);
    let read = client.get(b"k", &[]).unwrap();
    assert_eq!((read.status, text(&read)), (200, "one".to_owned()));
    assert_eq!(read.header("edge-version"), Some("1"));
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert_eq!(read.header("content-type"), Some("text/plain"));
    assert!(read.header("last-modified").is_some_and(|date| date.ends_with("GMT")));
    let head = client.send_to("HEAD", "/items/k", &[], None).unwrap();
    assert_eq!((head.status, head.version(), head.body.len()), (200, Some(1), 0));
    assert_eq!(head.header("content-length"), Some("3"));

    let deleted = client.delete(b"k", &[]).unwrap();
    assert_eq!((deleted.status, deleted.version()), (200, Some(2)));
    let gone = client.get(b"k", &[]).unwrap();
    assert_eq!((gone.status, gone.version()), (404, Some(2)));
    assert_eq!(gone.header("content-type"), Some("application/problem+json"));
    let tagged = client.get(b"k", &[("if-none-match", "\"2\"")]).unwrap();
    assert_eq!(tagged.status, 404, "a tombstone is not a representation to be unchanged");
    assert_eq!(client.put(b"k", b"two", &[]).unwrap().version(), Some(3));
}

#[test]
fn a_current_validator_gets_304() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    client.put(b"k", b"1", &[]).unwrap();
    for (tags, status) in
        [("\"1\"", 304), ("W/\"1\"", 304), ("*", 304), ("\"7\", \"1\"", 304), ("\"7\"", 200), ("1", 400)]
    {
        let reply = client.get(b"k", &[("if-none-match", tags)]).unwrap();
        assert_eq!(reply.status, status, "{tags}");
        if status == 304 {
            assert!(reply.body.is_empty());
            assert_eq!((reply.version(), reply.header("etag")), (Some(1), Some("\"1\"")));
            assert!(reply.header("last-modified").is_some());
        }
    }
}

#[test]
fn preconditions_guard_writes() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    assert_eq!(client.put(b"k", b"1", &[("if-match", "*")]).unwrap().status, 412);
    assert_eq!(client.put(b"k", b"1", &[("if-none-match", "*")]).unwrap().status, 200);
    assert_eq!(client.put(b"k", b"2", &[("if-none-match", "*")]).unwrap().status, 412);
    let stale = client.put(b"k", b"2", &[("if-match", "\"9\"")]).unwrap();
    assert_eq!((stale.status, stale.version()), (412, Some(1)));
    assert_eq!(stale.header("content-type"), Some("application/problem+json"));
    assert_eq!(client.delete(b"k", &[("if-match", "\"9\"")]).unwrap().status, 412);
    assert_eq!(text(&client.get(b"k", &[]).unwrap()), "1");
    assert_eq!(client.put(b"k", b"2", &[("if-match", "\"1\"")]).unwrap().version(), Some(2));
    assert_eq!(client.delete(b"k", &[("if-match", "\"2\"")]).unwrap().version(), Some(3));
    assert_eq!(client.put(b"k", b"2", &[("if-match", "\"3\"")]).unwrap().status, 412, "tombstone");
}

#[test]
fn an_idempotency_key_writes_once_and_for_one_request() {
    let database = Database::new();
    let origin = database.start();
    let key = [("idempotency-key", "abc")];
    let first = origin.client.put(b"k", b"1", &key).unwrap();
    assert_eq!(first.header("idempotent-replayed"), None);
    origin.client.put(b"k", b"2", &[]).unwrap();
    assert!(origin.terminate());

    let origin = database.start();
    let client = &origin.client;
    let again = client.put(b"k", b"1", &key).unwrap();
    assert_eq!((again.status, again.version(), &again.body), (200, Some(1), &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(text(&client.get(b"k", &[]).unwrap()), "2");
    let other_requests = [
        client.put(b"k", b"x", &key).unwrap(),
        client.put(b"l", b"1", &key).unwrap(),
        client.delete(b"k", &key).unwrap(),
        client.put(b"k", b"1", &[key[0], ("if-match", "\"2\"")]).unwrap(),
    ];
    for reply in other_requests {
        assert_eq!((reply.status, &json(&reply)["field"]), (422, &"Idempotency-Key".into()));
    }
    assert_eq!(origin.history().len(), 2);

    // A refusal is an answer too: its retry must not write after the state has changed.
    let guarded = [("idempotency-key", "def"), ("if-match", "\"3\"")];
    assert_eq!(client.put(b"k", b"3", &guarded).unwrap().status, 412);
    assert_eq!(client.put(b"k", b"2", &[]).unwrap().version(), Some(3));
    assert_eq!(client.put(b"k", b"3", &guarded).unwrap().status, 412);
    assert_eq!(origin.history().len(), 3);
}

#[test]
fn answers_for_retries_are_forgotten_after_a_day() {
    let database = Database::new();
    let origin = database.start();
    let [old, young] = ["old", "young"].map(|id| [("idempotency-key", id)]);
    origin.client.put(b"k", b"1", &old).unwrap();
    origin.client.put(b"k", b"2", &young).unwrap();
    assert!(origin.terminate());
    let hours_ago = |hours: i64| hours * 60 * 60 * 1000;
    let connection = rusqlite::Connection::open(database.path()).unwrap();
    for (id, age_ms) in [("old", hours_ago(25)), ("young", hours_ago(23))] {
        let sql = "UPDATE idempotency SET at_ms = at_ms - ?2 WHERE key = ?1";
        assert_eq!(connection.execute(sql, (id, age_ms)).unwrap(), 1);
    }
    drop(connection);
    let origin = database.start();
    origin.client.put(b"other", b"", &[]).unwrap();
    assert_eq!(origin.client.put(b"k", b"2", &young).unwrap().version(), Some(2));
    assert_eq!(origin.client.put(b"k", b"1", &old).unwrap().version(), Some(4));
}

#[test]
fn concurrent_retries_write_once() {
    let origin = Origin::in_memory();
    let headers = [("idempotency-key", "race")];
    let versions: Vec<_> = std::thread::scope(|scope| {
        let put = || origin.client.separate().put(b"k", b"v", &headers).unwrap().version();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(put)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(versions, vec![Some(1); 8]);
    assert_eq!(origin.history().len(), 1);
}

#[test]
fn keys_are_bytes() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    let every_byte: Vec<u8> = (0..=255).collect();
    let longest = vec![b'k'; 4096];
    let keys: [&[u8]; 9] =
        [b"a/b", b"a%2Fb", b"a b", b"a+b", b"compare", b"..", b"\xff\xfe", &every_byte, &longest];
    for key in keys {
        assert_eq!(client.put(key, key, &[]).unwrap().status, 200, "{key:?}");
    }
    for key in keys {
        assert_eq!(client.get(key, &[]).unwrap().body, key);
    }
    assert_eq!(client.get(&[b'k'; 4097], &[]).unwrap().status, 400);
    for (path, field) in [("/items/", "key"), ("/items/%zz", "key"), ("/items/a/b", "path")] {
        let reply = client.send_to("GET", path, &[], None).unwrap();
        assert_eq!(json(&reply)["field"], field, "{path}");
    }
    let history = origin.history();
    assert_eq!(history.iter().map(|record| &record.key[..]).collect::<Vec<_>>(), keys);
}

#[test]
fn the_history_tells_every_version() {
    let database = Database::new();
    let origin = database.start();
    let client = &origin.client;
    client.put(b"k", b"123456789", &[]).unwrap();
    client.put(b"l", b"", &[]).unwrap();
    client.delete(b"k", &[]).unwrap();
    let history = origin.history();
    let told: Vec<_> =
        history.iter().map(|record| (record.version, &record.key[..], record.deleted, record.crc)).collect();
    // 0xcbf43926 is the check value of CRC-32 (IEEE).
    let wanted = [(1, &b"k"[..], false, 0xcbf4_3926), (2, b"l", false, 0), (3, b"k", true, 0)];
    assert_eq!(told, wanted);
    for pair in history.windows(2) {
        assert!(pair[0].began_ns <= pair[0].visible_ns);
        assert!(pair[0].visible_ns <= pair[1].began_ns, "one write at a time here");
    }
    assert!(origin.terminate());
    assert_eq!(database.start().history(), history, "the times outlive the process");
}

#[test]
fn two_origins_do_not_share_a_database() {
    let database = Database::new();
    let _first = database.start();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_edgecmp-origin"))
        .args(["--db", database.path().to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use"));
}

#[test]
fn bad_requests_are_told_what_is_wrong() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    let large = vec![0; (16 << 20) + 1];
    let reply = client.put(b"k", &large, &[]).unwrap();
    assert_eq!((reply.status, &json(&reply)["field"]), (413, &"body".into()));
    assert_eq!(client.put(b"k", &large[1..], &[]).unwrap().status, 200);
    let reply = client.put(b"k", b"", &[("idempotency-key", "")]).unwrap();
    assert_eq!((reply.status, &json(&reply)["field"]), (400, &"Idempotency-Key".into()));
    let reply = client.send_to("GET", "/history?after=x", &[], None).unwrap();
    assert_eq!((reply.status, &json(&reply)["value"]), (400, &"x".into()));
    assert_eq!(client.send_to("PATCH", "/items/k", &[], None).unwrap().status, 405);
    assert_eq!(client.send_to("GET", "/healthz", &[], None).unwrap().status, 200);
    let metrics = text(&client.send_to("GET", "/metrics", &[], None).unwrap());
    let line = r#"origin_requests_total{method="PUT",endpoint="/items/{key}",status="413"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn faults_do_what_they_say() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    for value in [b"0", b"1", b"2"] {
        client.put(b"k", value, &[]).unwrap();
    }
    origin.fault(r#"{"drop_answer": true, "method": "PUT"}"#);
    assert!(client.put(b"k", b"3", &[]).is_err());
    assert_eq!(text(&client.get(b"k", &[]).unwrap()), "3", "it was committed");
    origin.fault(r#"{"drop_request": true, "method": "PUT"}"#);
    assert!(client.put(b"k", b"4", &[]).is_err());
    assert_eq!(text(&client.get(b"k", &[]).unwrap()), "3");
    origin.fault(r#"{"status": 503, "retry_after": "7", "count": 2, "match": "/items/k"}"#);
    assert_eq!(client.get(b"other", &[]).unwrap().status, 404);
    let refused = client.get(b"k", &[]).unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("7")));
    assert_eq!(client.get(b"k", &[]).unwrap().status, 503);
    assert_eq!(client.get(b"k", &[]).unwrap().status, 200);
    origin.fault(r#"{"lag_versions": 2, "age_ms": 30}"#);
    let lagging = client.get(b"k", &[]).unwrap();
    assert_eq!((text(&lagging), lagging.header("edge-age-ms")), ("1".to_owned(), Some("30")));
    origin.fault(r#"{"garbage": true}"#);
    assert_eq!(client.get(b"k", &[]).unwrap().body, [0xff]);
    client.put(b"k", &[7; 1000], &[]).unwrap();
    origin.fault(r#"{"half_body": true}"#);
    assert!(client.get(b"k", &[]).is_err());
    origin.fault(r#"{"status": 500, "count": 100}"#);
    origin.fault("{}");
    assert_eq!(client.get(b"k", &[]).unwrap().status, 200);
    let unknown = client.send_to("POST", "/faults", &[], Some(b"{\"x\":1}")).unwrap();
    assert_eq!(unknown.status, 400);
    let without = Origin::start(":memory:", &[]);
    assert_eq!(without.client.send_to("POST", "/faults", &[], Some(b"{}")).unwrap().status, 404);
}

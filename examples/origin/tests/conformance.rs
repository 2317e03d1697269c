//! The conformance checks pass our origin and find what a deficient one lacks.

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use common::Origin;
use edgecmp_origin::conformance::{self, Report, Verdict};

#[test]
fn the_reference_origin_conforms() {
    let origin = Origin::in_memory();
    let url = origin.client.url().to_owned();
    let report = conformance::run(&url);
    assert!(report.rows.iter().all(|row| row.verdict == Verdict::Pass), "{report}");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_edgecmp-origin"))
        .args(["conformance", &url])
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && table.contains("If-Match   "), "{table}");
    assert!(table.ends_with("The origin conforms.\n"));
}

/// An origin as one finds them: an `ETag` by content, and nothing else of the protocol.
#[derive(Default)]
struct Plain {
    values: HashMap<String, Bytes>,
    /// Before the last write, for an origin that answers from a replica.
    previous: HashMap<String, Bytes>,
    lags: bool,
}

type Shared = State<Arc<Mutex<Plain>>>;

async fn read(State(plain): Shared, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let plain = plain.lock().unwrap();
    let previous = plain.previous.get(&key).filter(|_| plain.lags);
    let Some(value) = previous.or_else(|| plain.values.get(&key)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let tag = format!("\"{:08x}\"", crc32fast::hash(value));
    let tags = [(header::ETAG, tag.clone())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag) {
        return (StatusCode::NOT_MODIFIED, tags).into_response();
    }
    (tags, value.clone()).into_response()
}

async fn write(State(plain): Shared, Path(key): Path<String>, value: Bytes) -> StatusCode {
    let mut plain = plain.lock().unwrap();
    if let Some(replaced) = plain.values.insert(key.clone(), value) {
        plain.previous.insert(key, replaced);
    }
    StatusCode::NO_CONTENT
}

async fn check(plain: Plain) -> Report {
    let router = Router::new().route("/{key}", get(read).put(write)).with_state(Arc::new(Mutex::new(plain)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{{key}}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    tokio::task::spawn_blocking(move || conformance::run(&url)).await.unwrap()
}

fn verdicts<'a>(report: &'a Report, wanted: &str) -> Vec<&'a str> {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Pass => "PASS",
        Verdict::Absent(_) => "ABSENT",
        Verdict::Fail(_) => "FAIL",
    };
    report.rows.iter().filter(|row| word(&row.verdict) == wanted).map(|row| row.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_origin_lacks_parts_and_ignores_if_match() {
    let report = check(Plain::default()).await;
    assert_eq!(verdicts(&report, "FAIL"), ["write: If-Match"], "{report}");
    let absent = [
        "read: Edge-Version",
        "read: keys that are not UTF-8",
        "write: versions only grow",
        "write: a delete is seen, and its version stays",
        "write: Idempotency-Key",
        "write: Idempotency-Key on another request",
        "compare: unchanged, value, gone",
        "compare: an empty request",
        "compare: more than 1,024 rows",
        "compare: not CBOR",
    ];
    assert_eq!(verdicts(&report, "ABSENT"), absent, "{report}");
    assert!(!report.conforms());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_that_lags_is_found_out() {
    let report = check(Plain { lags: true, ..Plain::default() }).await;
    let failed = verdicts(&report, "FAIL");
    for check in [
        "read: 200 for an older version",
        "linearizable: a read sees the write before it",
        "linearizable: reads beside a writer",
    ] {
        assert!(failed.contains(&check), "{report}");
    }
}

#[test]
fn an_origin_that_is_not_there_fails() {
    let report = conformance::run("http://127.0.0.1:1/items/{key}");
    assert!(!report.conforms());
    assert!(matches!(report.verdict("read: a key that does not exist"), Some(Verdict::Fail(_))));
}

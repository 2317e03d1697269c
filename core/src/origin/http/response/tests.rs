use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const UUID: &str = "018f2f9e-7c1a-7000-8000-000000000001";

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn read_200(lines: &[(&'static str, &str)]) -> OriginResult<Facts> {
    match read(StatusCode::OK, &headers(lines), &Condition::None)? {
        Read::Value(facts) => Ok(facts),
        Read::Complete(answer) => panic!("{answer:?}"),
    }
}

fn validator_of(lines: &[(&'static str, &str)]) -> Validator {
    read_200(lines).unwrap().validator
}

fn read_304(condition: Condition, lines: &[(&'static str, &str)]) -> OriginResult<Read> {
    read(StatusCode::NOT_MODIFIED, &headers(lines), &condition)
}

fn protocol_error<T: std::fmt::Debug>(result: OriginResult<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.error.code(), Code::OriginProtocol, "{error:?}");
    assert!(!error.surely_not_done);
    error.error.message().to_owned()
}

#[test]
fn version_before_tag_before_date() {
    let (version, tag) = (("edge-version", "7"), ("etag", "\"t\""));
    let (old, date) =
        (("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"), ("date", "Sun, 06 Nov 1994 08:50:37 GMT"));
    let seven = Version::new(7);
    assert_eq!(validator_of(&[tag, old, date, version]), Validator::Version(seven, Some("\"t\"".into())));
    assert_eq!(validator_of(&[version, old, date]), Validator::Version(seven, None));
    assert_eq!(validator_of(&[tag, old, date]), Validator::Opaque("\"t\"".into()));
    assert_eq!(validator_of(&[old, date]), Validator::Opaque("Sun, 06 Nov 1994 08:49:37 GMT".into()));
    assert_eq!(validator_of(&[]), Validator::None);
    assert_eq!(validator_of(&[("edge-version", UUID)]), Validator::Version(UUID.parse().unwrap(), None));
}

#[test]
fn a_date_that_may_hide_a_second_change_is_no_validator() {
    let changed = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    for date in
        [None, Some("Sun, 06 Nov 1994 08:50:36 GMT"), Some("Sun, 06 Nov 1994 08:00:00 GMT"), Some("x")]
    {
        let lines: Vec<_> = std::iter::once(changed).chain(date.map(|d| ("date", d))).collect();
        let facts = read_200(&lines).unwrap();
        assert_eq!(facts.validator, Validator::None, "{date:?}");
        assert_eq!(facts.last_modified_at, Some(784_111_777_000));
    }
}

#[test]
fn tags_that_would_mean_something_else_are_not_kept() {
    let long = format!("\"{}\"", "t".repeat(LONGEST_TAG));
    for tag in ["*", "abc", "\"a\", \"b\"", "\"", "W/", "W/\"", "w/\"a\"", "", long.as_str(), "\"\u{e4}\"x"] {
        assert_eq!(validator_of(&[("etag", tag)]), Validator::None, "{tag}");
    }
    for tag in ["\"\"", "W/\"\"", "\"a b\"", "\"\u{e4}\""] {
        assert_eq!(validator_of(&[("etag", tag)]), Validator::Opaque(tag.into()));
    }
}

#[test]
fn malformed_versions_and_ages_are_refused() {
    for (name, value) in [
        ("edge-version", ""),
        ("edge-version", "+1"),
        ("edge-version", "1, 1"),
        ("edge-version", "\"1\""),
        ("edge-version", "340282366920938463463374607431768211456"),
        ("edge-version", "\u{e4}"),
        ("age", "-1"),
        ("age", "1.5"),
        ("age", ""),
        ("age", "1, x"),
        ("edge-age-ms", "1s"),
    ] {
        let text = protocol_error(read_200(&[(name, value)]));
        assert!(text.starts_with(&format!("{name}: got \"")) && text.contains("; allowed: "), "{text}");
        protocol_error(read(StatusCode::NOT_FOUND, &headers(&[(name, value)]), &Condition::None));
    }
    assert!(protocol_error(read_200(&[("edge-version", "1"), ("edge-version", "2")])).contains("twice"));
    assert!(read_200(&[("edge-version", "1"), ("edge-version", "1")]).is_ok());
    let long = "9x".repeat(10_000);
    assert!(protocol_error(read_200(&[("edge-version", &long)])).len() < 400);
}

#[test]
fn the_largest_age_counts() {
    let age = |lines: &[(&'static str, &str)]| read_200(lines).unwrap().age;
    assert_eq!(age(&[]), Duration::ZERO);
    assert_eq!(age(&[("edge-age-ms", "1500")]), Duration::from_millis(1500));
    assert_eq!(age(&[("age", "1"), ("edge-age-ms", "1500")]), Duration::from_secs(2));
    assert_eq!(age(&[("age", "0"), ("edge-age-ms", "1500")]), Duration::from_millis(1500));
    assert_eq!(age(&[("age", "1, 7"), ("age", "3")]), Duration::from_secs(8));
    // 0.9 s too.
    assert_eq!(age(&[("age", "0")]), Duration::from_secs(1));
    assert!(age(&[("age", "99999999999999999999999999")]) >= Duration::from_secs(1 << 31));
}

#[test]
fn not_modified_speaks_of_what_was_named() {
    let unchanged = |limits| Ok(Read::Complete(Answer::Unchanged { age: Duration::ZERO, limits }));
    let version = Condition::Version(Version::new(7));
    let tag = Condition::Tag("W/\"t\"".into());
    assert!(protocol_error(read_304(Condition::None, &[])).contains("no version was named"));
    assert_eq!(read_304(version.clone(), &[]), unchanged(None));
    assert_eq!(read_304(version.clone(), &[("edge-version", "7"), ("etag", "\"x\"")]), unchanged(None));
    protocol_error(read_304(version.clone(), &[("edge-version", "8")]));
    protocol_error(read_304(version, &[("edge-version", "x")]));
    assert_eq!(read_304(tag.clone(), &[("etag", "\"t\"")]), unchanged(None));
    protocol_error(read_304(tag.clone(), &[("etag", "\"u\"")]));
    let limits = Limits { no_store: true, ..Limits::default() };
    assert_eq!(read_304(tag, &[("cache-control", "no-store")]), unchanged(Some(limits)));
    assert_eq!(read_304(Condition::Since("x".into()), &[]), unchanged(None));
}

#[test]
fn absent_keeps_the_version_of_the_delete() {
    for status in [StatusCode::NOT_FOUND, StatusCode::GONE] {
        let answer = read(status, &headers(&[("edge-version", "9"), ("age", "1")]), &Condition::None);
        let (version, age) = (Some(Version::new(9)), Duration::from_secs(2));
        assert_eq!(answer, Ok(Read::Complete(Answer::Absent { version, age, limits: Limits::default() })));
    }
}

#[test]
fn statuses_of_reads_and_writes() {
    let none = HeaderMap::new();
    for (status, code, read_only, surely) in [
        (202, Code::OriginProtocol, false, false),
        (206, Code::OriginProtocol, false, false),
        (301, Code::OriginProtocol, false, false),
        (204, Code::OriginProtocol, true, false),
        (400, Code::OriginRejected, false, true),
        (401, Code::OriginRejected, false, true),
        (412, Code::OriginRejected, true, true),
        (422, Code::OriginRejected, false, true),
        (429, Code::OriginUnavailable, false, true),
        (500, Code::OriginUnavailable, false, false),
        (501, Code::OriginUnavailable, false, false),
        (503, Code::OriginUnavailable, false, false),
        (599, Code::OriginUnavailable, false, false),
        (999, Code::OriginProtocol, false, false),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let read = read(status, &none, &Condition::None).unwrap_err();
        assert_eq!((read.error.code(), read.surely_not_done), (code, surely), "GET {status}");
        assert!(read.error.message().contains(status.as_str()), "{read:?}");
        if !read_only {
            let write = written(&Method::PUT, status, &none).unwrap_err();
            assert_eq!((write.error.code(), write.surely_not_done), (code, surely), "PUT {status}");
        }
    }
    for status in [404, 410] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            written(&Method::DELETE, status, &none).unwrap().validator,
            Validator::None,
            "gone, as asked"
        );
        let error = written(&Method::PUT, status, &none).unwrap_err();
        assert_eq!((error.error.code(), error.surely_not_done), (Code::OriginRejected, true));
    }
    let conflict = written(&Method::PUT, StatusCode::PRECONDITION_FAILED, &none).unwrap_err();
    assert_eq!((conflict.error.code(), conflict.surely_not_done), (Code::Conflict, true));
}

#[test]
fn a_commit_is_a_commit_even_under_an_unreadable_version() {
    for status in [StatusCode::OK, StatusCode::CREATED, StatusCode::NO_CONTENT] {
        let validator = |lines| written(&Method::PUT, status, &headers(lines)).unwrap().validator;
        assert_eq!(validator(&[("edge-version", "8")]), Validator::Version(Version::new(8), None));
        assert_eq!(validator(&[("etag", "\"t\"")]), Validator::Opaque("\"t\"".into()));
        assert_eq!(validator(&[("edge-version", "x")]), Validator::None);
        assert_eq!(validator(&[]), Validator::None);
    }
}

#[test]
fn retry_after_in_both_forms() {
    let wait = |lines: &[(&'static str, &str)]| {
        let error = failure(&Method::GET, StatusCode::SERVICE_UNAVAILABLE, &headers(lines));
        error.retry_after.map(|wait| wait.as_secs())
    };
    let until = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(wait(&[("retry-after", "120")]), Some(120));
    assert_eq!(wait(&[until, ("date", "Sun, 06 Nov 1994 08:49:07 GMT")]), Some(30));
    assert_eq!(wait(&[until, ("date", "Sun, 06 Nov 1994 09:00:00 GMT")]), Some(0));
    assert_eq!(wait(&[until]), None);
    assert_eq!(wait(&[("retry-after", "soon")]), None);
    assert_eq!(wait(&[]), None);
    let error = failure(&Method::PUT, StatusCode::TOO_MANY_REQUESTS, &headers(&[("retry-after", "3")]));
    assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
}

proptest! {
    #[test]
    fn no_head_panics(
        status in 100u16..1000,
        lines in proptest::collection::vec((0usize..8, "[ -~\u{80}-\u{ff}]{0,40}|[0-9]{1,30}|Sun, 0[0-9] Nov [0-9]{4} 0[0-9]:49:37 GMT"), 0..8),
        named in 0usize..4,
    ) {
        const NAMES: [&str; 8] =
            ["edge-version", "etag", "last-modified", "date", "age", "edge-age-ms", "retry-after", "cache-control"];
        let lines: Vec<_> = lines.iter().map(|(name, value)| (NAMES[*name], value.as_str())).collect();
        let headers = headers(&lines);
        let condition = [
            Condition::None,
            Condition::Version(Version::new(1)),
            Condition::Tag("\"t\"".into()),
            Condition::Since("x".into()),
        ];
        let status = StatusCode::from_u16(status).unwrap();
        for result in [read(status, &headers, &condition[named]).map(|_| ()), written(&Method::PUT, status, &headers).map(|_| ())] {
            if let Err(error) = result {
                prop_assert!(error.error.message().len() < 1000);
            }
        }
    }
}

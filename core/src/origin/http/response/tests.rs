use super::*;

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields.iter().map(|(n, v)| (HeaderName::from_static(n), http::HeaderValue::from_static(v))).collect()
}

fn get(status: u16, fields: &[(&'static str, &'static str)]) -> OriginResult<Answer> {
    answer(StatusCode::from_u16(status).unwrap(), &headers(fields), Bytes::from_static(b"v"), true)
}

fn code<T: std::fmt::Debug>(result: OriginResult<T>) -> Code {
    result.unwrap_err().error.code()
}

#[test]
fn versions_before_etags_before_dates() {
    let validator = |fields: &[_]| match get(200, fields) {
        Ok(Answer::Value { validator, .. }) => validator,
        other => panic!("{other:?}"),
    };
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(
        validator(&[("edge-version", "7"), ("etag", "\"x\"")]),
        Validator::Version(7u64.into(), Some("\"x\"".into()))
    );
    assert_eq!(
        validator(&[("etag", "W/\"x\""), ("last-modified", date)]),
        Validator::Opaque("W/\"x\"".into())
    );
    let later = "Sun, 06 Nov 1994 08:49:39 GMT";
    assert_eq!(validator(&[("last-modified", date), ("date", later)]), Validator::Opaque(date.into()));
    assert_eq!(validator(&[("last-modified", date), ("date", date)]), Validator::None);
    assert_eq!(validator(&[("last-modified", date)]), Validator::None);
    assert_eq!(validator(&[]), Validator::None);
    assert_eq!(last_modified_at(&headers(&[("last-modified", date)])), Some(784_111_777_000));
}

#[test]
fn ages_are_added_up_from_both_fields_and_must_be_readable() {
    let age = |fields: &[_]| age(&headers(fields));
    assert_eq!(age(&[("age", "3"), ("edge-age-ms", "20")]), Ok(Duration::from_secs(3)));
    assert_eq!(age(&[("edge-age-ms", "20")]), Ok(Duration::from_millis(20)));
    assert_eq!(age(&[("age", "99999999999999999999999")]), Ok(Duration::from_secs(u64::MAX)));
    assert_eq!(code(age(&[("age", "-1")])), Code::OriginProtocol);
    assert_eq!(code(get(200, &[("age", "soon")])), Code::OriginProtocol);
}

#[test]
fn statuses() {
    assert!(matches!(get(304, &[]), Ok(Answer::Unchanged { limits: None, .. })));
    assert_eq!(
        code(answer(StatusCode::NOT_MODIFIED, &HeaderMap::new(), Bytes::new(), false)),
        Code::OriginProtocol
    );
    assert!(matches!(get(404, &[]), Ok(Answer::Absent { version: None, .. })));
    assert!(matches!(get(410, &[("edge-version", "9")]), Ok(Answer::Absent { version: Some(_), .. })));
    assert_eq!(code(get(200, &[("edge-version", "-7")])), Code::OriginProtocol);
    for (status, expected) in [
        (206, Code::OriginProtocol),
        (301, Code::OriginProtocol),
        (401, Code::OriginRejected),
        (500, Code::OriginUnavailable),
        (503, Code::OriginUnavailable),
        (429, Code::OriginUnavailable),
    ] {
        assert_eq!(code(get(status, &[])), expected, "{status}");
    }
}

#[test]
fn writes_know_what_surely_did_not_happen() {
    let put = |status: u16| written(StatusCode::from_u16(status).unwrap(), &headers(&[]), &Method::PUT);
    assert_eq!(put(204).unwrap().validator, Validator::None);
    for (status, expected, surely_not_done) in [
        (412, Code::Conflict, true),
        (400, Code::OriginRejected, true),
        (429, Code::OriginUnavailable, true),
        (500, Code::OriginUnavailable, false),
        (503, Code::OriginUnavailable, false),
        (302, Code::OriginProtocol, false),
    ] {
        let error = put(status).unwrap_err();
        assert_eq!((error.error.code(), error.surely_not_done), (expected, surely_not_done), "{status}");
    }
}

#[test]
fn retry_after_in_both_forms() {
    let after = |fields: &[_]| get(503, fields).unwrap_err().retry_after;
    assert_eq!(after(&[("retry-after", "120")]), Some(Duration::from_secs(120)));
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(
        after(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"), date]),
        Some(Duration::from_secs(10))
    );
    assert_eq!(after(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]), None);
    assert_eq!(after(&[("retry-after", "-1")]), None);
}

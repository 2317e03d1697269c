use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn read(lines: &[&str]) -> Limits {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
    }
    limits(&headers).unwrap()
}

/// Bound and outage bound in seconds, and `no-store`.
fn table(line: &str) -> (Option<u64>, Option<u64>, bool) {
    let limits = read(&[line]);
    let seconds = |d: Option<Duration>| d.map(|d| d.as_secs());
    (seconds(limits.staleness_bound), seconds(limits.outage_bound), limits.no_store)
}

#[test]
fn directives() {
    for (line, expected) in [
        ("", (None, None, false)),
        ("public, immutable, s-maxage=5", (None, None, false)),
        ("no-store", (None, None, true)),
        ("no-cache", (Some(0), Some(0), false)),
        ("no-cache=\"Set-Cookie, X\"", (Some(0), Some(0), false)),
        ("max-age=0", (Some(0), None, false)),
        ("max-age=10", (Some(10), None, false)),
        ("MAX-Age = 10", (Some(10), None, false)),
        ("max-age=\"10\"", (Some(10), None, false)),
        ("max-age=10,stale-while-revalidate=5", (Some(15), None, false)),
        ("max-age=10, stale-while-revalidate=5, must-revalidate", (Some(10), Some(0), false)),
        ("stale-while-revalidate=5", (None, None, false)),
        ("max-age=1, stale-if-error=60", (Some(1), Some(60), false)),
        ("must-revalidate, stale-if-error=60", (None, Some(0), false)),
        (",, ,max-age=3 ,", (Some(3), None, false)),
        // Twice: the tighter one.
        ("max-age=10, max-age=3, max-age=20", (Some(3), None, false)),
        // Invalid: stale.
        ("max-age", (Some(0), None, false)),
        ("max-age=", (Some(0), None, false)),
        ("max-age=-1", (Some(0), None, false)),
        ("max-age=1.5", (Some(0), None, false)),
        ("max-age=ten, stale-while-revalidate=x, stale-if-error=", (Some(0), Some(0), false)),
        ("max-age=99999999999999999999999", (Some(LONGEST_SECONDS), None, false)),
        // Inside of a string nothing is a directive.
        ("ext=\"no-store, max-age=0\", max-age=7", (Some(7), None, false)),
        ("ext=\"a\\\", no-store\", max-age=7", (Some(7), None, false)),
        ("ext=\"never closed, no-store", (None, None, false)),
    ] {
        assert_eq!(table(line), expected, "{line}");
    }
}

#[test]
fn lines_are_one_list_and_no_line_says_nothing() {
    assert_eq!(read(&["max-age=10", "no-store"]), read(&["max-age=10, no-store"]));
    assert_eq!(limits(&HeaderMap::new()), None);
}

proptest! {
    #[test]
    fn no_line_panics(line in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut directives = Directives::default();
        directives.read(&line);
        directives.limits();
    }

    #[test]
    fn more_directives_never_loosen(
        a in "(max-age=[0-9]{1,3}|no-cache|no-store|must-revalidate|stale-if-error=[0-9])",
        b in "(max-age=[0-9]{0,3}|no-cache|no-store|must-revalidate|stale-if-error=[0-9a])",
    ) {
        let (one, both) = (read(&[&a]), read(&[&a, &b]));
        let tighter = |both: Option<Duration>, one: Option<Duration>| one.is_none_or(|one| both.is_some_and(|b| b <= one));
        prop_assert!(tighter(both.staleness_bound, one.staleness_bound));
        prop_assert!(tighter(both.outage_bound, one.outage_bound));
        prop_assert!(both.no_store >= one.no_store);
    }
}

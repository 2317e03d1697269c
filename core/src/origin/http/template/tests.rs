use proptest::prelude::*;

use super::*;

fn item(template: &str, key: &[u8]) -> String {
    Template::parse(template).unwrap().item(&Key::copy_from(key)).unwrap().to_string()
}

fn refused(template: &str) -> String {
    Template::parse(template).unwrap_err().to_string()
}

#[test]
fn keys_become_one_segment() {
    let template = "https://api.example.com:8443/v1/items/{key}?tenant=5";
    for (key, path) in [
        (&b"plain-._~09AZ"[..], "plain-._~09AZ"),
        (b"a/b", "a%2Fb"),
        (b"a b?c#d%", "a%20b%3Fc%23d%25"),
        ("ä".as_bytes(), "%C3%A4"),
        (b"\0\r\n\xff", "%00%0D%0A%FF"),
        (b".", "%2E"),
        (b"..", "%2E%2E"),
        (b"...", "..."),
        (b"{key}", "%7Bkey%7D"),
    ] {
        let expected = format!("https://api.example.com:8443/v1/items/{path}?tenant=5");
        assert_eq!(item(template, key), expected);
    }
    assert_eq!(item("http://h/get?id={key}&v=1", b"a&b/."), "http://h/get?id=a%26b%2F.&v=1");
    assert_eq!(item("HTTPS://[::1]:1/{key}", b"k"), "https://[::1]:1/k");
}

#[test]
fn compare_is_beside_the_keys() {
    let compare = |t: &str| Template::parse(t).unwrap().compare().map(|uri| uri.to_string());
    assert_eq!(compare("http://h/items/{key}").unwrap(), "http://h/items/compare");
    assert_eq!(compare("http://h/{key}?t=5").unwrap(), "http://h/compare?t=5");
    assert_eq!(compare("http://h/get?id={key}"), None);
}

#[test]
fn refuses_what_is_no_template() {
    for (template, allowed) in [
        ("", "http:// or https://"),
        ("ftp://h/{key}", "http:// or https://"),
        ("h/{key}", "http:// or https://"),
        ("http:///{key}", "with a host"),
        ("http://:80/{key}", "with a host"),
        ("http://h:0/{key}", "1 to 65535"),
        ("http://h:65536/{key}", "1 to 65535"),
        ("http://h:/{key}", "1 to 65535"),
        ("http://{key}.h/x", "does not depend on the key"),
        ("http://h/items", "exactly once"),
        ("http://h/{key}/{key}", "exactly once"),
        ("http://h/{id}/{key}", "exactly once"),
        ("http://h/{key}/value", "whole last segment"),
        ("http://h/x{key}", "whole last segment"),
        ("http://h/{key}.json", "whole last segment"),
        ("http://h/{key}#top", "#fragment"),
        ("http://h/ü/{key}", "printable ASCII"),
        ("http://h/a b/{key}", "printable ASCII"),
        ("http://h/{key}\r\nx: y", "printable ASCII"),
    ] {
        let text = refused(template);
        assert!(text.starts_with("INVALID_ARGUMENT: origin: got ") && text.contains(allowed), "{text}");
    }
}

#[test]
fn secrets_are_not_shown() {
    for template in [
        "https://user:hunter2@h/{key}",
        "https://user:hun@ter2?hunter2@h/{key}",
        "https://user:/hunter2@h/{key}",
        "user:hunter2@h/{key}",
        "user:hunter2@://h/{key}",
        "https://h/items?api_key=hunter2",
    ] {
        let text = refused(template);
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(refused("https://u:p@h/{key}").contains("https://***@h/{key}; allowed: a URL without user"));
    let template = Template::parse("https://h/{key}?api_key=hunter2").unwrap();
    assert_eq!(format!("{template:?}"), "https://h/{key}?***");
}

#[test]
fn a_key_too_long_for_a_url_is_refused_before_it_is_sent() {
    let template = Template::parse("https://h/{key}").unwrap();
    let error = template.item(&Key::copy_from(&[0; 40_000])).unwrap_err();
    assert_eq!(error.error.code(), Code::InvalidArgument);
    assert!(error.surely_not_done);
}

proptest! {
    #[test]
    fn no_template_panics(text in ".{0,80}") {
        let _ = Template::parse(&text);
    }

    #[test]
    fn near_templates_do_not_panic(text in "https?://[a-z@:/?#{}\\[\\]0-9.]{0,30}(\\{key\\})?[/?#{}a]{0,6}") {
        if let Ok(template) = Template::parse(&text) {
            template.item(&Key::copy_from(b"k")).unwrap();
        }
    }

    #[test]
    fn keys_come_back(key in proptest::collection::vec(any::<u8>(), 1..64)) {
        let uri = item("http://h/items/{key}", &key);
        let segment = uri.strip_prefix("http://h/items/").unwrap();
        prop_assert!(!segment.contains('/') && segment != "." && segment != "..");
        prop_assert_eq!(percent_encoding::percent_decode_str(segment).collect::<Vec<_>>(), key);
    }
}

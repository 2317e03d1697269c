//! The cases of `tests/vectors`, which every language runs.

use std::time::Duration;

use edgecmp::{Cache, Error, Options, ReadOptions, Receipt, Source, Version, WriteOptions};
use serde_json::Value as Json;

fn vectors(text: &str) -> Vec<Json> {
    serde_json::from_str(text).expect("the vectors are an array")
}

fn memory() -> Options {
    let mut options = Options::default();
    options.set("origin", "memory:").unwrap();
    options
}

#[test]
fn options() {
    for case in vectors(include_str!("../../tests/vectors/options.json")) {
        let mut options = memory();
        let value = &case["value"];
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let set = options.set(case["option"].as_str().unwrap(), &text);
        let opened = set.and_then(|()| Cache::open(options)).map(drop);
        let error = opened.as_ref().err().map(|error| error.code().name());
        assert_eq!(error, case["error"].as_str(), "{case}: {opened:?}");
        if let (Err(error), Some(says)) = (&opened, case["says"].as_str()) {
            assert!(error.message().contains(says), "{case}: {error}");
        }
    }
}

/// What a step gives, as far as steps can name it.
#[derive(Debug, Default)]
struct Outcome {
    version: Option<Version>,
    value: Option<Vec<u8>>,
    source: Option<Source>,
    miss: bool,
}

impl Outcome {
    fn read(bytes: Option<&[u8]>, receipt: &Receipt) -> Self {
        let (version, source) = (Some(receipt.version), Some(receipt.source));
        Self { version, source, value: bytes.map(<[u8]>::to_vec), miss: false }
    }

    fn written(version: Version) -> Self {
        Self { version: Some(version), ..Self::default() }
    }
}

fn run(cache: &Cache, step: &Json) -> Result<Outcome, Error> {
    let key = match step["key_bytes"].as_u64() {
        Some(bytes) => "k".repeat(usize::try_from(bytes).unwrap()),
        None => step["key"].as_str().unwrap_or_default().to_owned(),
    };
    let key = key.as_bytes();
    let version = |name: &str| step[name].as_u64().map(Version::from);
    let mut read = ReadOptions::default();
    read.min_version = version("min_version");
    let mut write = WriteOptions::default();
    write.idempotency_key = step["idempotency_key"].as_str().map(Into::into);
    write.if_version = version("if_version");
    Ok(match step["call"].as_str().unwrap() {
        "get" => cache.get(key, &read).map(|value| Outcome::read(value.bytes(), &value.receipt()))?,
        "lookup" => match cache.lookup(key, &read)? {
            Some(hit) => Outcome::read(hit.bytes(), &hit.receipt()),
            None => Outcome { miss: true, ..Outcome::default() },
        },
        "set" => {
            let value = step["value"].as_str().unwrap().as_bytes();
            Outcome::written(cache.set(key, value, &write)?.version)
        }
        "delete" => Outcome::written(cache.delete(key, &write)?.version),
        "invalidate" => cache.invalidate(key).map(|()| Outcome::default())?,
        "close" => cache.close(Duration::from_secs(5)).map(|_| Outcome::default())?,
        call => panic!("no call {call}"),
    })
}

#[test]
fn calls() {
    for case in vectors(include_str!("../../tests/vectors/calls.json")) {
        let cache = Cache::open(memory()).unwrap();
        for step in case["steps"].as_array().unwrap() {
            let outcome = run(&cache, step);
            let error = outcome.as_ref().err().map(|error| error.code().name());
            assert_eq!(error, step["error"].as_str(), "{}: {step}: {outcome:?}", case["name"]);
            let Ok(outcome) = outcome else { continue };
            let holds = step["version"].as_u64().is_none_or(|v| outcome.version == Some(v.into()))
                && step["found"].as_bool().is_none_or(|found| outcome.value.is_some() == found)
                && (step["call"] == "set"
                    || step["value"].as_str().is_none_or(|v| outcome.value.as_deref() == Some(v.as_bytes())))
                && step["source"].as_str().is_none_or(|source| {
                    outcome.source == Some(if source == "cache" { Source::Cache } else { Source::Origin })
                })
                && step["miss"].as_bool().unwrap_or(false) == outcome.miss;
            assert!(holds, "{}: {step}: {outcome:?}", case["name"]);
        }
    }
}

//! `report.json`: the numbers of a run, for programs.

use edgecmp_oracle::{Rule, Staleness};
use serde_json::{Map, Value, json};

use crate::judge::Account;
use crate::summary::Summary;

const NOTES: [&str; 7] = [
    "events: flights folded by the origin, each exactly once, the load before the readers started included",
    "events_per_s: acknowledged events of the paced stream / its duration less the time the origin was down; \
     events_per_s_before_outage: the same until the kill",
    "latencies: exact quantiles over all answered reads, hits and misses, outage included; reads that ended \
     in an error are not in them",
    "max_staleness_ms: the largest staleness in a receipt of an answer that was not degraded; \
     max_proven_staleness_ms: the largest that the origin's history proves",
    "origin_requests: GETs and compares that reached the origin, counted by the origin itself (until shortly \
     before the kill, and after the restart)",
    "origin_requests_without_cache: one request for each document read and answered",
    "outage: reads that began between the kill and the first answer of the new process; wrong: answers \
     among them that broke any rule; recovery_ms: how long after that first answer a read still failed",
];

/// The report as JSON; sorts the latencies.
#[must_use]
pub fn report(summary: &mut Summary) -> Value {
    let failures = summary.failures();
    let languages: Vec<_> = summary.languages.iter().map(|(one, _)| one.name()).collect();
    let mut rows = Map::new();
    for (language, account) in &mut summary.languages {
        rows.insert(language.name().into(), Value::Object(account_fields(account)));
    }
    let stream = &summary.stream;
    let mut report = account_fields(&mut summary.total);
    let more = json!({
        "events": stream.events,
        "events_per_s": rounded(stream.events_per_s),
        "events_per_s_before_outage": rounded(stream.events_per_s_before_outage),
        "batches_sent_again": stream.batches_sent_again,
        "versions_written": stream.versions_written,
        "bound_ms": summary.bound.as_millis() as u64,
        "seconds": summary.seconds,
        "outage_seconds": rounded(summary.down.as_secs_f64()),
        "origin_requests": stream.origin_requests,
        "origin_keys_asked": stream.origin_keys_asked,
        "origin_requests_without_cache": summary.total.answered,
        "languages": languages,
        "by_language": rows,
        "passed": failures.is_empty(),
        "failures": failures,
        "notes": NOTES,
    });
    if let Value::Object(more) = more {
        report.extend(more);
    }
    Value::Object(report)
}

fn account_fields(account: &mut Account) -> Map<String, Value> {
    let [p50, p95, p99] = account.latency_quantiles([0.50, 0.95, 0.99]).map(|ns| rounded(ns as f64 / 1e3));
    let verdict = &account.report;
    let rules: Map<_, _> =
        Rule::ALL.iter().map(|rule| (rule.name().into(), verdict.count(*rule).into())).collect();
    let explained: Vec<_> = verdict.explained.iter().take(20).map(ToString::to_string).collect();
    let codes: Map<_, _> =
        verdict.error_codes.iter().map(|(code, count)| (code.to_string(), (*count).into())).collect();
    let outage = account.outage;
    let fields = json!({
        "reads": account.reads,
        "reads_checked": verdict.reads_checked,
        "reads_unchecked": verdict.unchecked,
        "writes_checked": verdict.writes_checked,
        "writes_unknown": verdict.writes_unknown,
        "ok": verdict.ok,
        "degraded": verdict.degraded,
        "not_found": verdict.not_found,
        "errors": verdict.errors,
        "errors_by_code": codes,
        "errors_before_outage": account.failed_before_outage,
        "hit_ratio": (account.hit_ratio() * 10_000.0).round() / 10_000.0,
        "read_p50_us": p50,
        "read_p95_us": p95,
        "read_p99_us": p99,
        "max_staleness_ms": milliseconds(verdict.staleness.receipt.max()),
        "max_proven_staleness_ms": milliseconds(verdict.staleness.proven.max()),
        "staleness": staleness(&verdict.staleness),
        "degraded_staleness": staleness(&verdict.degraded_staleness),
        "violations": verdict.violations(),
        "receipt_understated": verdict.count(Rule::ReceiptUnderstated),
        "violations_by_rule": rules,
        "explained": explained,
        "log_bytes_truncated": account.truncated_bytes,
        "outage": {
            "served_within_bound": outage.served_within_bound,
            "degraded": outage.degraded,
            "failed_with_reason": outage.failed_with_reason,
            "failed_without_reason": outage.failed_without_reason,
            "wrong": outage.wrong,
            "recovery_ms": milliseconds(outage.recovery_ns),
        },
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn staleness(staleness: &Staleness) -> Value {
    let of = |histogram: &edgecmp_oracle::Histogram| {
        json!({
            "count": histogram.count(),
            "p50_ms": milliseconds(histogram.quantile(0.5)),
            "p99_ms": milliseconds(histogram.quantile(0.99)),
            "max_ms": milliseconds(histogram.max()),
        })
    };
    json!({ "receipt": of(&staleness.receipt), "proven": of(&staleness.proven) })
}

fn milliseconds(nanoseconds: u64) -> f64 {
    rounded(nanoseconds as f64 / 1e6)
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

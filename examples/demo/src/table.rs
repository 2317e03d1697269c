//! The end of a run, for people.

use std::fmt::Write;

use edgecmp_oracle::Rule;

use crate::judge::Account;
use crate::summary::Summary;

/// The table; sorts the latencies.
#[must_use]
pub fn table(summary: &mut Summary) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\n{:<9} {:>9} {:>9} {:>6} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>10}",
        "reader",
        "reads",
        "checked",
        "hits",
        "p50 us",
        "p95 us",
        "p99 us",
        "max stale",
        "degraded",
        "errors",
        "violations"
    );
    for (language, account) in &mut summary.languages {
        text.push_str(&row(language.name(), account));
    }
    text.push_str(&row("all", &mut summary.total));
    let stream = &summary.stream;
    let outage = summary.total.outage;
    let lines = [
        format!(
            "stream   {} events, {:.0}/s while the origin was up ({:.0}/s before the kill), {} versions of \
             documents, {} batches sent again",
            stream.events,
            stream.events_per_s,
            stream.events_per_s_before_outage,
            stream.versions_written,
            stream.batches_sent_again
        ),
        format!(
            "origin   {} requests for {} keys; without a cache it had been {} requests",
            stream.origin_requests, stream.origin_keys_asked, summary.total.answered
        ),
        format!(
            "outage   {:.1} s: {} reads served within the bound, {} degraded as asked, {} failed with a \
             reason, {} without, {} wrong; no read failed later than {:.1} s after the restart",
            summary.down.as_secs_f64(),
            outage.served_within_bound,
            outage.degraded,
            outage.failed_with_reason,
            outage.failed_without_reason,
            outage.wrong,
            outage.recovery_ns as f64 / 1e9
        ),
        format!(
            "bound    {} ms; stalest receipt {:.1} ms, stalest answer proven {:.1} ms; receipts that \
             understate: {}",
            summary.bound.as_millis(),
            summary.total.report.staleness.receipt.max() as f64 / 1e6,
            summary.total.report.staleness.proven.max() as f64 / 1e6,
            summary.total.report.count(Rule::ReceiptUnderstated)
        ),
    ];
    let _ = writeln!(text, "\n{}", lines.join("\n"));
    if summary.total.report.violations() > 0 {
        let _ = write!(text, "\n{}", summary.total.report);
    }
    text
}

fn row(name: &str, account: &mut Account) -> String {
    let [p50, p95, p99] = account.latency_quantiles([0.50, 0.95, 0.99]).map(|ns| ns as f64 / 1e3);
    let verdict = &account.report;
    format!(
        "{name:<9} {:>9} {:>9} {:>5.1}% {p50:>8.1} {p95:>8.1} {p99:>8.1} {:>6.1} ms {:>9} {:>9} {:>10}\n",
        account.reads,
        verdict.reads_checked,
        100.0 * account.hit_ratio(),
        verdict.staleness.receipt.max() as f64 / 1e6,
        verdict.degraded,
        verdict.errors,
        verdict.violations()
    )
}

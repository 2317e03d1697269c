//! Checks any origin against `docs/origin-protocol.md`.
//!
//! Each check is a function that uses the protocol as a cache would. Three verdicts:
//!
//! - PASS: the origin does what the document says.
//! - ABSENT: an optional part is not there; edgecmp does without, at a cost that the verdict names.
//! - FAIL: the origin does something that the document forbids, and a cache would believe it.
//!
//! The checks write below keys of their own, named after the present instant, and delete them at the
//! end as far as they can.

mod compare;
mod linearizable;
mod read;
mod report;
mod write;

pub use report::{Report, Row, Verdict};

use crate::client::{Client, NoAnswer, Reply};
use crate::clock;

/// What a check found, short of a failure.
enum Found {
    /// The part is there and right.
    Present,
    /// The part is not there.
    Absent(String),
}

/// What a check found wrong.
struct Wrong(String);

impl From<NoAnswer> for Wrong {
    fn from(error: NoAnswer) -> Self {
        Self(error.to_string())
    }
}

type Outcome = Result<Found, Wrong>;
type Check = (&'static str, fn(&Context) -> Outcome);

/// What the checks share.
struct Context {
    client: Client,
    prefix: String,
    /// The origin takes PUT. Without it most checks have nothing to check with.
    writable: bool,
}

/// Runs all checks.
pub fn run(url: &str) -> Report {
    let client = Client::new(url);
    let prefix = format!("edgecmp-conformance-{}", clock::wall_ms());
    let probe = client.put(format!("{prefix}/probe").as_bytes(), b"probe", &[]);
    let writable = probe.is_ok_and(|reply| reply.is_success());
    let context = Context { client, prefix, writable };
    let groups = [read::CHECKS, write::CHECKS, compare::CHECKS, linearizable::CHECKS];
    let rows = groups.into_iter().flatten().map(|(name, check)| Row {
        name,
        verdict: match check(&context) {
            Ok(Found::Present) => Verdict::Pass,
            Ok(Found::Absent(cost)) => Verdict::Absent(cost),
            Err(Wrong(what)) => Verdict::Fail(what),
        },
    });
    let report = Report { rows: rows.collect() };
    context.clean_up();
    report
}

/// Keys the checks write to.
const NAMES: [&str; 15] = [
    "probe",
    "value",
    "validators",
    "current",
    "changed",
    "a/b",
    "a%2Fb",
    "a b+c",
    "versions",
    "deleted",
    "idempotent",
    "conditional",
    "compared",
    "sequential",
    "concurrent",
];

impl Context {
    fn key(&self, name: &str) -> Vec<u8> {
        format!("{}/{name}", self.prefix).into_bytes()
    }

    /// Writes, or says why there is nothing to check with.
    fn put(&self, key: &[u8], value: &[u8], headers: &[(&str, &str)]) -> Result<Reply, Wrong> {
        let reply = self.client.put(key, value, headers)?;
        ensure(matches!(reply.status, 200 | 201 | 204), || {
            format!("PUT answered {}, not 200, 201 or 204", reply.status)
        })?;
        Ok(reply)
    }

    fn get(&self, key: &[u8]) -> Result<Reply, Wrong> {
        Ok(self.client.get(key, &[])?)
    }

    fn clean_up(&self) {
        if self.writable {
            for name in NAMES {
                // What stays behind is named so that its owner knows where it is from.
                let _ = self.client.delete(&self.key(name), &[]);
            }
        }
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong(otherwise())) }
}

fn absent(cost: &str) -> Outcome {
    Ok(Found::Absent(cost.to_owned()))
}

/// For checks that need writes.
fn not_writable() -> Outcome {
    absent("the origin takes no PUT; not checked")
}

//! The receipt: what a read says beside the value.

use std::time::Duration;

use edgecmp_core::{Proof, Receipt, Source};

use crate::sized::SizedOut;
use crate::version::edgecmp_u128;

/// Where an answer came from.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum edgecmp_source {
    /// The cache had it: the read did not wait.
    EDGECMP_SOURCE_CACHE = 0,
    /// The read waited for the origin.
    EDGECMP_SOURCE_ORIGIN = 1,
}

/// What shows that a value was current.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum edgecmp_proof {
    /// Nothing within the bound: the answer is degraded.
    EDGECMP_PROOF_NONE = 0,
    /// An answer of the origin.
    EDGECMP_PROOF_PULL = 1,
    /// The watermark of the change stream.
    EDGECMP_PROOF_STREAM = 2,
}

/// What a read returns beside the value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct edgecmp_receipt {
    /// Set it to `sizeof(edgecmp_receipt)`.
    pub struct_size: usize,
    /// Version of the value; `{0, 0}` if the origin never had the key.
    pub version: edgecmp_u128,
    /// Upper bound on how far behind the origin the value can be, taken within
    /// the call, in nanoseconds.
    pub staleness_ns: u64,
    /// The staleness bound that the read was held to, in nanoseconds.
    pub bound_ns: u64,
    /// When the origin last changed the value, in Unix milliseconds; -1 if it
    /// did not say.
    pub last_modified_at_ms: i64,
    /// Where the answer came from.
    pub source: edgecmp_source,
    /// What shows that the value was current.
    pub proof: edgecmp_proof,
    /// Whether the origin has the key.
    pub found: bool,
    /// Served past its bound, within `outage_bound`, because the origin is away.
    pub degraded: bool,
    /// Zero. Keeps the struct without hidden padding.
    pub reserved: [u8; 6],
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl SizedOut for edgecmp_receipt {
    const FIRST_SIZE: usize = 64;
}

const _: () = assert!(size_of::<edgecmp_receipt>() == 64 && <edgecmp_receipt as SizedOut>::FIRST_SIZE == 64);

impl edgecmp_receipt {
    #[inline(always)]
    pub(crate) fn new(receipt: &Receipt, found: bool) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            version: receipt.version.into(),
            staleness_ns: spanned(receipt.staleness),
            bound_ns: spanned(receipt.bound),
            last_modified_at_ms: receipt.last_modified_at.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(-1),
            source: match receipt.source {
                Source::Cache => edgecmp_source::EDGECMP_SOURCE_CACHE,
                Source::Origin => edgecmp_source::EDGECMP_SOURCE_ORIGIN,
            },
            proof: match receipt.proof {
                Proof::None => edgecmp_proof::EDGECMP_PROOF_NONE,
                Proof::Pull => edgecmp_proof::EDGECMP_PROOF_PULL,
                Proof::Stream => edgecmp_proof::EDGECMP_PROOF_STREAM,
            },
            found,
            degraded: receipt.degraded,
            reserved: [0; 6],
        }
    }
}

/// Nanoseconds of a duration that was made of nanoseconds, so that they fit: the compiler
/// leaves out that they were divided.
#[inline(always)]
fn spanned(duration: Duration) -> u64 {
    duration.as_secs().wrapping_mul(1_000_000_000).wrapping_add(duration.subsec_nanos().into())
}

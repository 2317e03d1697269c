//! The answers to a read of many keys: one row per key, in the order asked.

use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use edgecmp_core::{Cache, ReadOptions, Result, Value};

use crate::boundary::infallible;
use crate::error::edgecmp_error;
use crate::pointers::{KeyRef, edgecmp_slice};
use crate::value::edgecmp_value;

/// The answers of `edgecmp_get_many`, in the order of the keys. Each row is a
/// value or an error. Immutable; may be read from any thread.
pub struct edgecmp_results {
    /// The values that have references, and one for the results' own owner.
    live: AtomicUsize,
    /// All rows in one block: a value that is retained keeps the block, but no
    /// other value.
    rows: Vec<Row>,
}

enum Row {
    Value(edgecmp_value),
    /// Boxed: few rows are, and the others are smaller for it. `None` until the answer
    /// of the origin is there.
    Error(Option<Box<edgecmp_error>>),
}

// Rows take over the memory of the answers that they are made of.
const _: () = assert!(size_of::<Row>() == size_of::<Result<Value>>());

/// Results that nobody has yet. If they are never given away, because reading the
/// rest failed, their values go with them.
struct Begun {
    results: NonNull<edgecmp_results>,
    rows: Vec<Row>,
}

impl Begun {
    fn new(rows: usize) -> Self {
        let empty = Box::new(edgecmp_results { live: AtomicUsize::new(1), rows: Vec::new() });
        // By the pointer it is freed with: that of a reference would end when the box moves.
        Self { results: NonNull::from(Box::leak(empty)), rows: Vec::with_capacity(rows) }
    }

    fn row(&self, answer: Result<Value>) -> Row {
        match answer {
            Ok(value) => Row::Value(edgecmp_value::new(value, self.results)),
            Err(error) => Row::Error(Some(Box::new(edgecmp_error::new(error)))),
        }
    }

    /// Gives them away.
    fn complete(mut self) -> *mut edgecmp_results {
        let rows = std::mem::take(&mut self.rows);
        let values = rows.iter().filter(|row| matches!(row, Row::Value(_))).count();
        let results = ManuallyDrop::new(self).results.as_ptr();
        // SAFETY: made in `new`, and known to nobody else.
        unsafe { *results = edgecmp_results { live: AtomicUsize::new(values + 1), rows } };
        results
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        for row in &self.rows {
            if let Row::Value(value) = row {
                // SAFETY: its only reference, which nobody was given.
                unsafe { value.give_back() };
            }
        }
        // SAFETY: made in `new`, and given to nobody.
        drop(unsafe { Box::from_raw(self.results.as_ptr()) });
    }
}

impl edgecmp_results {
    /// Results that the caller owns.
    pub(crate) fn into_raw(answers: Vec<Result<Value>>) -> *mut Self {
        let mut begun = Begun::new(0);
        // In the memory of the answers.
        begun.rows = answers.into_iter().map(|answer| begun.row(answer)).collect();
        begun.complete()
    }

    /// Reads keys, and waits for those that the cache may not answer. Hits become
    /// rows where they are seen: a pass over them after that would be a tenth of
    /// what they cost.
    pub(crate) fn read(cache: &Cache, keys: &[KeyRef], read: &ReadOptions) -> Result<*mut Self> {
        let (mut begun, mut missed) = (Begun::new(keys.len()), Vec::new());
        let of = begun.results;
        cache.lookup_many(keys, read, |index, hit| {
            begun.rows.push(match hit {
                Some(hit) => Row::Value(edgecmp_value::new(hit.to_value(), of)),
                None => {
                    missed.push(index);
                    Row::Error(None)
                }
            });
        })?;
        if !missed.is_empty() {
            let keys: Vec<_> = missed.iter().map(|index| &keys[*index]).collect();
            for (index, answer) in missed.into_iter().zip(cache.get_missed(&keys, read)?) {
                begun.rows[index] = begun.row(answer);
            }
        }
        Ok(begun.complete())
    }

    /// So many of `live` are gone; the last frees the memory.
    ///
    /// # Safety
    /// The results were made by [`Begun`], and the caller is, or has
    /// ended, so many of those that keep them.
    pub(crate) unsafe fn let_go(results: NonNull<Self>, gone: usize) {
        // SAFETY: there, as long as one keeps them.
        let live = unsafe { &results.as_ref().live };
        // As in `edgecmp_value::give_back`.
        if live.load(Ordering::Acquire) == gone || live.fetch_sub(gone, Ordering::AcqRel) == gone {
            // SAFETY: made by `Begun`, and nobody keeps them any more.
            drop(unsafe { Box::from_raw(results.as_ptr()) });
        }
    }
}

/// Number of rows: that of the keys asked. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_count(results: Option<&edgecmp_results>) -> usize {
    infallible(0, || results.map_or(0, |results| results.rows.len()))
}

/// The value of a row, or NULL if the row is an error. It lives as long as the
/// results; `edgecmp_value_retain` keeps it longer (and 48 bytes for each of
/// the results' rows, but none of their values).
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_value(
    results: Option<&edgecmp_results>,
    index: usize,
) -> *const edgecmp_value {
    infallible(ptr::null(), || match results.and_then(|results| results.rows.get(index)) {
        Some(Row::Value(value)) => ptr::from_ref(value),
        _ => ptr::null(),
    })
}

/// The bytes of a row: `edgecmp_value_bytes` of `edgecmp_results_value`, in one
/// call. No value if the row is an error.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_bytes(results: Option<&edgecmp_results>, index: usize) -> edgecmp_slice {
    infallible(edgecmp_slice::NONE, || match results.and_then(|results| results.rows.get(index)) {
        Some(Row::Value(value)) => value.bytes(),
        _ => edgecmp_slice::NONE,
    })
}

/// The error of a row, or NULL if the row is a value. It lives as long as the
/// results, and is not freed on its own.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_error(
    results: Option<&edgecmp_results>,
    index: usize,
) -> *const edgecmp_error {
    infallible(ptr::null(), || match results.and_then(|results| results.rows.get(index)) {
        Some(Row::Error(Some(error))) => ptr::from_ref(&**error),
        _ => ptr::null(),
    })
}

/// Frees results and their references. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_results_free(results: *mut edgecmp_results) {
    infallible((), move || {
        let Some(results) = NonNull::new(results) else { return };
        let mut gone = 1;
        // SAFETY: by contract results that were not freed.
        for row in unsafe { &results.as_ref().rows } {
            // SAFETY: the results' own reference, which ends here.
            gone += usize::from(matches!(row, Row::Value(value) if unsafe { value.give_back() }));
        }
        // SAFETY: their owner, and the values whose last reference it was.
        unsafe { edgecmp_results::let_go(results, gone) };
    });
}

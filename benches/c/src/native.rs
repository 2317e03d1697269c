//! The C side: loops.c in a library that is linked to the shared edgecmp.

use std::ffi::{CString, c_char, c_void};
use std::path::Path;

use bench_common::keys::{KEY, key};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::Draws;

#[repr(C)]
struct Load {
    cache: *const c_void,
    keys: *const u8,
    key_len: usize,
    mask: usize,
    nothing: usize,
}

#[repr(C)]
struct Slice {
    data: *const u8,
    len: usize,
}

type Open = unsafe extern "C" fn(*const *const c_char) -> *mut c_void;
type Fill = unsafe extern "C" fn(*const c_void, *const Slice, usize) -> usize;
type Run = unsafe extern "C" fn(*const Load, *const c_char, usize, usize) -> u64;
type Free = unsafe extern "C" fn(*mut c_void);

/// A cache behind the C ABI.
pub struct Native {
    library: Library,
    cache: *mut c_void,
}

impl Native {
    /// Loads the loops and opens a cache with these options.
    pub fn open(loops: &Path, options: &[(&str, String)]) -> Self {
        // Local: nothing of it can be taken for what this program has itself.
        // SAFETY: our own library; its constructors are those of edgecmp.
        let library =
            unsafe { Library::open(Some(loops), RTLD_NOW | RTLD_LOCAL) }.expect("libloops.so was built");
        let texts: Vec<CString> = options
            .iter()
            .flat_map(|(name, value)| [*name, value.as_str()])
            .map(|text| CString::new(text).expect("no NUL in options"))
            .collect();
        let mut list: Vec<_> = texts.iter().map(|text| text.as_ptr()).collect();
        list.push(std::ptr::null());
        // SAFETY: its signature in loops.c.
        let open = unsafe { library.get::<Open>(b"bench_open\0") }.expect("loops.c has it");
        // SAFETY: pairs of texts, and a NULL at the end.
        let cache = unsafe { open(list.as_ptr()) };
        assert!(!cache.is_null(), "the C cache did not open");
        Self { library, cache }
    }

    /// Fetches these ids.
    pub fn fill(&self, ids: std::ops::Range<usize>) {
        let keys: Vec<_> = ids.map(|id| key(id as u32)).collect();
        let slices: Vec<_> = keys.iter().map(|key| Slice { data: key.as_ptr(), len: KEY }).collect();
        // SAFETY: its signature in loops.c.
        let fill = unsafe { self.library.get::<Fill>(b"bench_fill\0") }.expect("loops.c has it");
        // SAFETY: an open cache, and so many slices of keys that live on.
        let filled = unsafe { fill(self.cache, slices.as_ptr(), slices.len()) };
        assert_eq!(filled, keys.len(), "the C cache was not filled");
    }

    /// Runs a loop of loops.c.
    pub fn run(&self, draws: &Draws, row: &str, start: usize, ops: usize) -> u64 {
        let load = Load {
            cache: self.cache,
            keys: draws.stream.bytes().as_ptr(),
            key_len: KEY,
            mask: draws.stream.draws() - 1,
            nothing: draws.nothing,
        };
        let row = CString::new(row).expect("no NUL in names");
        // SAFETY: its signature in loops.c.
        let run = unsafe { self.library.get::<Run>(b"bench_run\0") }.expect("loops.c has it");
        // SAFETY: an open cache, and mask + 1 keys.
        unsafe { run(&load, row.as_ptr(), start, ops) }
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: its signature in loops.c.
        let free = unsafe { self.library.get::<Free>(b"bench_free\0") }.expect("loops.c has it");
        // SAFETY: an open cache, not used any more.
        unsafe { free(self.cache) };
    }
}

//! The short way into `lookup` and `get`: a call with one key and nothing else.
//!
//! What pyo3 makes of a method parses each argument into a slot and counts the
//! attached thread in and out, which costs more than the look-up itself. So
//! these methods are replaced, when the module is initialized, by functions
//! that look at the arguments first: exactly one `str` or `bytes` goes straight
//! to core, and its hit straight into an Entry. Everything else (keyword
//! arguments, other types, errors) goes to the function that pyo3 made, which
//! stays the only one that knows the signature and raises.
//!
//! Everything here holds without the GIL too: an exact `str` or `bytes` does not
//! change, and the caller's reference keeps it alive during the call.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PySystemError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::cache::Core;
use crate::entry::{Answer, object};

type Function = ffi::PyCFunctionFastWithKeywords;

const FLAGS: c_int = ffi::METH_FASTCALL | ffi::METH_KEYWORDS;

/// A method of `Core` with a short way.
struct Method {
    name: &'static CStr,
    short: Function,
    /// What pyo3 made: the descriptor, and its function once it was needed.
    full: PyOnceLock<Py<PyAny>>,
    full_function: AtomicPtr<()>,
}

impl Method {
    const fn new(name: &'static CStr, short: Function) -> Self {
        Self { name, short, full: PyOnceLock::new(), full_function: AtomicPtr::new(ptr::null_mut()) }
    }
}

static LOOKUP: Method = Method::new(c"lookup", lookup);
static GET: Method = Method::new(c"get", get);

/// Replaces the methods that have a short way.
pub fn install(py: Python<'_>) -> PyResult<()> {
    for method in [&LOOKUP, &GET] {
        method.install(py)?;
    }
    Ok(())
}

impl Method {
    fn install(&'static self, py: Python<'_>) -> PyResult<()> {
        let class = py.get_type::<Core>();
        let name = self.name.to_string_lossy();
        let full = class.getattr(name.as_ref())?;
        let signature: String = full.getattr("__text_signature__")?.extract()?;
        let doc: String = full.getattr("__doc__")?.extract()?;
        let doc = CString::new(format!("{name}{signature}\n--\n\n{doc}"))?;
        // The descriptor keeps it, and is kept by a class that is never freed.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: self.name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: self.short },
            ml_flags: FLAGS,
            ml_doc: doc.into_raw(),
        }));
        // SAFETY: the class is a type object, the definition static.
        let descriptor = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), definition) };
        // SAFETY: a new reference, or null with an exception set.
        let descriptor = unsafe { Bound::from_owned_ptr_or_err(py, descriptor) }?;
        // Only the first initialization of the module finds what pyo3 made.
        if self.full.set(py, full.unbind()).is_ok() {
            class.setattr(name.as_ref(), descriptor)?;
        }
        Ok(())
    }

    /// The function that pyo3 made. Only an instance gives it away.
    #[cold]
    fn find_full(&self, core: &Bound<'_, PyAny>) -> PyResult<Function> {
        let py = core.py();
        let missing = || PySystemError::new_err("edgecmp: the module is not initialized");
        let descriptor = self.full.get(py).ok_or_else(missing)?;
        let bound = descriptor.call_method1(py, "__get__", (core,))?;
        // SAFETY: the accessor checks the object's type.
        let flags = unsafe { ffi::PyCFunction_GetFlags(bound.as_ptr()) };
        // SAFETY: as above.
        let function = unsafe { ffi::PyCFunction_GetFunction(bound.as_ptr()) };
        let Some(function) = function.filter(|_| flags == FLAGS) else {
            return Err(PyErr::take(py).unwrap_or_else(missing));
        };
        self.full_function.store(function as *mut (), Ordering::Release);
        // SAFETY: the flags say that it is of this type.
        Ok(unsafe { std::mem::transmute::<ffi::PyCFunction, Function>(function) })
    }

    /// Calls what pyo3 made.
    ///
    /// # Safety
    ///
    /// As for a function that CPython calls with [`FLAGS`] on an instance of `Core`.
    unsafe fn call_full(
        &self,
        core: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        count: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        let found = self.full_function.load(Ordering::Acquire);
        let function = if found.is_null() {
            // SAFETY: the thread is attached; the token does not leave this call.
            let py = unsafe { Python::assume_attached() };
            // SAFETY: the caller keeps the instance alive.
            let core = unsafe { Borrowed::from_ptr(py, core) };
            match self.find_full(&core) {
                Ok(function) => function,
                Err(error) => {
                    error.restore(py);
                    return ptr::null_mut();
                }
            }
        } else {
            // SAFETY: `find_full` has put it there.
            unsafe { std::mem::transmute::<*mut (), Function>(found) }
        };
        // SAFETY: as the caller promises.
        unsafe { function(core, arguments, count, names) }
    }
}

/// The bytes of a key that is exactly a `str` that UTF-8 can express, or `bytes`.
///
/// # Safety
///
/// The thread is attached, and `key` outlives the borrow.
#[inline]
unsafe fn key_bytes<'a>(key: *mut ffi::PyObject) -> Option<&'a [u8]> {
    let mut length = 0;
    // SAFETY: an object.
    let start: *const c_char = if unsafe { ffi::PyUnicode_CheckExact(key) } != 0 {
        // SAFETY: a `str`. It keeps its UTF-8 form from now on.
        unsafe { ffi::PyUnicode_AsUTF8AndSize(key, &raw mut length) }
    // SAFETY: an object.
    } else if unsafe { ffi::PyBytes_CheckExact(key) } != 0 {
        // SAFETY: a `bytes`.
        length = unsafe { ffi::PyBytes_Size(key) };
        // SAFETY: as above.
        unsafe { ffi::PyBytes_AsString(key) }
    } else {
        return None;
    };
    if start.is_null() {
        // Lone surrogates: the long way knows what to do.
        // SAFETY: the thread is attached.
        unsafe { ffi::PyErr_Clear() };
        return None;
    }
    // SAFETY: both give the start of so many bytes, which live and stay the
    // same as long as their object.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), length.cast_unsigned()) })
}

/// What the short way has found.
enum Found<'a> {
    /// A new reference to an Entry; or null, with the exception set.
    Entry(*mut ffi::PyObject),
    /// Nothing that may be returned.
    Nothing(&'a Core, &'a [u8]),
    /// The call is not of the short kind, or fails.
    Unknown,
}

/// Looks the only argument up.
///
/// # Safety
///
/// As for [`Method::call_full`]; what is returned does not outlive the call.
#[inline]
unsafe fn find<'a>(
    core: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> Found<'a> {
    if count != 1 || !names.is_null() {
        return Found::Unknown;
    }
    // SAFETY: the thread is attached; the token does not leave this call.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the caller keeps the object alive.
    let core = unsafe { Borrowed::from_ptr(py, core) };
    // SAFETY: the descriptor has checked that it is an instance of `Core`.
    let core = unsafe { core.cast_unchecked::<Core>() };
    // SAFETY: as long as the object, that is as the call.
    let core: &'a Core = unsafe { &*ptr::from_ref(core.get()) };
    // SAFETY: there is one argument, which the caller keeps alive.
    let key = unsafe { *arguments };
    // A key that nobody but the caller holds is not among those that are kept.
    // SAFETY: an object.
    if unsafe { ffi::Py_REFCNT(key) } != 1 {
        // SAFETY: the thread is attached.
        let kept = unsafe { core.front().find(core, key) };
        if !kept.is_null() {
            return Found::Entry(kept);
        }
    }
    // SAFETY: as the caller promises.
    unsafe { search(core, key) }
}

/// Looks a key up in core. Apart from [`find`], whose frame it would make larger.
///
/// # Safety
///
/// The thread is attached; what is returned does not outlive `key`.
#[inline(never)]
unsafe fn search(core: &Core, key: *mut ffi::PyObject) -> Found<'_> {
    // SAFETY: the thread is attached, and the key outlives the call.
    let Some(bytes) = (unsafe { key_bytes(key) }) else { return Found::Unknown };
    // SAFETY: the thread is attached.
    let value = match unsafe { core.front().look_up(core, bytes) } {
        Ok(Some(value)) => value,
        Ok(None) => return Found::Nothing(core, bytes),
        Err(_) => return Found::Unknown,
    };
    // SAFETY: the module is initialized, the thread attached.
    let entry = unsafe { object::allocate(Answer::of(value)) };
    // SAFETY: an object.
    if !entry.is_null() && unsafe { ffi::Py_REFCNT(key) } != 1 {
        // SAFETY: `key` is exactly a `str` or `bytes`, `entry` an Entry.
        unsafe { core.front().keep(key, entry) };
    }
    Found::Entry(entry)
}

/// `Core.lookup`.
///
/// # Safety
///
/// Only for CPython, by the method's definition.
unsafe extern "C" fn lookup(
    core: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as CPython calls this.
    match unsafe { find(core, arguments, count, names) } {
        Found::Entry(entry) => entry,
        Found::Nothing(..) => {
            // SAFETY: there is one, for ever.
            let none = unsafe { ffi::Py_None() };
            // SAFETY: an object.
            unsafe { ffi::Py_NewRef(none) }
        }
        // SAFETY: as CPython calls this. What has failed fails again, and raises.
        Found::Unknown => unsafe { LOOKUP.call_full(core, arguments, count, names) },
    }
}

/// `Core.get`.
///
/// # Safety
///
/// Only for CPython, by the method's definition.
unsafe extern "C" fn get(
    core: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: as CPython calls this.
    match unsafe { find(core, arguments, count, names) } {
        Found::Entry(entry) => entry,
        Found::Nothing(cache, key) => {
            // SAFETY: the thread is attached; the token does not leave this call.
            let py = unsafe { Python::assume_attached() };
            object::returned(py, || cache.plain_miss(py, key))
        }
        // SAFETY: as CPython calls this. What has failed fails again, and raises.
        Found::Unknown => unsafe { GET.call_full(core, arguments, count, names) },
    }
}

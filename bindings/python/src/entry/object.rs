//! The Python object of an [`Answer`]: made and freed by hand.
//!
//! Every hit makes one, and a `#[pyclass]` costs about as much as the rest of
//! the hit. This is the same heap type with less in its way: no instance
//! dictionary, no subclasses, no cyclic collection (an answer holds no object
//! but `bytes`), and nothing is counted on the way in and out.

use std::alloc::Layout;
use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use pyo3::exceptions::{PyImportError, PySystemError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use super::Answer;
use super::memory::{self, Memory};

/// An attribute of the class.
pub struct Attribute {
    pub name: &'static CStr,
    pub doc: &'static CStr,
    pub get: for<'py> fn(Python<'py>, &Answer) -> PyResult<Bound<'py, PyAny>>,
}

/// What CPython sees.
#[repr(C)]
pub(super) struct Object {
    head: ffi::PyObject,
    answer: Answer,
}

// The object allocator gives no more than this; and a place is one line.
const _: () = assert!(Layout::new::<Object>().align() <= 16 && size_of::<Object>() <= 64);

/// The class; null until the module is initialized. Never freed.
static CLASS: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());

/// The interpreter that has the class; negative until there is one.
static INTERPRETER: AtomicI64 = AtomicI64::new(-1);

/// Sees to it that no second interpreter of the process uses what is static
/// here: classes, and the memory of Entries.
pub fn refuse_other_interpreters() -> PyResult<()> {
    // SAFETY: the thread is attached, as for every initialization of a module.
    let interpreter = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: the present interpreter.
    let id = unsafe { ffi::PyInterpreterState_GetID(interpreter) };
    match INTERPRETER.compare_exchange(-1, id, Ordering::AcqRel, Ordering::Acquire) {
        Err(first) if first != id => {
            Err(PyImportError::new_err("edgecmp is loaded in another interpreter of this process"))
        }
        _ => Ok(()),
    }
}

/// Makes the class `name`, once for the process.
pub fn make_class<'py>(
    py: Python<'py>,
    name: &'static CStr,
    doc: &'static CStr,
    attributes: &'static [Attribute],
) -> PyResult<Bound<'py, PyType>> {
    let made = CLASS.load(Ordering::Acquire);
    if !made.is_null() {
        // SAFETY: the class, which is never freed.
        return Ok(unsafe { Bound::from_borrowed_ptr(py, made.cast()) }.cast_into::<PyType>()?);
    }
    let mut getters: Vec<ffi::PyGetSetDef> = attributes.iter().map(getter_of).collect();
    getters.push(ffi::PyGetSetDef::default());
    // The class keeps them, and lives as long as the process.
    let getters: &'static mut [ffi::PyGetSetDef] = getters.leak();
    let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
    let mut slots = [
        slot(ffi::Py_tp_doc, doc.as_ptr() as *mut c_void),
        slot(ffi::Py_tp_getset, getters.as_mut_ptr().cast()),
        slot(ffi::Py_tp_repr, represent as *mut c_void),
        slot(ffi::Py_tp_dealloc, deallocate as *mut c_void),
        ffi::PyType_Slot::default(),
    ];
    let flags =
        ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION | ffi::Py_TPFLAGS_IMMUTABLETYPE;
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size_of::<Object>() as c_int,
        itemsize: 0,
        flags: flags as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification is complete and ends with a zeroed slot; names,
    // docs and getters are static.
    let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
    // SAFETY: a new reference, or null with an exception set.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, class) }?.cast_into::<PyType>()?;
    CLASS.store(class.clone().into_ptr().cast(), Ordering::Release);
    Ok(class)
}

fn getter_of(attribute: &'static Attribute) -> ffi::PyGetSetDef {
    ffi::PyGetSetDef {
        name: attribute.name.as_ptr(),
        get: Some(get_attribute),
        set: None,
        doc: attribute.doc.as_ptr(),
        closure: ptr::from_ref(attribute).cast_mut().cast(),
    }
}

/// The object of an answer.
pub fn new(py: Python<'_>, answer: Answer) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: `py` shows that this thread is attached.
    let object = unsafe { allocate(answer) };
    // SAFETY: a new reference, or null with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, object) }
}

/// The same, for a caller that hands it to CPython: a new reference, or null
/// with the exception set.
///
/// # Safety
///
/// The thread is attached, and the module was initialized.
#[inline]
pub unsafe fn allocate(answer: Answer) -> *mut ffi::PyObject {
    // SAFETY: the thread is attached.
    let (object, used) = match unsafe { memory::take() } {
        Memory::Used(object) => (object, true),
        Memory::Fresh(object) => (object, false),
    };
    if object.is_null() {
        // SAFETY: the thread is attached.
        return unsafe { ffi::PyErr_NoMemory() };
    }
    // SAFETY: in memory of this size that nobody else has.
    let place = unsafe { &raw mut (*object).answer };
    // SAFETY: as above; aligned to 16 bytes, which is enough.
    unsafe { place.write(answer) };
    if used {
        return object.cast();
    }
    // SAFETY: the memory is of the class's `basicsize`;
    // this sets the head, and counts the class.
    unsafe { ffi::PyObject_Init(object.cast(), CLASS.load(Ordering::Relaxed)) }
}

/// Whether an object is an Entry.
pub fn is_entry(object: &Bound<'_, PyAny>) -> bool {
    object.get_type_ptr() == CLASS.load(Ordering::Relaxed)
}

/// The answer of an Entry.
///
/// # Safety
///
/// `object` is of the class, and outlives the borrow.
#[inline]
pub unsafe fn answer_of<'a>(object: *mut ffi::PyObject) -> &'a Answer {
    // SAFETY: objects of the class are made by `allocate` alone.
    unsafe { &(*object.cast::<Object>()).answer }
}

/// An Entry with the same value, read again: this one, if only the caller has
/// it. `renew` brings the receipt up to date, or says no. A new reference; or
/// null, without an exception, also if there is no memory.
///
/// # Safety
///
/// The GIL is held, `object` is of the class, and nothing borrows its answer.
#[inline]
pub unsafe fn renewed(
    object: *mut ffi::PyObject,
    renew: impl FnOnce(&mut Answer) -> bool,
) -> *mut ffi::PyObject {
    // SAFETY: an object.
    if unsafe { ffi::Py_REFCNT(object) } == 1 {
        // SAFETY: the caller's is the only reference, so nobody else can read
        // the answer while it changes.
        let answer = unsafe { &mut (*object.cast::<Object>()).answer };
        if renew(answer) {
            // SAFETY: an object.
            return unsafe { ffi::Py_NewRef(object) };
        }
        return ptr::null_mut();
    }
    // SAFETY: the thread is attached; the token does not leave this call.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: as the caller promises.
    let mut answer = unsafe { answer_of(object) }.duplicate(py);
    if !renew(&mut answer) {
        return ptr::null_mut();
    }
    // SAFETY: as the caller promises.
    let new = unsafe { allocate(answer) };
    if new.is_null() {
        // SAFETY: the thread is attached.
        unsafe { ffi::PyErr_Clear() };
    }
    new
}

/// # Safety
///
/// CPython calls this with the last reference of an object of the class.
unsafe extern "C" fn deallocate(object: *mut ffi::PyObject) {
    // SAFETY: `allocate` has made it.
    let answer = unsafe { &raw mut (*object.cast::<Object>()).answer };
    // SAFETY: nobody else has it, and nobody reads it again.
    unsafe { answer.drop_in_place() };
    // SAFETY: `allocate` has it from there.
    unsafe { memory::give_back(object.cast()) };
}

/// # Safety
///
/// CPython calls this, attached, with an object of the class and what
/// [`getter_of`] gave it.
unsafe extern "C" fn get_attribute(object: *mut ffi::PyObject, closure: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: `getter_of` has made it of a static attribute.
    let attribute = unsafe { &*closure.cast::<Attribute>() };
    // SAFETY: as CPython calls this.
    unsafe { with_answer(object, attribute.get) }
}

/// # Safety
///
/// CPython calls this, attached, with an object of the class.
unsafe extern "C" fn represent(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as CPython calls this.
    unsafe { with_answer(object, super::repr) }
}

/// Calls `use_it` with the answer of an object: its result as a new reference,
/// or null with the exception set.
///
/// # Safety
///
/// The thread is attached, and `object` is of the class.
unsafe fn with_answer<'py>(
    object: *mut ffi::PyObject,
    use_it: impl FnOnce(Python<'py>, &Answer) -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    // SAFETY: the thread is attached; the token does not leave this call.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: as the caller promises.
    let answer = unsafe { answer_of(object) };
    returned(py, || use_it(py, answer))
}

/// The result of a call as CPython wants it: a new reference, or null with the
/// exception set. A panic becomes `SystemError`.
pub fn returned<'py>(
    py: Python<'py>,
    call: impl FnOnce() -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    // Unwind safety: nothing of this crate is left half-written.
    let result = catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(PySystemError::new_err("panic in edgecmp's Python binding")));
    match result {
        Ok(object) => object.into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    }
}

/// A `bytes` object that is made when it is asked for, once. Unlike pyo3's
/// cells it never gives the GIL away, and is dropped at once: only by threads
/// that are attached, as only Entries have one.
pub struct OnceBytes(AtomicPtr<ffi::PyObject>);

impl OnceBytes {
    #[inline]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The object, made now if need be.
    #[inline]
    pub fn get_or_make<'py>(
        &self,
        py: Python<'py>,
        make: impl FnOnce() -> Bound<'py, PyBytes>,
    ) -> Bound<'py, PyAny> {
        let mut made = self.0.load(Ordering::Acquire);
        if made.is_null() {
            let new = make().into_ptr();
            made = match self.0.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => new,
                Err(first) => {
                    // Another thread was faster (free-threaded builds only).
                    // SAFETY: the reference just made.
                    unsafe { ffi::Py_DECREF(new) };
                    first
                }
            };
        }
        // SAFETY: it is a `bytes` object, and stays until this is dropped.
        unsafe { Bound::from_borrowed_ptr(py, made) }
    }

    /// Another reference to the object, if it was made.
    #[inline]
    pub fn clone_ref(&self, _py: Python<'_>) -> Self {
        let made = self.0.load(Ordering::Acquire);
        // SAFETY: null, or an object that stays until this is dropped.
        unsafe { ffi::Py_XINCREF(made) };
        Self(AtomicPtr::new(made))
    }
}

impl Drop for OnceBytes {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: null, or a reference of its own; the thread is attached.
        unsafe { ffi::Py_XDECREF(*self.0.get_mut()) };
    }
}

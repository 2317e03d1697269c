//! The extension module `edgecmp._edgecmp`: core as Python sees it.
//!
//! ```text
//!   edgecmp.Cache   edgecmp.aio.Cache   edgecmp.loader     (python/edgecmp)
//!          \              |                 /
//!   fast  (`lookup` and `get` of one key: the short way) ---- front, slots  (Entries by key object)
//!          \
//!   cache  (Core: one method a call) ---- calls  (loader calls, popped by Python's threads)
//!     |            \
//!   wait            completions  (finished calls, drained by an event loop)
//!     \            /
//!   arguments  options  entry  version  duration  errors   (conversions)
//!            \
//!           boundary  (attached or detached; panics become InternalError)
//!               \
//!              exit  (threads that meet the end of the interpreter)
//! ```
//!
//! `unsafe` is in `fast`, `front`, `entry::object` and `entry::memory`, which speak
//! to CPython without pyo3.
//!
//! Three rules keep it free of deadlocks, and are kept by construction:
//!
//! 1. A hit stays attached to the interpreter and takes no lock. Everything
//!    else detaches before core is entered ([`boundary::detached`]).
//! 2. Core never holds a Python object, so it can't drop one under a lock.
//! 3. Core's runtime thread never attaches. It pushes into a queue; Python
//!    threads take from it ([`completions`], [`calls`]).

mod arguments;
mod boundary;
mod cache;
mod call;
mod calls;
mod completions;
mod duration;
mod entry;
mod errors;
mod exit;
mod fast;
mod front;
mod hints;
mod options;
mod slots;
mod tables;
mod version;
mod wait;

/// edgecmp's core. Import `edgecmp` instead: this module is not a public API.
///
/// The classes are immutable or synchronized by core, so the module does not
/// need the GIL and declares so (PEP 703).
#[pyo3::pymodule(gil_used = false)]
mod _edgecmp {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::cache::Core;
    #[pymodule_export]
    use crate::call::Call;
    #[pymodule_export]
    use crate::calls::Calls;
    #[pymodule_export]
    use crate::completions::Completions;
    #[pymodule_export]
    use crate::entry::WriteReceipt;
    #[pymodule_export]
    use crate::exit::{begin_exit, forget_exit};
    #[pymodule_export]
    use crate::tables::{error_table, fork_generation, option_table, statistics_table};

    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "a Python attribute, named as Python names it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::entry::object::refuse_other_interpreters()?;
        crate::entry::add_to(module)?;
        crate::fast::install(module.py())
    }
}

//! The thread's number where it is found without a call.
//!
//! A `thread_local!` in a shared library is found by `__tls_get_addr` and tells
//! whether it was begun by a byte of its own: a fifteenth of a hit. A word of the
//! initial-exec model (Drepper, "ELF Handling For Thread-Local Storage", 2013) is two
//! loads. It makes the thread-local storage of the whole library (some 370 bytes, this
//! word 4 of them) come out of what glibc keeps for libraries that are loaded later
//! (1,664 bytes at the least); musl keeps nothing, and stays with the call.

/// One symbol for each release: a program may have two.
macro_rules! symbol {
    () => {
        concat!(
            "edgecmp_thread_number_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH")
        )
    };
}

std::arch::global_asm!(
    ".pushsection .tbss.edgecmp_thread_number,\"awT\",@nobits",
    concat!(".globl ", symbol!()),
    concat!(".hidden ", symbol!()),
    concat!(".type ", symbol!(), ", @tls_object"),
    ".p2align 2",
    concat!(symbol!(), ":"),
    ".zero 4",
    concat!(".size ", symbol!(), ", 4"),
    ".popsection",
);

/// What this thread has set last; zero at first.
#[inline(always)]
pub(super) fn get() -> u32 {
    let number;
    // SAFETY: loads the thread's own word, of which the linker knows the place.
    unsafe {
        std::arch::asm!(
            concat!("mov {place}, qword ptr [rip + ", symbol!(), "@GOTTPOFF]"),
            "mov {number:e}, dword ptr fs:[{place}]",
            place = out(reg) _,
            number = out(reg) number,
            options(nostack, preserves_flags, readonly),
        );
    }
    number
}

/// Sets it for this thread.
#[inline]
pub(super) fn set(number: u32) {
    // SAFETY: stores to the thread's own word.
    unsafe {
        std::arch::asm!(
            concat!("mov {place}, qword ptr [rip + ", symbol!(), "@GOTTPOFF]"),
            "mov dword ptr fs:[{place}], {number:e}",
            place = out(reg) _,
            number = in(reg) number,
            options(nostack, preserves_flags),
        );
    }
}

//! Link arguments of the shared library.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The ABI's number: raised when a symbol or a struct changes incompatibly.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libedgecmp.so.0");
    // Threads of the library may outlive a dlclose; their code must stay mapped.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

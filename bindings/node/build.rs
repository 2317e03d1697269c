//! Link arguments of a Node addon.

fn main() {
    napi_build::setup();
    // The runtime thread outlives a worker thread that loaded the addon last:
    // its code must never be unmapped. napi-build asks for this on most Linux
    // targets; a guarantee of ours does not hang on that.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

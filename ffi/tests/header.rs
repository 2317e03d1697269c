//! `include/edgecmp.h` is what cbindgen prints from the sources, and compiles
//! as C99 and as C++17. `EDGECMP_WRITE_HEADER=1` writes it instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The classes in the order in which the header shows them.
const SECTIONS: &[&str] = &[
    "status",
    "error",
    "pointers",
    "version",
    "text",
    "options",
    "cache",
    "receipt",
    "value",
    "results",
    "read",
    "write",
    "queue",
    "event",
    "start",
    "responder",
    "origin",
    "stats",
];

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header_path() -> PathBuf {
    crate_dir().join("../include/edgecmp.h")
}

fn print_header() -> String {
    let config = cbindgen::Config::from_file(crate_dir().join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for section in SECTIONS {
        builder = builder.with_src(crate_dir().join(format!("src/{section}.rs")));
    }
    let mut printed = Vec::new();
    builder.generate().expect("cbindgen reads the sources").write(&mut printed);
    String::from_utf8(printed).expect("the sources are UTF-8")
}

#[test]
fn the_header_is_what_the_signatures_say() {
    let printed = print_header();
    if std::env::var_os("EDGECMP_WRITE_HEADER").is_some() {
        fs::write(header_path(), &printed).expect("include/ is writable");
    }
    let present = fs::read_to_string(header_path()).unwrap_or_default();
    let lines = printed.lines().zip(present.lines());
    let same = lines.take_while(|(printed, present)| printed == present).count();
    assert!(
        printed == present,
        "include/edgecmp.h differs from the sources at line {}: run `make -C ffi header` and commit it",
        same + 1,
    );
}

#[test]
fn every_export_is_in_the_header() {
    let header = fs::read_to_string(header_path()).expect("include/edgecmp.h");
    let mut exports = 0;
    for file in fs::read_dir(crate_dir().join("src")).expect("src") {
        let source = fs::read_to_string(file.expect("a file").path()).expect("UTF-8");
        for after in source.split("extern \"C\" fn edgecmp_").skip(1) {
            let name = after.split('(').next().unwrap_or_default();
            assert!(
                header.contains(&format!("edgecmp_{name}(")),
                "edgecmp_{name}: its file is not in SECTIONS"
            );
            exports += 1;
        }
    }
    assert!(exports > 50, "only {exports} exports found: has their form changed?");
}

#[test]
fn the_header_compiles_as_c99_and_as_cpp17() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Uses every initializer, so that those are checked too.
    let source = "#include \"edgecmp.h\"\n\
        int use(void);\n\
        int use(void) {\n\
            edgecmp_read_options read = EDGECMP_READ_OPTIONS_INIT;\n\
            edgecmp_write_options write = EDGECMP_WRITE_OPTIONS_INIT;\n\
            edgecmp_receipt receipt = EDGECMP_RECEIPT_INIT;\n\
            edgecmp_option_info option = EDGECMP_OPTION_INFO_INIT;\n\
            edgecmp_stat_info stat = EDGECMP_STAT_INFO_INIT;\n\
            return (int)(read.flags + write.flags + receipt.struct_size + option.struct_size + stat.struct_size);\n\
        }\n";
    let warnings = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wstrict-prototypes"];
    for (compiler, standard, file) in [("cc", "-std=c99", "use.c"), ("c++", "-std=c++17", "use.cc")] {
        let file = out.join(file);
        fs::write(&file, source).expect("the target directory is writable");
        let count = if compiler == "cc" { 5 } else { 4 };
        let status = Command::new(compiler)
            .args([standard, "-fsyntax-only"])
            .args(&warnings[..count])
            .arg(format!("-I{}", crate_dir().join("../include").display()))
            .arg(&file)
            .status()
            .unwrap_or_else(|error| panic!("{compiler}: {error}"));
        assert!(status.success(), "{compiler} {standard} refuses the header");
    }
}

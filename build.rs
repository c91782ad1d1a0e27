//! Links the unwinder into the binary.
//!
//! Rust's standard library asks the linker for `libgcc_s`, a shared library that thin images lack. A linker script of
//! that name, found first, gives it GCC's static archives instead (ld manual, "File Commands"; GCC's own
//! `-static-libgcc` changes only what GCC adds, not what is named).

#![allow(clippy::disallowed_methods, reason = "cargo tells build scripts by variables")]

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if target("OS") != "linux" || target("ENV") != "gnu" {
        return;
    }
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(directory.join("libgcc_s.so"), "INPUT(-lgcc_eh -lgcc)\n").expect("cargo's own directory");
    println!("cargo::rustc-link-search=native={}", directory.display());
}

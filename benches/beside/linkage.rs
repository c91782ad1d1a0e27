//! Which shared libraries the binary needs: none but the C library's own, so that it runs in the thinnest image.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::project::binary;
use crate::table::Figure;

/// The parts of glibc and musl, without version and suffix.
const OF_LIBC: [&str; 8] =
    ["libc", "libm", "libpthread", "libdl", "librt", "ld-linux-x86-64", "ld-linux-aarch64", "linux-vdso"];

/// How many others it needs, as the dynamic loader tells (ldd(1)).
pub(crate) fn figure() -> Result<Figure> {
    let output = Command::new("ldd").arg(binary()).output().context("ldd")?;
    // musl's loader and a static binary answer otherwise; there is nothing to count then.
    let text = String::from_utf8(output.stdout)?;
    ensure!(output.status.success() || text.is_empty(), "ldd: {}", output.status);
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let others: Vec<&str> = names.filter(|name| !is_libcs(name)).collect();
    Ok(Figure {
        what: "shared libraries beyond libc's own".to_owned(),
        ours: if others.is_empty() { "none".to_owned() } else { others.join(", ") },
        reference: "none".to_owned(),
        ratio: others.len() as f64,
        limit: 0.0,
    })
}

fn is_libcs(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let stem = file.split(".so").next().unwrap_or(file);
    OF_LIBC.contains(&stem)
}

//! The binary itself: its size, what it needs, how fast it starts.

use std::process::Command;

use anyhow::Result;

use crate::linkage;
use crate::measure;
use crate::project::binary;
use crate::table::{Figure, megabytes, time};

/// What `trueup --version` may take of the time of `true`.
const START_TIME: f64 = 10.0;
/// The largest binary, in bytes.
const BINARY_SIZE: u64 = 20_000_000;

pub(crate) fn figures() -> Result<Vec<Figure>> {
    Ok(vec![size()?, linkage::figure()?, start()?])
}

fn size() -> Result<Figure> {
    let size = binary().metadata()?.len();
    Ok(Figure {
        what: "size of the binary".to_owned(),
        ours: megabytes(size),
        reference: megabytes(BINARY_SIZE),
        ratio: size as f64 / BINARY_SIZE as f64,
        limit: 1.0,
    })
}

fn start() -> Result<Figure> {
    let mut ours = Command::new(binary());
    ours.arg("--version");
    let costs = measure::pairs(&ours, &Command::new("/bin/true"), 51)?;
    Ok(time("`trueup --version` beside `true`", costs, START_TIME))
}

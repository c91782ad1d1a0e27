//! Writing to standard output and standard error without panicking when they are closed or full.

use std::io::{self, Write as _};

/// Writes to standard output, to the last byte.
///
/// # Errors
/// When it is closed or full: the command then cannot say what it found, and must not end as if it had.
pub fn out(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Writes to standard error. There is no place left to complain when that fails.
pub fn err(text: &str) {
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

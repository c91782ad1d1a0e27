//! Where the text comes from: the command line, or a log of any length on standard input, of which the end is kept.

use std::io::Read;

use super::clean;

/// How many bytes at the end of a long text are read for errors.
const KEPT: usize = 256 * 1024;

/// A text in which an error is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorText {
    /// The text, cleaned.
    pub(crate) text: String,
    /// How many bytes it had.
    pub(crate) bytes: u64,
    /// Whether only its end was read.
    pub(crate) cut: bool,
}

impl ErrorText {
    /// The text of bytes that came after `skipped` others.
    fn of(bytes: &[u8], skipped: u64) -> Self {
        let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { text: clean(bytes), bytes: read.saturating_add(skipped), cut: skipped > 0 }
    }
}

impl From<&str> for ErrorText {
    fn from(text: &str) -> Self {
        let skipped = text.len().saturating_sub(KEPT);
        Self::of(&text.as_bytes()[skipped..], u64::try_from(skipped).unwrap_or_default())
    }
}

/// Reads to the end, and keeps the last [`KEPT`] bytes: memory stays the same however long the log is.
///
/// # Errors
/// Those of reading.
pub(crate) fn from_reader(mut reader: impl Read) -> std::io::Result<ErrorText> {
    let mut kept: Vec<u8> = Vec::with_capacity(2 * KEPT);
    let mut chunk = vec![0; 64 * 1024];
    let mut skipped: u64 = 0;
    let mut drop_to = |kept: &mut Vec<u8>, length: usize| {
        let beyond = kept.len().saturating_sub(length);
        kept.drain(..beyond);
        skipped = skipped.saturating_add(u64::try_from(beyond).unwrap_or_default());
        skipped
    };
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => kept.extend_from_slice(&chunk[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if kept.len() >= 2 * KEPT - chunk.len() {
            drop_to(&mut kept, KEPT);
        }
    }
    let skipped = drop_to(&mut kept, KEPT);
    Ok(ErrorText::of(&kept, skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_the_end_is_kept() {
        let line = b"2026-11-30 INFO nothing happens here at all, as on every other day\n";
        let long = line.repeat(100_000);
        let end = b"ERROR: column u.locale does not exist\n";
        let read = from_reader((&long[..]).chain(&end[..])).unwrap();
        assert!(read.cut);
        assert_eq!(read.bytes, (long.len() + end.len()) as u64);
        assert!(read.text.len() <= KEPT && read.text.ends_with("column u.locale does not exist\n"));
        let short = from_reader(&end[..]).unwrap();
        assert_eq!((short.bytes, short.cut), (end.len() as u64, false));
    }

    #[test]
    fn a_character_that_is_cut_is_no_panic() {
        let text = "é".repeat(KEPT);
        assert!(ErrorText::from(text.as_str()).cut);
    }
}

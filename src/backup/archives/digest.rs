//! SHA-256 of data that arrives in pieces.

use sha2::{Digest as _, Sha256};

/// An unfinished hash.
#[derive(Debug, Clone, Default)]
pub(in crate::backup) struct Hasher {
    sha256: Sha256,
    bytes: u64,
}

impl Hasher {
    pub(in crate::backup) fn update(&mut self, chunk: &[u8]) {
        self.sha256.update(chunk);
        self.bytes += chunk.len() as u64;
    }

    /// The number of bytes so far.
    pub(in crate::backup) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash in hexadecimal digits.
    pub(in crate::backup) fn finish(self) -> String {
        hex(&self.sha256.finalize())
    }
}

/// The hash of a whole text.
pub(in crate::backup) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

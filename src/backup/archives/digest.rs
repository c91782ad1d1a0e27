//! SHA-256 of data that arrives in pieces.

use sha2::{Digest as _, Sha256};

use crate::text::hexadecimal;

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
        hexadecimal(&self.sha256.finalize())
    }
}

/// The hash of a whole text.
pub(in crate::backup) fn of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

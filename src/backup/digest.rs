//! SHA-256 of what passes by.

use sha2::{Digest as _, Sha256};

/// A hash in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher {
    sha256: Sha256,
    bytes: u64,
}

impl Hasher {
    pub(super) fn update(&mut self, chunk: &[u8]) {
        self.sha256.update(chunk);
        self.bytes += chunk.len() as u64;
    }

    /// How much has passed by.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// In hexadecimal digits.
    pub(super) fn finish(self) -> String {
        hex(&self.sha256.finalize())
    }
}

/// The hash of a text as a whole.
pub(super) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

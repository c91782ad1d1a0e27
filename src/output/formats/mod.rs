//! The formats of reports, one file each. Nothing outside of `output` knows any of them.

pub(super) mod human;
pub(super) mod json;
pub(super) mod markdown;

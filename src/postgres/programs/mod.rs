//! PostgreSQL's own programs: where they may be, which release they are. It runs none of them but for `--version` and
//! `pg_config --bindir`, and installs nothing.

mod places;
mod release;

pub use places::{Places, cache_directory};
pub use release::{parse_release, release};

use std::ffi::OsString;

/// A variable of this process's environment that says where programs and caches are; none when it is empty.
/// Settings come as values.
#[allow(
    clippy::disallowed_methods,
    reason = "the only place of this kind; it is about the machine, not a setting"
)]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

//! Which release a program is.

use std::process::{Command, Stdio};

use crate::postgres::connection::ServerVersion;

/// Asks a program, whose command is ready but for `--version`. That also proves that it runs at all: that its shared
/// libraries are there.
///
/// # Errors
/// Why it is of no use, in a few words.
pub fn release(mut command: Command, name: &str) -> Result<ServerVersion, String> {
    let answer = command
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("{name} does not start: {why}"))?;
    if !answer.status.success() {
        let message = String::from_utf8_lossy(&answer.stderr);
        return Err(format!(
            "{name} does not start: {}",
            message.lines().next().unwrap_or("no reason given")
        ));
    }
    let text = String::from_utf8_lossy(&answer.stdout);
    parse_release(&text).ok_or_else(|| format!("{name} is not a release: {}", text.trim()))
}

/// 150018 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`. Development and beta versions are none.
pub fn parse_release(text: &str) -> Option<ServerVersion> {
    let (_, after) = text.split_once("(PostgreSQL) ")?;
    let (major, minor) = after.split_whitespace().next()?.split_once('.')?;
    Some(ServerVersion(major.parse::<u32>().ok()? * 10_000 + minor.parse::<u32>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_packages_print_them() {
        let read = |text| parse_release(text).map(|version| version.0);
        assert_eq!(read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(150_018));
        assert_eq!(read("pg_dump (PostgreSQL) 18.0"), Some(180_000));
        assert_eq!(read("postgres (PostgreSQL) 19devel"), None);
        assert_eq!(read("redis 7.0"), None);
    }
}

//! Passwords that the URL does not hold: `PGPASSWORD`, and the password file (manual, "The Password File").

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where a password may come from when the URL has none. The values are captured at the door.
#[derive(Clone, Default)]
pub struct PasswordSources {
    /// `PGPASSWORD`
    pub password: Option<String>,
    /// `PGPASSFILE`, else `~/.pgpass`
    pub file: Option<PathBuf>,
}

impl fmt::Debug for PasswordSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordSources").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What a line of the password file has to match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) role: &'a str,
}

/// What was found in the password file.
pub(super) enum PasswordLookup {
    Password(String),
    Nothing,
    /// The file was not looked into, and why.
    Ignored(String),
}

/// More than any password file.
const MAX_BYTES: u64 = 1 << 20;

/// Looks a password up. A file that others can read is not used, as in libpq.
pub(super) fn look_up(path: &Path, wanted: Wanted<'_>) -> PasswordLookup {
    let Ok(metadata) = fs::metadata(path) else { return PasswordLookup::Nothing };
    if !metadata.is_file() {
        return PasswordLookup::Ignored(format!("{} is not a plain file", path.display()));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return PasswordLookup::Ignored(format!(
            "{} can be read by others: run chmod 600 {0}",
            path.display()
        ));
    }
    let mut text = String::new();
    if let Err(error) = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)) {
        return PasswordLookup::Ignored(format!("{} cannot be read: {error}", path.display()));
    }
    text.lines()
        .find_map(|line| password_of(line, wanted))
        .map_or(PasswordLookup::Nothing, PasswordLookup::Password)
}

/// The password of a line `host:port:database:role:password` that matches.
fn password_of(line: &str, wanted: Wanted<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let (host, rest) = field(line)?;
    let (port, rest) = field(rest)?;
    let (database, rest) = field(rest)?;
    let (role, rest) = field(rest)?;
    let any = |field: &str, wanted: &str| field == "*" || field == wanted;
    // libpq looks a socket up as "localhost" in its default directory and by its directory elsewhere.
    let host_matches = any(&host, wanted.host) || (wanted.host.starts_with('/') && host == "localhost");
    let matches = host_matches
        && any(&port, &wanted.port.to_string())
        && any(&database, wanted.database)
        && any(&role, wanted.role);
    let password = unescape(rest);
    (matches && !password.is_empty()).then_some(password)
}

/// Text up to the next colon that is not escaped, and what follows it.
fn field(text: &str) -> Option<(String, &str)> {
    let mut escaped = false;
    let end = text.find(|found| {
        let ends = found == ':' && !escaped;
        escaped = found == '\\' && !escaped;
        ends
    })?;
    Some((unescape(&text[..end]), &text[end + 1..]))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(found) = chars.next() {
        plain.push(if found == '\\' { chars.next().unwrap_or('\\') } else { found });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted<'_> = Wanted { host: "db", port: 5432, database: "shop", role: "app" };

    fn password(line: &str) -> Option<String> {
        password_of(line, WANTED)
    }

    #[test]
    fn lines_match_as_in_libpq() {
        assert_eq!(password("db:5432:shop:app:pw").as_deref(), Some("pw"));
        assert_eq!(password("*:*:*:*:p\\:w\\\\").as_deref(), Some("p:w\\"));
        assert_eq!(password("*:*:*:*:p:w").as_deref(), Some("p:w"));
        for line in ["db:5433:shop:app:pw", "#*:*:*:*:pw", "db:5432:shop:app", "", "db:5432:shop:app:"] {
            assert_eq!(password(line), None, "{line}");
        }
        let odd = Wanted { role: "a:b\\c", ..WANTED };
        assert_eq!(password_of("db:5432:shop:a\\:b\\\\c:pw", odd).as_deref(), Some("pw"));
        let socket = Wanted { host: "/run/postgresql", ..WANTED };
        assert_eq!(password_of("localhost:*:*:*:pw", socket).as_deref(), Some("pw"));
        assert_eq!(password_of("/run/postgresql:*:*:*:pw", socket).as_deref(), Some("pw"));
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        fs::write(&path, "*:*:*:*:pw\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(look_up(&path, WANTED), PasswordLookup::Ignored(why) if why.contains("chmod 600")));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(look_up(&path, WANTED), PasswordLookup::Password(found) if found == "pw"));
        assert!(matches!(look_up(&dir.path().join("none"), WANTED), PasswordLookup::Nothing));
    }
}

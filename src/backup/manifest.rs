//! What is known of a backup, written when all of it is there: without a manifest there is no backup.
//!
//! It is one JSON object, with a SHA-256 of itself: a flipped bit in it must not make a backup another one.

use serde::{Deserialize, Serialize};

use super::digest;
use crate::error::{Exit, Failure};

/// The version of the manifest's shape.
pub(super) const FORMAT: u32 = 1;

/// One backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// A ULID: its place in the store.
    pub id: String,
    /// The ULID of the run that took it.
    pub run: String,
    /// How it was taken.
    pub kind: Kind,
    /// What of the database is in it.
    pub scope: Scope,
    /// The database.
    pub source: Source,
    /// The moment that it is of: the server's clock when the snapshot was taken, RFC 3339 in UTC.
    pub taken_at: String,
    /// The WAL position before and after; `None` where the server does not tell.
    pub wal: Wal,
    /// The newest version of refinery's history at that moment.
    pub version: Option<String>,
    /// What it was made with.
    pub tools: Tools,
    /// The relations that were there, with the rows of those that have rows of their own.
    pub relations: Vec<Relation>,
    /// How many large objects were there; `None` where nobody counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_objects: Option<u64>,
    /// The entries of the archive's table of contents; 0 where there is no archive.
    pub entries: usize,
    /// What is stored beside the manifest.
    pub members: Vec<Member>,
    /// All members together, in bytes.
    pub bytes: u64,
    /// The size of the database on the server, in bytes.
    pub database_bytes: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// The strongest proof so far.
    pub verified: Option<Verified>,
    /// What the external command called it (`kind = "command"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// How a backup is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `pg_dump --format=custom`: one file.
    Custom,
    /// `pg_dump --format=directory`: several.
    Directory,
    /// A command of the project's, a managed service's snapshot for example: elsewhere.
    Command,
}

/// What of a database is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of it.
    Full,
    /// These tables, qualified and quoted.
    Tables(Vec<String>),
}

/// The database that a backup is of, as asked for and as it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The host asked for, or the directory of the socket.
    pub host: String,
    /// The port asked for.
    pub port: u16,
    /// `current_database()`
    pub database: String,
    /// Its oid.
    pub database_oid: u32,
    /// `pg_control_system()`
    pub system_identifier: String,
    /// The timeline; empty on a standby.
    pub timeline: String,
    /// The server's version.
    pub server_version: String,
    /// The role that read it.
    pub role: String,
    /// The environment that the database is marked as.
    pub environment: Option<String>,
    /// The project that it is marked as.
    pub project: Option<String>,
    /// The mark's identifier.
    pub mark: Option<String>,
    /// `pg_encoding_to_char`
    pub encoding: String,
    /// The collation and character class of the database.
    pub collate: String,
    /// See [`Source::collate`].
    pub ctype: String,
    /// Who provides the locale: `c` the system's library, `i` ICU, `b` PostgreSQL itself; `None` before 15, where it is
    /// always the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale_provider: Option<String>,
    /// The provider's name of the locale, where it is not the library's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// Positions in the write-ahead log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wal {
    /// Before the snapshot.
    pub before: Option<String>,
    /// After the last byte.
    pub after: Option<String>,
}

/// Versions of what made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// trueup's.
    pub trueup: String,
    /// `pg_dump`'s.
    pub pg_dump: Option<String>,
}

/// A relation that a backup has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Its oid.
    pub oid: u32,
    /// Its name, qualified and quoted.
    pub name: String,
    /// How many rows it has; `None` for what has no rows of its own.
    pub rows: Option<u64>,
}

/// Something that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name: `archive.dump`, `archive/toc.dat`.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// A proof that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Of which kind.
    pub how: Level,
    /// When, RFC 3339 in UTC, by this machine's clock.
    pub at: String,
}

impl Verified {
    /// A proof that was given at this moment.
    pub(super) fn now(how: Level) -> Self {
        let at = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        Self { how, at }
    }
}

/// How thoroughly a backup is verified, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The stored bytes are read back and hashed; the provider of a snapshot confirmed it.
    Quick,
    /// And the archive is read in full; its objects and rows are those of the manifest.
    Contents,
    /// And it was restored; catalog and rows are those of the database that was backed up.
    Restore,
}

impl Level {
    /// As settings and flags write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Contents => "contents",
            Self::Restore => "restore",
        }
    }
}

/// A manifest and the hash of its text.
#[derive(Serialize, Deserialize)]
struct Sealed<'m> {
    sha256: String,
    #[serde(borrow)]
    manifest: &'m serde_json::value::RawValue,
}

impl Manifest {
    /// The text that is stored.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string(self).expect("names and numbers serialise");
        format!("{{\"sha256\":\"{}\",\n\"manifest\":{text}}}\n", digest::of(text.as_bytes()))
    }

    /// Reads what [`Manifest::to_text`] wrote.
    ///
    /// # Errors
    /// When it is anything else, in a few words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sealed: Sealed<'_> =
            serde_json::from_str(text).map_err(|error| format!("is no manifest: {error}"))?;
        let found = digest::of(sealed.manifest.get().as_bytes());
        if found != sealed.sha256 {
            return Err("does not have the hash that it says: it was damaged or changed".to_owned());
        }
        let format = |error| format!("is not as this trueup writes it: {error}");
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format: version } = serde_json::from_str(sealed.manifest.get()).map_err(format)?;
        if version > FORMAT {
            return Err(format!("is of format {version}, which a newer trueup wrote"));
        }
        serde_json::from_str(sealed.manifest.get()).map_err(format)
    }

    /// The rows of all tables.
    pub fn rows(&self) -> u64 {
        self.relations.iter().filter_map(|relation| relation.rows).sum()
    }

    /// A member by its name.
    ///
    /// # Errors
    /// Exit 5 when there is none.
    pub fn member(&self, name: &str) -> Result<&Member, Failure> {
        self.members.iter().find(|member| member.name == name).ok_or_else(|| {
            Failure::new(Exit::RolledBack, format!("the manifest of backup {} names no {name}", self.id))
        })
    }

    /// Whether it is of this very database: the same server, and the same database there.
    pub fn is_of(&self, system_identifier: &str, database_oid: u32, database: &str) -> bool {
        self.source.system_identifier == system_identifier
            && self.source.database_oid == database_oid
            && self.source.database == database
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::backup) fn manifest(id: &str, taken_at: &str) -> Manifest {
        Manifest {
            format: FORMAT,
            id: id.to_owned(),
            run: id.to_owned(),
            kind: Kind::Custom,
            scope: Scope::Full,
            source: Source {
                host: "db".into(),
                port: 5432,
                database: "platform".into(),
                database_oid: 16_384,
                system_identifier: "7".into(),
                timeline: "00000001".into(),
                server_version: "15.18".into(),
                role: "app".into(),
                environment: None,
                project: None,
                mark: None,
                encoding: "UTF8".into(),
                collate: "C".into(),
                ctype: "C".into(),
                locale_provider: None,
                locale: None,
            },
            taken_at: taken_at.to_owned(),
            wal: Wal::default(),
            version: Some("4".into()),
            tools: Tools { trueup: "0.1.0".into(), pg_dump: Some("15.18".into()) },
            relations: vec![Relation { oid: 1, name: "public.users".into(), rows: Some(3) }],
            large_objects: None,
            entries: 1,
            members: vec![Member { name: "archive.dump".into(), bytes: 3, sha256: digest::of(b"abc") }],
            bytes: 3,
            database_bytes: 8192,
            milliseconds: 5,
            verified: Some(Verified { how: Level::Contents, at: taken_at.to_owned() }),
            reference: None,
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let written = manifest("01J", "2026-01-02T03:04:05Z");
        assert_eq!(Manifest::parse(&written.to_text()).unwrap(), written);
    }

    #[test]
    fn f49_a_manifest_with_one_byte_changed_is_none() {
        let text = manifest("01J", "2026-01-02T03:04:05Z").to_text();
        for place in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            // A newline between the two fields may become another blank.
            let same = Manifest::parse(&changed).is_ok_and(|found| found == Manifest::parse(&text).unwrap());
            assert!(same || Manifest::parse(&changed).is_err(), "byte {place}: {changed}");
            assert!(!same || &text[place..=place] == "\n", "byte {place}");
        }
    }
}

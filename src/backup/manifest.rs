//! The manifest describes a backup. It is written last: a backup without a manifest does not exist.
//!
//! The file is one JSON object that holds the SHA-256 of the manifest, so that damage to it is noticed.

use serde::{Deserialize, Serialize};

use super::digest;
use crate::error::{Exit, Failure};
use crate::text::short_id;

/// The version of the manifest's format.
pub(super) const FORMAT: u32 = 1;

/// The description of one backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format, see [`FORMAT`].
    pub format: u32,
    /// The identifier of the backup, a ULID, which is also its folder in the store.
    pub id: String,
    /// The ULID of the run that took the backup.
    pub run: String,
    /// How the backup was taken.
    pub kind: BackupFormat,
    /// The part of the database that the backup holds.
    pub scope: Scope,
    /// The database that was backed up.
    pub source: BackupSource,
    /// When the snapshot was taken, by the clock of the server, RFC 3339 in UTC.
    pub taken_at: String,
    /// The WAL positions before and after the backup.
    pub wal: Wal,
    /// The newest version in the history when the snapshot was taken.
    pub version: Option<String>,
    /// The tool that calls it so; `None` for trueup's own migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The versions of the programs that took the backup.
    pub tools: Tools,
    /// The relations of the database, with the number of rows of the tables.
    pub relations: Vec<BackedUpRelation>,
    /// The number of large objects; `None` where they were not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_objects: Option<u64>,
    /// The number of entries in the archive's table of contents; 0 without an archive.
    pub entries: usize,
    /// The files that are stored beside the manifest.
    pub members: Vec<Member>,
    /// The stored size of all members, in bytes.
    pub bytes: u64,
    /// The size of the database on the server, in bytes.
    pub database_bytes: u64,
    /// How long taking the backup took, in milliseconds.
    pub milliseconds: u64,
    /// The strongest verification that the backup has passed.
    pub verified: Option<Verified>,
    /// The reference that `[backup] command` printed (`kind = "command"`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What the database has that makes a restore difficult, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How a backup is taken, and the format of its archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupFormat {
    /// `pg_dump --format=custom`: one file.
    Custom,
    /// `pg_dump --format=directory`: several files.
    Directory,
    /// `[backup] command` takes the backup elsewhere, for example as a snapshot of a managed service.
    Command,
}

/// The part of a database that a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole database.
    Full,
    /// These tables alone, qualified and quoted.
    Tables(Vec<String>),
}

/// The database that a backup was taken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSource {
    /// The host that trueup connected to, or the directory of the socket.
    pub host: String,
    /// The port that trueup connected to.
    pub port: u16,
    /// `current_database()`
    pub database: String,
    /// The oid of the database.
    pub database_oid: u32,
    /// `system_identifier` of the cluster (`pg_control_system()`).
    pub system_identifier: String,
    /// The timeline of the server; empty on a standby.
    pub timeline: String,
    /// The version of the server.
    pub server_version: String,
    /// The role that read the database.
    pub role: String,
    /// The environment label of the database.
    pub environment: Option<String>,
    /// The project in the environment label.
    pub project: Option<String>,
    /// The identifier of the environment label.
    pub mark: Option<String>,
    /// The encoding of the database, as `pg_encoding_to_char` names it.
    pub encoding: String,
    /// `LC_COLLATE` of the database.
    pub collate: String,
    /// `LC_CTYPE` of the database.
    pub ctype: String,
    /// The locale provider: `c` for libc, `i` for ICU, `b` for PostgreSQL's own; `None` before version 15, where it
    /// is always libc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale_provider: Option<String>,
    /// The locale of a provider other than libc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The `search_path` that `ALTER DATABASE` and `ALTER ROLE ... IN DATABASE` gave to sessions of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_path: Option<String>,
}

/// Positions in the write-ahead log; `None` where the role may not see them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wal {
    /// The position before the snapshot was taken.
    pub before: Option<String>,
    /// The position after the last byte was read.
    pub after: Option<String>,
}

/// The versions of the programs that took a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// The version of trueup.
    pub trueup: String,
    /// The version of `pg_dump`; `None` where it was not used.
    pub pg_dump: Option<String>,
}

/// A relation of the database that was backed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpRelation {
    /// The oid of the relation.
    pub oid: u32,
    /// The name of the relation, qualified and quoted.
    pub name: String,
    /// The number of rows; `None` for a relation without rows of its own.
    pub rows: Option<u64>,
}

/// A stored file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The file name: `archive.dump`, `archive/toc.dat`.
    pub name: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// A verification that a backup has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// How thorough it was.
    pub how: ProofLevel,
    /// When it was done, by the clock of this machine, RFC 3339 in UTC.
    pub at: String,
    /// The version of the server that it was restored on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_on: Option<String>,
    /// What could not be restored beside the rows, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What to do so that `pg_restore` alone can restore the next backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Verified {
    /// A verification that was done just now.
    pub(super) fn now(how: ProofLevel) -> Self {
        let at = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
        Self { how, at, restored_on: None, missing: Vec::new(), note: None }
    }
}

/// How thoroughly a backup is verified. Each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofLevel {
    /// The stored bytes are read back and hashed; a backup that a command took is confirmed.
    Quick,
    /// The archive is read in full: its objects and row counts are those of the manifest.
    Contents,
    /// The backup is restored: catalog and row counts are those of the database that was backed up.
    Restore,
}

impl ProofLevel {
    /// The level as settings and flags write it.
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
    /// The text of the manifest file.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string(self).expect("names and numbers serialise");
        format!("{{\"sha256\":\"{}\",\n\"manifest\":{text}}}\n", digest::of(text.as_bytes()))
    }

    /// Parses the text of a manifest file.
    ///
    /// # Errors
    /// The text is no manifest that [`Manifest::to_text`] wrote. The error is a clause without a subject.
    pub fn parse(text: &str) -> Result<Self, String> {
        let sealed: Sealed<'_> =
            serde_json::from_str(text).map_err(|error| format!("is not a manifest: {error}"))?;
        let found = digest::of(sealed.manifest.get().as_bytes());
        if found != sealed.sha256 {
            return Err("does not match its hash: it was damaged or changed".to_owned());
        }
        let format = |error| format!("has another format: {error}");
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format: version } = serde_json::from_str(sealed.manifest.get()).map_err(format)?;
        if version > FORMAT {
            return Err(format!("has format {version}: a newer trueup wrote it"));
        }
        serde_json::from_str(sealed.manifest.get()).map_err(format)
    }

    /// The number of rows in all tables.
    pub fn rows(&self) -> u64 {
        self.relations.iter().filter_map(|relation| relation.rows).sum()
    }

    /// The member of this name.
    ///
    /// # Errors
    /// Exit 5: the manifest names no such member.
    pub fn member(&self, name: &str) -> Result<&Member, Failure> {
        self.members.iter().find(|member| member.name == name).ok_or_else(|| {
            Failure::new(
                Exit::RolledBack,
                format!("the manifest of backup {} names no {name}", short_id(&self.id)),
            )
        })
    }

    /// Whether the backup is of this database: the same cluster, oid and name.
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
            kind: BackupFormat::Custom,
            scope: Scope::Full,
            source: BackupSource {
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
                search_path: None,
            },
            taken_at: taken_at.to_owned(),
            wal: Wal::default(),
            version: Some("4".into()),
            tool: None,
            tools: Tools { trueup: "0.1.0".into(), pg_dump: Some("15.18".into()) },
            relations: vec![BackedUpRelation { oid: 1, name: "public.users".into(), rows: Some(3) }],
            large_objects: None,
            entries: 1,
            members: vec![Member { name: "archive.dump".into(), bytes: 3, sha256: digest::of(b"abc") }],
            bytes: 3,
            database_bytes: 8192,
            milliseconds: 5,
            verified: Some(Verified { at: taken_at.to_owned(), ..Verified::now(ProofLevel::Contents) }),
            reference: None,
            note: None,
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
            // JSON allows another blank in place of the newline between the two fields.
            let same = Manifest::parse(&changed).is_ok_and(|found| found == Manifest::parse(&text).unwrap());
            assert!(same || Manifest::parse(&changed).is_err(), "byte {place}: {changed}");
            assert!(!same || &text[place..=place] == "\n", "byte {place}");
        }
    }
}

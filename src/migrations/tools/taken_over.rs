//! Which migration of another tool a file of trueup was before it was taken over: `-- trueup: from goose 20240101120000` at its
//! beginning. With it the tool's own table can be kept in step.

use std::fmt;
use std::path::Path;

use crc::{CRC_32_ISO_HDLC, Crc};
use sha2::{Digest as _, Sha256, Sha384};
use smol_str::SmolStr;

use super::{MigrationTool, ToolMigration, ToolRevision, refuse};
use crate::error::Failure;
use crate::postgres::sql::without_bom;
use crate::text::hexadecimal;

/// A migration as its tool knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// What the tool calls it.
    pub revision: ToolRevision,
    /// The tool's file and the checksum of it, where the tool keeps both in its table.
    pub file: Option<ToolFile>,
}

/// A file of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolFile {
    /// The checksum, in the tool's own way.
    pub checksum: String,
    /// The file, from the directory of the migrations.
    pub name: String,
}

impl TakenOver {
    /// What is known of a migration of a tool that keeps them in a directory.
    ///
    /// # Errors
    /// Exit 2: its file cannot be read.
    pub fn of(tool: MigrationTool, directory: &Path, migration: &ToolMigration) -> Result<Self, Failure> {
        let text =
            || std::fs::read_to_string(&migration.path).map_err(|error| refuse(&migration.path, error));
        let checksum = match tool {
            MigrationTool::Sqlx => Some(hexadecimal(&Sha384::digest(text()?))),
            MigrationTool::Prisma => Some(hexadecimal(&Sha256::digest(text()?))),
            // The values of its placeholders are part of it: another value makes Flyway run it again.
            MigrationTool::Flyway if migration.is_repeatable => {
                Some(lines_checksum(&migration.up).to_string())
            }
            MigrationTool::Flyway => Some(lines_checksum(&text()?).to_string()),
            _ => None,
        };
        let name = migration.path.strip_prefix(directory).unwrap_or(&migration.path).display().to_string();
        Ok(Self {
            revision: ToolRevision { tool, id: migration.revision.as_str().into() },
            file: checksum.map(|checksum| ToolFile { checksum, name }),
        })
    }

    /// Reads the words behind `from`: the tool, the revision, and the checksum and the name of its file.
    pub fn parse(text: &str) -> Option<Self> {
        let words = shlex::split(text)?;
        let (tool, id, file) = match words.as_slice() {
            [tool, id] => (tool, id, None),
            [tool, id, checksum, name] => {
                (tool, id, Some(ToolFile { checksum: checksum.clone(), name: name.clone() }))
            }
            _ => return None,
        };
        let tool = MigrationTool::of_word(tool)?;
        let has_number = match tool {
            MigrationTool::Goose | MigrationTool::GolangMigrate | MigrationTool::Sqlx => {
                id.parse::<i64>().is_ok()
            }
            _ => true,
        };
        let has_file = match (tool, &file) {
            (MigrationTool::Flyway, Some(file)) => file.checksum.parse::<i32>().is_ok(),
            (MigrationTool::Prisma | MigrationTool::Sqlx, Some(file)) => {
                file.checksum.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
            (MigrationTool::Flyway | MigrationTool::Prisma | MigrationTool::Sqlx, None) => false,
            (_, file) => file.is_none(),
        };
        let revision = ToolRevision { tool, id: SmolStr::from(id) };
        (has_number && has_file).then_some(Self { revision, file })
    }
}

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = vec![self.revision.tool.word(), self.revision.id.as_str()];
        if let Some(ToolFile { checksum, name }) = &self.file {
            words.extend([checksum.as_str(), name.as_str()]);
        }
        f.write_str(&shlex::try_join(words).unwrap_or_default())
    }
}

/// Flyway's checksum: the CRC-32 of the lines without their ends, as a number with a sign (`ChecksumCalculator`).
fn lines_checksum(text: &str) -> i32 {
    const ALGORITHM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let mut sum = ALGORITHM.digest();
    without_bom(text).split(['\r', '\n']).for_each(|line| sum.update(line.as_bytes()));
    sum.finalize().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for text in [
            "goose 20240101120000",
            "sql-migrate '1 add users.sql'",
            "sqlx 2 00ff 2_keys.up.sql",
            "flyway 1.1 -12 'keys/V1.1__add keys.sql'",
        ] {
            let read = TakenOver::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.to_string(), text);
        }
        for text in
            ["goose", "goose x", "gose 1", "sqlx 2 00ff", "sqlx 2 x 2_keys.up.sql", "goose 1 00 a.sql"]
        {
            assert_eq!(TakenOver::parse(text), None, "{text}");
        }
    }

    /// `zlib.crc32` of the same bytes.
    #[test]
    fn flyway_sums_up_lines() {
        assert_eq!(lines_checksum("123456789"), 0xCBF4_3926_u32.cast_signed());
        assert_eq!(lines_checksum("\u{feff}123\r\n456\n\n789\n"), 0xCBF4_3926_u32.cast_signed());
    }
}

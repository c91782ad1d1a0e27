//! The `trueup.toml` that a new project begins with.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::found::Found;
use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::MigrationTool;
use crate::project::DatabaseSettings;

/// What a tool may have to be told.
const VARIABLES: &str = "\
# The variables that the application's settings read, where DATABASE_URL and PGHOST, PGPORT, PGUSER, PGDATABASE and
# PGPASSWORD are not enough.
# [migrations.variables]
# DB_HOST = \"{host}\"
# DB_PORT = \"{port}\"
# DB_NAME = \"{database}\"
# DB_USER = \"{user}\"
# DB_PASSWORD = \"{password}\"
";

/// What Flyway's settings may not have.
const PLACEHOLDERS: &str = "\
# The values of placeholders, ${owner}, that flyway.toml or flyway.conf does not have.
# [migrations.placeholders]
# owner = \"app\"
";

/// What the file says.
pub(super) struct SettingsFile<'f> {
    pub(super) name: &'f str,
    pub(super) found: Option<&'f Found>,
    /// The search_path of the project's SQL.
    pub(super) search_path: &'f str,
}

impl SettingsFile<'_> {
    pub(super) fn text(&self) -> String {
        let name = toml::Value::String(self.name.to_owned());
        let mut text = format!(
            "# Databases are marked with this name, so that another project does not change them by mistake.\n\
             [project]\nname = {name}\n\n\
             # The variable that holds the URL of the database.\n[database]\nurl_env = \"DATABASE_URL\"\n"
        );
        if self.search_path != DatabaseSettings::default().search_path {
            let path = toml::Value::String(self.search_path.to_owned());
            text.push_str(&format!("search_path = {path}\n"));
        }
        let Some(found) = self.found else { return text };
        text.push_str("\n[migrations]\n");
        if let Some(tool) = found.tool {
            let word = toml::Value::String(tool.word().to_owned());
            text.push_str(&format!(
                "# {} keeps and applies them; trueup reads its files and its history, and writes to neither.\ntool = {word}\n",
                tool.title()
            ));
        }
        let dir = toml::Value::String(found.dir.display().to_string());
        text.push_str(&format!("dir = {dir}\n"));
        if let Some(code) = found.tool.and_then(MigrationTool::code) {
            text.push_str(&format!("{}\n{VARIABLES}", code.example));
        }
        if found.tool == Some(MigrationTool::Flyway) {
            text.push_str(&format!("\n{PLACEHOLDERS}"));
        }
        text
    }

    /// Writes the file, which must not be there.
    ///
    /// # Errors
    /// Exit 2: it is there, or cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let written = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| {
            file.write_all(self.text().as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| {
            Failure::usage(format!("{}: cannot be written: {error}", path.display()))
                .code(ErrorCode::PROJECT_FILE_INVALID)
        })
    }
}

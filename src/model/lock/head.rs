//! What a lock was compiled from, and how: enough to tell whether it is still right.

use std::collections::HashMap;

use crate::migrations::tools::MigrationTool;
use crate::model::Input;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::ServerVersion;
use crate::postgres::sql::ChosenHistory;

/// The first lines of a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The server that compiled it.
    pub server: ServerVersion,
    /// Whether `schema/` declares the model, or the migrations are all there is.
    pub declared_by: DeclaredBy,
    /// What readings must take in to be compared with the model.
    pub options: ReadOptions,
    /// The settings that the outcome depends on.
    pub settings: CompiledSettings,
    /// The files it was compiled from.
    pub inputs: Vec<Input>,
}

/// Where the model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredBy {
    /// `schema/*.sql`.
    Schema,
    /// The project has no schema files: the model is what its migrations build.
    Migrations,
}

/// Settings of `trueup.toml` that change what is compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompiledSettings {
    /// `[database] search_path`, under which the project's SQL runs.
    pub search_path: String,
    /// `[compile] assume_extensions`, sorted.
    pub assume_extensions: Vec<String>,
    /// `[compile] server_version`: the major that is pinned.
    pub server_major: Option<u32>,
    /// `[migrations] tool`: the tool that keeps the migrations, where that is another one.
    pub tool: Option<MigrationTool>,
    /// `[migrations] applied`: where the project's own tool records its migrations, which is no part of the model.
    pub applied: Option<ChosenHistory>,
}

impl Head {
    /// Whether another setting, or another file, was compiled: why it is stale, one reason a line; empty when it
    /// is not.
    pub fn stale(&self, inputs: &[Input], settings: &CompiledSettings) -> Vec<String> {
        let mut reasons = Vec::new();
        match (settings.server_major, self.settings.server_major) {
            (Some(pinned), _) if pinned != self.server.major() => {
                reasons.push(format!("[compile] server_version is {pinned}, compiled with {}", self.server));
            }
            (Some(pinned), None) => reasons.push(format!("[compile] server_version = {pinned} is new")),
            (None, Some(pinned)) => reasons.push(format!("[compile] server_version = {pinned} is gone")),
            _ => {}
        }
        if settings.tool != self.settings.tool {
            reasons.push("[migrations] tool changed".to_owned());
        }
        if settings.applied != self.settings.applied {
            reasons.push("[migrations] applied changed".to_owned());
        }
        if settings.search_path != self.settings.search_path {
            reasons.push("[database] search_path changed".to_owned());
        }
        if settings.assume_extensions != self.settings.assume_extensions {
            reasons.push("[compile] assume_extensions changed".to_owned());
        }
        let mut before: HashMap<&str, &str> =
            self.inputs.iter().map(|input| (input.path.as_str(), input.sha256.as_str())).collect();
        for input in inputs {
            match before.remove(input.path.as_str()) {
                None => reasons.push(format!("{} is new", input.path)),
                Some(hash) if hash != input.sha256 => reasons.push(format!("{} changed", input.path)),
                Some(_) => {}
            }
        }
        let gone = self.inputs.iter().filter(|input| before.contains_key(input.path.as_str()));
        reasons.extend(gone.map(|input| format!("{} is gone", input.path)));
        reasons
    }
}

//! The list of all settings: what each is, and where it came from. No value of a variable is among them but the connection URL
//! without its password.

use std::time::Duration;

use serde::Serialize;

use super::super::backup::{BackupKind, BackupRequired, VerifySetting};
use super::super::gate::{DriftScope, GateLevel, SectionName};
use super::super::output::CHARACTERS;
use super::super::settings::Settings;
use super::Origin;
use crate::migrations::tools::MigrationTool;
use crate::postgres::connection::Target;
use crate::text::{duration, plural, size};

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedSetting {
    /// Its key in `trueup.toml` with that of its section, or its flag where it has none.
    pub name: String,
    /// Its value in words; `None` where it has none.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

impl Settings {
    /// All settings, in the order of the documentation.
    pub fn list(&self) -> Vec<ListedSetting> {
        let mut list = List { settings: self, rows: Vec::new() };
        list.connection();
        list.database();
        list.migrations();
        list.backup();
        list.limits();
        list.gate();
        list.environments();
        list.output();
        list.rows
    }
}

struct List<'s> {
    settings: &'s Settings,
    rows: Vec<ListedSetting>,
}

/// What a time is called here.
fn time(value: Duration) -> Option<String> {
    Some(duration(value))
}

/// The number of entries of something whose entries are not shown, which may hold secrets.
fn count(entries: usize) -> Option<String> {
    (entries > 0).then(|| plural(entries, "value"))
}

/// A program without its arguments, which may hold secrets. A first word that is no name of a program may hold some, too:
/// an assignment, or a line for a shell.
fn program(words: &[String]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    Some(match (first.contains(['=', ' ']), rest.is_empty()) {
        (true, _) => "...".to_owned(),
        (false, true) => first.clone(),
        (false, false) => format!("{first} ..."),
    })
}

fn joined<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<String> {
    let joined = texts.into_iter().collect::<Vec<_>>().join(", ");
    (!joined.is_empty()).then_some(joined)
}

fn yes(value: bool) -> Option<String> {
    Some(value.to_string())
}

impl List<'_> {
    fn add(&mut self, name: &str, value: Option<String>) {
        self.add_from(name, value, self.settings.origins.of(name));
    }

    fn add_from(&mut self, name: &str, value: Option<String>, origin: Origin) {
        self.rows.push(ListedSetting { name: name.to_owned(), value, origin });
    }

    /// What is added beside each other: the keys of one section.
    fn section<const N: usize>(&mut self, section: &str, values: [(&str, Option<String>); N]) {
        for (key, value) in values {
            self.add(&format!("{section}.{key}"), value);
        }
    }

    fn connection(&mut self) {
        let settings = self.settings;
        self.add("--project", Some(settings.project.dir.display().to_string()));
        self.add("project.name", settings.project.name.clone());
        self.add("--env", settings.environment.as_ref().map(|found| found.name.clone()));
        let target = settings.asked_target();
        // A URL that cannot be read is not shown: any part of it may be a password.
        let shown = target.as_ref().map(ToString::to_string);
        let shown = shown.or_else(|| settings.url().map(|_| "(not a PostgreSQL URL)".to_owned()));
        self.add("--database-url", shown);
        let connecting = settings.target().ok();
        let source = connecting.as_ref().and_then(|target| target.password_source());
        let origin = match source {
            Some("URL") => Origin::Url,
            Some("PGPASSWORD") => Origin::Variable("PGPASSWORD".to_owned()),
            Some(file) => Origin::Other(file.to_owned()),
            None => Origin::Default,
        };
        self.add_from("password", source.map(|_| "(not shown)".to_owned()), origin);
        let says_tls = target.as_ref().is_some_and(Target::says_tls_mode);
        let origin = if says_tls { Origin::Url } else { Origin::Default };
        self.add_from("sslmode", target.map(|target| target.tls_mode().to_owned()), origin);
    }

    fn database(&mut self) {
        let (settings, database) = (self.settings, &self.settings.database);
        self.section(
            "database",
            [
                ("url_env", Some(database.url_env.clone())),
                ("schemas", joined(database.schemas.iter().map(String::as_str))),
                ("ignore", joined(database.ignore.iter())),
                ("search_path", Some(database.search_path.clone())),
                ("set_role", database.set_role.clone()),
                ("connect_timeout", time(database.connect_timeout)),
                ("statement_timeout", database.statement_timeout.and_then(time)),
                ("lock_timeout", database.lock_timeout.and_then(time)),
            ],
        );
        let assumed = settings.assume_extensions.iter().map(String::as_str);
        self.section(
            "compile",
            [
                ("server_version", settings.scratch.major.map(|major| major.to_string())),
                ("assume_extensions", joined(assumed)),
            ],
        );
        // A URL may hold a password.
        self.add("--scratch-url", settings.scratch.url.as_ref().map(|_| "(not shown)".to_owned()));
        self.add("--pg-bin", settings.scratch.bin_dir.as_ref().map(|dir| dir.display().to_string()));
    }

    fn migrations(&mut self) {
        let settings = &self.settings.migrations;
        let word = settings.tool.map_or("trueup", MigrationTool::word);
        let own = |of: fn(&super::super::OwnTool) -> &Vec<String>| {
            settings.own.as_ref().and_then(|own| program(of(own)))
        };
        self.section(
            "migrations",
            [
                ("tool", Some(word.to_owned())),
                ("dir", Some(settings.dir.clone())),
                ("also_record_in", settings.also_record_in.map(|tool| tool.word().to_owned())),
                ("history", settings.history.as_ref().map(|history| history.table.to_string())),
                ("command", program(&settings.command)),
                ("revert_command", program(&settings.revert_command)),
                ("program", program(&settings.program)),
                ("working_directory", joined([settings.working_directory.as_str()])),
                ("driver", settings.driver.clone()),
                ("variables", count(settings.variables.len())),
                ("placeholders", count(settings.placeholders.len())),
                ("list", own(|own| &own.list)),
                ("status", own(|own| &own.status)),
                ("apply", own(|own| &own.apply)),
                ("upgrade", own(|own| &own.upgrade)),
                ("revert", own(|own| &own.revert)),
                ("applied", settings.own.as_ref().map(|own| own.applied.table.to_string())),
                ("timeout", time(settings.timeout)),
                ("lock_timeout", time(settings.lock_timeout)),
                ("lock_budget", time(settings.lock_budget)),
                ("max_duration", time(settings.max_duration)),
                ("outside_lock_budget", time(settings.outside_lock_budget)),
                ("wait", time(settings.wait)),
            ],
        );
    }

    fn backup(&mut self) {
        let settings = &self.settings.backup;
        let by_command = settings.kind == BackupKind::Command;
        let required = match settings.required {
            BackupRequired::Always => "always",
            BackupRequired::Protected => "protected",
            BackupRequired::Never => "never",
        };
        let verify = match settings.verify {
            VerifySetting::Quick => "quick",
            VerifySetting::Contents => "contents",
            VerifySetting::Restore => "restore",
        };
        let format = if settings.kind == BackupKind::Directory { "directory" } else { "custom" };
        let kept = |number: Option<u32>| number.map(|number| number.to_string());
        self.section(
            "backup",
            [
                ("kind", Some(if by_command { "command" } else { "pg_dump" }.to_owned())),
                ("format", (!by_command).then(|| format.to_owned())),
                ("scope", Some(if settings.affected { "affected" } else { "full" }.to_owned())),
                ("required", Some(required.to_owned())),
                ("verify", Some(verify.to_owned())),
                ("compression", settings.compression.clone()),
                ("jobs", Some(settings.jobs.to_string())),
                ("fresh_for", time(settings.fresh_for)),
                ("store", Some(settings.store.clone())),
                ("endpoint", settings.endpoint.clone()),
                ("region", settings.region.clone()),
                ("store_timeout", time(settings.store_timeout)),
                ("command", program(&settings.command)),
                ("confirm", program(&settings.confirm)),
                ("timeout", time(settings.timeout)),
                ("keep_last", kept(settings.keep_last)),
                ("keep_daily", kept(settings.keep_daily)),
                ("keep_weekly", kept(settings.keep_weekly)),
                ("max_age", settings.max_age.and_then(time)),
            ],
        );
        let credentials = self.settings.credentials.variables();
        let names = joined(credentials.keys().map(String::as_str));
        let origin = if names.is_some() { Origin::Other("variables".to_owned()) } else { Origin::Default };
        self.add_from("credentials of the store", names, origin);
    }

    fn limits(&mut self) {
        let (repair, lint) = (&self.settings.repair, &self.settings.lint);
        let fail_on = self.settings.check.fail_on.iter().map(|value| value.word());
        let fail_on = joined(fail_on);
        self.section(
            "repair",
            [
                ("batch", time(repair.batch)),
                ("lock_timeout", time(repair.lock_timeout)),
                ("max_replica_lag", time(repair.max_replica_lag)),
                ("max_transaction_age", time(repair.max_transaction_age)),
                ("pause", time(repair.pause)),
                ("planning", time(repair.planning)),
            ],
        );
        self.add("rehearse.max_block", self.settings.rehearse.max_block.and_then(time));
        self.section(
            "check",
            [("severity", count(self.settings.check.severity.len())), ("fail_on", fail_on)],
        );
        self.section("lint", [("rules", count(lint.rules.len())), ("small", joined(lint.small.iter()))]);
    }

    fn gate(&mut self) {
        let gate = &self.settings.gate;
        let around = &gate.around;
        let drift = if gate.drift == DriftScope::All { "all" } else { "touching" };
        let required = around.required_env.iter().map(|required| required.name.as_str());
        self.section(
            "gate",
            [
                ("deadline", time(gate.deadline)),
                ("max_backup_age", gate.max_backup_age.and_then(time)),
                ("hazard_rows", Some(gate.hazard_rows.to_string())),
                ("hazard_size", Some(size(gate.hazard_bytes))),
                ("max_transaction_age", time(gate.max_transaction_age)),
                ("drift", Some(drift.to_owned())),
                ("require_env", joined(required)),
                ("command", joined(around.commands.iter().map(|one| one.name.as_str()))),
                ("evidence", joined(around.evidence.iter().map(|one| one.name.as_str()))),
                ("attest", joined(around.attest.iter().map(|one| one.name.as_str()))),
            ],
        );
        for name in SectionName::ALL {
            let Some(level) = gate.level(name) else { continue };
            let word = GateLevel::WORDS.into_iter().find(|(_, known)| *known == level).map(|(word, _)| word);
            self.add(&format!("gate.{}.level", name.word()), word.map(str::to_owned));
        }
        if let Some(record) = &gate.rehearsal_record {
            self.add("gate.rehearsal.record", Some(record.display().to_string()));
        }
    }

    fn environments(&mut self) {
        let settings = self.settings;
        for (name, environment) in &settings.environments {
            self.section(
                &format!("environments.{name}"),
                [
                    ("url_env", environment.url_env.clone()),
                    ("protected", yes(environment.protected)),
                    ("expect.host", environment.expect_host.clone()),
                    ("expect.database", environment.expect_database.clone()),
                ],
            );
        }
    }

    fn output(&mut self) {
        let output = &self.settings.output;
        self.add("--format", Some(output.format.word().to_owned()));
        self.add("--color", yes(output.color));
        self.add(CHARACTERS, Some(if output.ascii { "not UTF-8" } else { "UTF-8" }.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Shared;
    use crate::project::{CommandArgs, CommandCall, ProcessEnv, ProjectFile, SETTINGS_FILE};

    struct NoArgs;

    impl CommandArgs for NoArgs {}

    fn list(toml: &str, variables: &[(&'static str, &'static str)], shared: &Shared) -> Vec<ListedSetting> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(SETTINGS_FILE), toml).unwrap();
        let call = CommandCall { name: "test", args: &NoArgs, shared };
        let process_env = ProcessEnv::new(variables.iter().copied(), dir.path());
        Settings::resolve(&call, &process_env, "01J".into()).unwrap().list()
    }

    fn one<'l>(list: &'l [ListedSetting], name: &str) -> (Option<&'l str>, String) {
        let found = list.iter().find(|setting| setting.name == name).unwrap_or_else(|| panic!("{name}"));
        (found.value.as_deref(), found.origin.to_string())
    }

    /// The keys that a section's reader knows: an unknown key is answered with them.
    fn known(section: &str) -> Vec<String> {
        let error =
            ProjectFile::parse("trueup.toml", &format!("[{section}]\nzzzzzzzzzzzzzzzz = 1\n")).unwrap_err();
        let keys =
            error.next.strip_prefix("known here: ").unwrap_or_else(|| panic!("{error}: {}", error.next));
        keys.split(", ").map(str::to_owned).collect()
    }

    #[test]
    fn every_key_of_the_file_is_listed() {
        let toml = "[migrations]\ntool = \"flyway\"\n[environments.e]\n[gate.rehearsal]\n[gate.drift]\nlevel = \"warn\"\n";
        let list = list(toml, &[], &Shared::default());
        for section in [
            "project",
            "database",
            "compile",
            "migrations",
            "check",
            "lint",
            "backup",
            "repair",
            "rehearse",
            "gate",
            "environments.e",
            "gate.rehearsal",
        ] {
            for key in known(section) {
                let name = format!("{section}.{key}");
                let is_there = list.iter().any(|setting| setting.name == name);
                // Tables of their own: their keys are listed.
                let is_table = key == "expect"
                    || section == "gate" && SectionName::ALL.iter().any(|one| one.word() == key)
                    || name == "gate.rehearsal.level";
                assert!(is_there || is_table, "{name} is not listed");
            }
        }
    }

    #[test]
    fn f54_each_setting_says_where_it_came_from() {
        let toml = "[database]\nschemas = [\"public\"]\n\nlock_timeout = \"2s\"\n[environments.production]\nurl_env = \"P\"\n";
        let shared = Shared { environment: Some("production".into()), ..Shared::default() };
        let variables = [
            ("P", "postgres://app:canary@db/shop?sslmode=require"),
            ("TRUEUP_PG_BIN", "/pg"),
            ("NO_COLOR", "1"),
        ];
        let list = list(toml, &variables, &shared);
        for (name, value, origin) in [
            ("--project", None, "default"),
            ("--env", Some("production"), "--env"),
            ("--database-url", Some("app@db:5432/shop"), "variable P"),
            ("password", Some("(not shown)"), "the connection URL"),
            ("sslmode", Some("require"), "the connection URL"),
            ("database.url_env", Some("P"), "trueup.toml:6"),
            ("database.schemas", Some("public"), "trueup.toml:2"),
            ("database.lock_timeout", Some("2.0 s"), "trueup.toml:4"),
            ("database.connect_timeout", Some("10 s"), "default"),
            ("--pg-bin", Some("/pg"), "variable TRUEUP_PG_BIN"),
            ("--color", Some("false"), "variable NO_COLOR"),
        ] {
            let (found, from) = one(&list, name);
            assert_eq!(from, origin, "{name}");
            assert!(value.is_none() || found == value, "{name}: {found:?}");
        }
        assert!(!format!("{list:?}").contains("canary"));
    }

    #[test]
    fn what_does_not_decide_is_no_origin() {
        let origin = |name: &str, variables: &[(&'static str, &'static str)]| {
            one(&list("", variables, &Shared::default()), name).1
        };
        assert_eq!(origin("sslmode", &[("DATABASE_URL", "postgres://app@ssl.example.com/ssl")]), "default");
        assert_eq!(origin("--color", &[("CLICOLOR_FORCE", "0")]), "default");
        assert_eq!(origin("--color", &[("CLICOLOR_FORCE", "1")]), "variable CLICOLOR_FORCE");
        assert_eq!(origin("locale", &[("LC_CTYPE", "C.UTF-8"), ("LANG", "C")]), "variable LC_CTYPE");
        assert_eq!(origin("locale", &[("TERM", "dumb"), ("LANG", "C.UTF-8")]), "variable TERM");
    }

    #[test]
    fn no_argument_of_a_program_is_shown() {
        let shown = |words: &[&str]| program(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(shown(&[]), None);
        assert_eq!(shown(&["pgbackrest"]).unwrap(), "pgbackrest");
        assert_eq!(shown(&["pgbackrest", "canary"]).unwrap(), "pgbackrest ...");
        assert_eq!(shown(&["PW=canary", "pgbackrest"]).unwrap(), "...");
        assert_eq!(shown(&["pgbackrest --pw canary"]).unwrap(), "...");
    }
}

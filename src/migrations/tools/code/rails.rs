//! Rails: programs of Ruby in `db/migrate`, each with a timestamp.

use std::path::Path;

use smol_str::SmolStr;

use super::super::names::{numbered, words};
use super::{CodeTool, ListedRevision, UrlForm, owned, programs_below};

/// Begins a line of the list: an application may print other lines when it starts.
const MARK: &str = "trueup ";

/// What Rails knows of its migrations, those of its engines, too. Since 7.2 the pool of connections has it, before a
/// connection.
macro_rules! context {
    () => {
        "[ActiveRecord::Base.connection_pool, ActiveRecord::Base.connection].find { |one| one.respond_to?(:migration_context) }\
         .migration_context"
    };
}

/// A question to the database, and the version and file of each migration.
const LIST: &[&str] = &[
    "runner",
    concat!(
        "ActiveRecord::Base.connection.select_value('SELECT 1'); ",
        context!(),
        ".migrations.each { |one| puts ['trueup', one.version, File.expand_path(one.filename)].join(' ') }"
    ),
];

/// Every step is one call of the library, and not the task of rake: that writes `db/schema.rb` afterwards, and other
/// libraries let it write more of the project's files.
pub(super) static TOOL: CodeTool = CodeTool {
    setting: "program",
    example: "# program = [\"bundle\", \"exec\", \"rails\"]\n",
    program: &["rails"],
    installed_in: &["bin"],
    look: LIST,
    list: LIST,
    read_list,
    step: |revision, _| owned(&["runner", &[context!(), ".run(:up, ", revision, ")"].concat()]),
    step_back: |revision| owned(&["runner", &[context!(), ".run(:down, ", &revision.id, ")"].concat()]),
    runs_some_again: false,
    upgrade: &["db:migrate"],
    elsewhere: "",
    url: UrlForm::SocketAsHost,
    app_ends: None,
    files: programs_below,
};

/// The oldest first. Each comes after the one before it.
fn read_list(printed: &str) -> Result<Vec<ListedRevision>, String> {
    let mut found: Vec<ListedRevision> = Vec::new();
    for line in printed.lines().filter_map(|line| line.strip_prefix(MARK)) {
        let (id, file) = line.split_once(' ').unwrap_or((line, ""));
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{id:?}: expected a version of digits"));
        }
        let before = found.last().map(|before| before.id.clone());
        found.push(ListedRevision {
            id: SmolStr::from(id),
            name: name(Path::new(file)),
            parents: before.into_iter().collect(),
            dependencies: Vec::new(),
            file: Some(file.into()),
        });
    }
    Ok(found)
}

/// `20260102030405_add_users.rb`, or `20260102030405_add_users.engine.rb`.
fn name(file: &Path) -> String {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    words(numbered(stem).map_or(stem, |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn the_oldest_is_listed_first() {
        let printed = "booting\ntrueup 20260101000000 /p/db/migrate/20260101000000_create_users.rb\n\
                       trueup 20260102000000 /p/my shop/20260102000000_add_key.spree.rb\n";
        let found = read_list(printed).expect("reads");
        assert_eq!(shown(&found), ["20260101000000 create_users ", "20260102000000 add_key 20260101000000"]);
        assert_eq!(found[1].file.as_deref(), Some(Path::new("/p/my shop/20260102000000_add_key.spree.rb")));
        assert!(read_list("trueup x y\n").is_err());
        let step = (TOOL.step)("20260102000000", 1);
        assert!(step[1].ends_with(".migration_context.run(:up, 20260102000000)"), "{step:?}");
    }
}

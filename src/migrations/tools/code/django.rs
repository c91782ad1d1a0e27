//! Django: programs of Python in the `migrations` of each app.

use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::super::entries;
use super::super::names::words;
use super::{CodeTool, ListedRevision, UrlForm, owned, programs_below};
use crate::error::Failure;

const LIST: &[&str] = &["showmigrations", "--plan", "--verbosity", "2", "--no-color"];

/// Takes back one migration. `migrate APP NAME` takes back all that come after one, and changes the rows of content types
/// and permissions.
const UNAPPLY: &str = "from django.db import connection\nfrom django.db.migrations.executor import MigrationExecutor\n\
                       executor = MigrationExecutor(connection)\n\
                       executor.migrate([], plan=[(executor.loader.graph.nodes['APP', 'NAME'], True)])\n";

pub(super) static TOOL: CodeTool = CodeTool {
    setting: "program",
    example: "# program = [\"uv\", \"run\", \"manage.py\"]\n",
    program: &["python", "manage.py"],
    installed_in: &[".venv/bin", "venv/bin"],
    look: LIST,
    list: LIST,
    read_list,
    step: |revision, _| {
        let (app, name) = revision.split_once('.').unwrap_or((revision, ""));
        owned(&["migrate", app, name, "--no-input", "--no-color"])
    },
    step_back: |revision| {
        let (app, name) = revision.id.split_once('.').unwrap_or((&revision.id, ""));
        owned(&["shell", "-c", &UNAPPLY.replace("APP", app).replace("NAME", name)])
    },
    runs_some_again: false,
    upgrade: &["migrate", "--no-input"],
    url: UrlForm::Plain,
    elsewhere: "",
    app_ends: Some('.'),
    files,
};

/// `[ ]  app.name ... (parents)`, in the order in which they are run.
fn read_list(printed: &str) -> Result<Vec<ListedRevision>, String> {
    let lines = printed.lines().filter_map(|line| {
        let line = line.strip_prefix("[ ]").or_else(|| line.strip_prefix("[X]"))?.trim();
        let (id, parents) = line.split_once(" ... (").unwrap_or((line, ""));
        let parents = parents.trim_end_matches(')').split(", ").filter(|parent| !parent.is_empty());
        let name = id.split_once('.').map_or(id, |(_, name)| name);
        Some(ListedRevision {
            id: id.into(),
            name: words(name.trim_start_matches(|found: char| found.is_ascii_digit())),
            parents: parents.map(SmolStr::from).collect(),
            dependencies: Vec::new(),
            file: None,
        })
    });
    Ok(lines.collect())
}

/// The files of all directories `migrations`, but for those of installed packages.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for (name, path) in entries(directory)? {
        if !path.is_dir() || path.is_symlink() {
            continue;
        }
        match name.as_str() {
            "migrations" => found.extend(programs_below(&path)?),
            "node_modules" | "site-packages" => {}
            _ if path.join("pyvenv.cfg").is_file() => {}
            _ => found.extend(files(&path)?),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn the_plan_is_listed() {
        let printed = "[ ]  contenttypes.0001_initial\n[ ]  auth.0001_initial ... (contenttypes.0001_initial)\n\
                       [X]  api.0023_add_user_id ... (api.0022_keys, auth.0001_initial)\nSystem check identified no issues\n";
        assert_eq!(
            shown(&read_list(printed).expect("reads")),
            [
                "contenttypes.0001_initial initial ",
                "auth.0001_initial initial contenttypes.0001_initial",
                "api.0023_add_user_id add_user_id api.0022_keys+auth.0001_initial"
            ]
        );
        assert_eq!((TOOL.step)("api.0023_a", 1)[..3], ["migrate", "api", "0023_a"]);
        let back = (TOOL.step_back)(&ListedRevision { id: "api.0023_a".into(), ..ListedRevision::default() });
        assert!(back[2].contains("nodes['api', '0023_a']"), "{back:?}");
    }

    #[test]
    fn the_files_of_installed_packages_are_none_of_the_project() {
        let project = tempfile::tempdir().expect("a directory");
        for name in [
            "api/migrations/0001_initial.py",
            "api/migrations/__pycache__/0001_initial.py",
            "api/models.py",
            "env/lib/auth/migrations/0001_initial.py",
            "env/pyvenv.cfg",
            "node_modules/a/migrations/a.js",
        ] {
            let path = project.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "x").expect("written");
        }
        let found = files(project.path()).expect("reads");
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("api/migrations/0001_initial.py"));
    }
}

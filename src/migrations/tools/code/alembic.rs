//! Alembic: programs of Python, each with its identifier and that of the one before it.

use smol_str::SmolStr;

use super::super::names::words;
use super::{CodeTool, ListedRevision, UrlForm, owned, programs_below};

pub(super) static TOOL: CodeTool = CodeTool {
    setting: "program",
    example: "# program = [\"uv\", \"run\", \"alembic\"]\n# driver = \"asyncpg\"\n",
    program: &["alembic"],
    installed_in: &[".venv/bin", "venv/bin"],
    look: &["current"],
    list: &["history", "--verbose"],
    read_list,
    step: |revision, _| owned(&["upgrade", revision]),
    step_back: |revision| owned(&["downgrade", &below(revision)]),
    runs_some_again: false,
    upgrade: &["upgrade", "head"],
    url: UrlForm::Driver,
    elsewhere: "",
    app_ends: None,
    files: programs_below,
};

/// The place right below a revision, as `downgrade` takes it: `c3@b1`, the revision b1 on the branch of c3.
fn below(revision: &ListedRevision) -> String {
    let ListedRevision { id, parents, dependencies, .. } = revision;
    let parent = parents.iter().find(|parent| !dependencies.contains(parent));
    format!("{id}@{}", parent.map_or("base", SmolStr::as_str))
}

/// An entry for each, the newest first (`Script.log_entry` of alembic/script/base.py).
fn read_list(printed: &str) -> Result<Vec<ListedRevision>, String> {
    let mut found: Vec<ListedRevision> = Vec::new();
    for line in printed.lines() {
        if let Some(rest) = line.strip_prefix("Rev: ") {
            let id = rest.split_whitespace().next().unwrap_or_default().into();
            found.push(ListedRevision { id, ..ListedRevision::default() });
            continue;
        }
        let Some(revision) = found.last_mut() else { continue };
        let parents = ["Parent: ", "Merges: ", "Also depends on: "];
        if let Some(rest) = parents.iter().find_map(|label| line.strip_prefix(label)) {
            let named = rest.split(',').map(str::trim).filter(|parent| *parent != "<base>");
            let named: Vec<SmolStr> = named.map(SmolStr::from).collect();
            if line.starts_with("Also") {
                revision.dependencies.extend(named.iter().cloned());
            }
            revision.parents.extend(named);
        } else if let Some(path) = line.strip_prefix("Path: ") {
            revision.file = Some(path.into());
        } else if revision.name.is_empty() && line.starts_with("    ") && !line.trim().is_empty() {
            revision.name = words(line.trim());
        }
    }
    found.reverse();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::shown;
    use super::*;

    #[test]
    fn the_newest_is_listed_first() {
        let printed = "Rev: c3 (head) (mergepoint)\nMerges: b1, b2\nPath: /p/versions/c3_both.py\n\n    both\n\n    Revision ID: c3\n\n\
                       Rev: b2\nParent: a1\nAlso depends on: b1\nPath: /p/versions/b2.py\n\n    \n\n\
                       Rev: b1\nParent: a1\nBranch names: left\nPath: /p/versions/b1.py\n\n    left: one\n\n\
                       Rev: a1 (branchpoint)\nParent: <base>\nBranches into: b1, b2\nPath: /p/versions/a1.py\n\n    Parent: x\n";
        let found = read_list(printed).expect("reads");
        assert_eq!(shown(&found), ["a1 Parent__x ", "b1 left__one a1", "b2  a1+b1", "c3 both b1+b2"]);
        assert_eq!(found[2].dependencies, ["b1"]);
        let back: Vec<_> = found.iter().map(|one| (TOOL.step_back)(one).join(" ")).collect();
        assert_eq!(back, ["downgrade a1@base", "downgrade b1@a1", "downgrade b2@a1", "downgrade c3@b1"]);
        assert_eq!(found[0].file.as_deref(), Some(Path::new("/p/versions/a1.py")));
    }
}

//! Liquibase: change sets of SQL, XML, YAML and JSON in a changelog.

use smol_str::SmolStr;

use super::{CodeTool, ListedRevision, UrlForm, files_below, owned};

const LIST: &[&str] = &["status", "--verbose"];

/// `update-count` applies the next change set of the changelog: all that the revision comes after are applied.
/// `rollback-count` takes back the one that was applied last.
pub(super) static TOOL: CodeTool = CodeTool {
    setting: "program",
    example: "# program = [\"liquibase\", \"--search-path=src/main/resources\"]\n",
    program: &["liquibase"],
    installed_in: &[],
    look: LIST,
    list: LIST,
    read_list,
    step: |_, count| owned(&["update-count", &format!("--count={count}")]),
    step_back: |_| owned(&["rollback-count", "--count=1"]),
    runs_some_again: true,
    upgrade: &["update"],
    elsewhere: "",
    url: UrlForm::Network,
    app_ends: None,
    files: |directory| files_below(directory, is_changelog),
};

/// After `5 change sets have not been applied to ...` a line for each: `     db/users.sql::1::ann`.
fn read_list(printed: &str) -> Result<Vec<ListedRevision>, String> {
    let mut found: Vec<ListedRevision> = Vec::new();
    for line in printed.lines().filter(|line| line.starts_with("     ")) {
        let id = line.trim().trim_start_matches("classpath:").trim_start_matches('/');
        let Some((file, _)) = id.split_once("::") else { continue };
        let before = found.last().map(|before| before.id.clone());
        found.push(ListedRevision {
            id: SmolStr::from(id),
            // The identifier says it all.
            name: String::new(),
            parents: before.into_iter().collect(),
            dependencies: Vec::new(),
            file: Some(file.into()),
        });
    }
    Ok(found)
}

fn is_changelog(name: &str) -> bool {
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    matches!(suffix.as_deref(), Some("sql" | "xml" | "yaml" | "yml" | "json" | "csv"))
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn what_is_not_applied_is_listed() {
        let printed = "2 changesets have not been applied to app@jdbc:postgresql://h:5432/d\n     db/users.sql::1::ann\n     \
                       classpath:/db/keys.xml::k 1::bob smith\n";
        let found = read_list(printed).expect("reads");
        assert_eq!(
            shown(&found),
            ["db/users.sql::1::ann  ", "db/keys.xml::k 1::bob smith  db/users.sql::1::ann"]
        );
        assert!(read_list("app@jdbc:postgresql://h:5432/d is up to date\n").expect("reads").is_empty());
        assert_eq!((TOOL.step)("a", 2), ["update-count", "--count=2"]);
    }
}

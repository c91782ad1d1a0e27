//! A project's own tool: the settings have its commands, and its list is of one form.

use std::collections::HashSet;

use smol_str::SmolStr;

use super::super::names::words;
use super::{CodeTool, ListedRevision, UrlForm, files_below};

pub(super) static TOOL: CodeTool = CodeTool {
    setting: "list, apply and upgrade",
    example: "",
    program: &[],
    installed_in: &[],
    look: &[],
    list: &[],
    read_list,
    step: |_, _| Vec::new(),
    step_back: |_| Vec::new(),
    runs_some_again: false,
    upgrade: &[],
    url: UrlForm::Plain,
    elsewhere: "where its `list` connects to no database, name a command that does, and changes nothing: [migrations] status = [...]",
    app_ends: None,
    files: |directory| files_below(directory, |_| true),
};

/// A revision a line: its identifier, and, after a tab each, its name and its parents with commas between them. Without the
/// parents it comes after the line before it.
fn read_list(printed: &str) -> Result<Vec<ListedRevision>, String> {
    let mut found: Vec<ListedRevision> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (index, line) in printed.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |what: String| format!("line {} ({line:?}): {what}", index + 1);
        let mut fields = line.split('\t').map(str::trim);
        let id = fields.next().unwrap_or_default();
        let (name, parents) = (fields.next(), fields.next());
        if id.is_empty() {
            return Err(wrong("expected the identifier of a migration before the tab".to_owned()));
        }
        if fields.next().is_some() {
            return Err(wrong("expected at most three fields: identifier, name, parents".to_owned()));
        }
        let parents: Vec<SmolStr> = match parents {
            Some(named) => {
                named.split(',').map(str::trim).filter(|one| !one.is_empty()).map(SmolStr::from).collect()
            }
            None => found.last().map(|before| before.id.clone()).into_iter().collect(),
        };
        if let Some(parent) = parents.iter().find(|parent| !known.contains(parent.as_str())) {
            return Err(wrong(format!("its parent {parent:?} is in no line before it")));
        }
        if !known.insert(id) {
            return Err(wrong(format!("{id:?} was listed before: expected every identifier once")));
        }
        let name = words(name.filter(|name| !name.is_empty()).unwrap_or(id));
        found.push(ListedRevision { id: id.into(), name, parents, ..ListedRevision::default() });
    }
    match found.is_empty() {
        true => Err("it printed nothing: expected one migration a line".to_owned()),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn a_line_is_a_revision() {
        let printed = "001\n002\tadd users\n\n003 \t\t001\r\n004\tboth\t002, 003\n005\troot\t\n";
        let found = read_list(printed).expect("reads");
        assert_eq!(
            shown(&found),
            ["001 001 ", "002 add_users 001", "003 003 001", "004 both 002+003", "005 root "]
        );
    }

    #[test]
    fn what_is_no_list_is_told_with_its_line() {
        for (printed, wanted) in [
            ("", "printed nothing"),
            (" \n\n", "printed nothing"),
            ("001\n001\n", "line 2 (\"001\"): \"001\" was listed before"),
            ("001\n\tname\n", "line 2 (\"\\tname\"): expected the identifier"),
            ("001\n002\t\t003\n003\n", "its parent \"003\" is in no line before it"),
            ("001\ta\tb\tc\n", "at most three fields"),
        ] {
            let why = read_list(printed).expect_err(printed);
            assert!(why.contains(wanted), "{why}");
        }
    }
}

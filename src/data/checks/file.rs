//! Reads the file of a check: directives in comments, and plain SQL.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Action, Check, CheckQuery, Fix, NameAtLine};
use crate::error::{ErrorCode, Failure};
use crate::findings::Severity;
use crate::postgres::sql::{self, LONGEST_NAME, Part, Statement, comments, split, split_qualified};

const KNOWN: [&str; 10] =
    ["title", "severity", "table", "key", "show", "while-column", "find", "fix", "action", "at-most"];
const HINT: &str = "Known directives: title, severity, table, key, show, while-column, find; after `-- fix: NAME  DESCRIPTION`: action, at-most. A \
                    remark begins with a capital letter.";
/// The words that a query can begin with.
const FIRST_WORDS: [&str; 4] = ["select", "with", "values", "table"];

/// Reads all checks of a directory, sorted by name. A directory that does not exist has no checks.
///
/// # Errors
/// Exit 2: the errors of all files, each with file and line.
pub fn read_directory(dir: &Path) -> Result<Vec<Check>, Failure> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Failure::usage(format!("{}: {error}", dir.display())).code(ErrorCode::CHECKS_INVALID));
        }
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|error| {
                Failure::usage(format!("{}: {error}", dir.display())).code(ErrorCode::CHECKS_INVALID)
            })?
            .path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.extension().is_some_and(|extension| extension == "sql") && !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut checks, mut failures) = (Vec::new(), Vec::new());
    for path in paths {
        match read(&path) {
            Ok(check) => checks.push(check),
            Err(failure) => failures.push(failure),
        }
    }
    combine(failures)?;
    Ok(checks)
}

/// Combines the failures of several files into one.
///
/// # Errors
/// There is at least one failure.
pub(super) fn combine(failures: Vec<Failure>) -> Result<(), Failure> {
    let mut failures = failures.into_iter();
    let Some(mut first) = failures.next() else { return Ok(()) };
    for other in failures {
        first.what.push('\n');
        first.what.push_str(&other.what);
        if first.next.is_empty() {
            first.next = other.next;
        }
    }
    Err(first)
}

/// Selects the checks with these names; all checks where no name is given.
///
/// # Errors
/// Exit 2: there is no check of a name.
pub fn select(checks: Vec<Check>, wanted: &[String]) -> Result<Vec<Check>, Failure> {
    for name in wanted {
        if !checks.iter().any(|check| check.name == *name) {
            let all: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
            let next = match (nearest(name, all.iter().copied()), all.as_slice()) {
                (Some(suggestion), _) => format!("did you mean {suggestion}?"),
                (None, []) => "this project has no checks: they are files checks/NAME.sql".to_owned(),
                (None, all) => format!("there are: {}", all.join(", ")),
            };
            return Err(Failure::usage(format!("there is no check {name:?}")).next(next));
        }
    }
    Ok(checks.into_iter().filter(|check| wanted.is_empty() || wanted.contains(&check.name)).collect())
}

/// The known name that is most similar, where one is similar enough to be meant.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let (distance, nearest) = known.map(|known| (strsim::damerau_levenshtein(name, known), known)).min()?;
    (distance <= 1 + name.chars().count() / 4).then_some(nearest)
}

fn read(path: &Path) -> Result<Check, Failure> {
    let text = sql::read_file(path)?;
    parse(path, &text)
}

/// A part of a file.
enum Line<'s> {
    Directive { word: &'s str, value: &'s str, line: usize },
    Query(Statement<'s>),
}

/// The sections of a file, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Head,
    Find,
    Fix,
}

struct Parser<'p> {
    path: &'p Path,
    /// The directives above `-- find:`, by their word.
    head: BTreeMap<&'static str, DirectiveValue>,
    /// The section that is being read.
    section: Section,
    /// The line of `-- find:`.
    find_line: usize,
    find: Option<CheckQuery>,
    fixes: Vec<OpenFix>,
}

/// The value of a directive.
struct DirectiveValue {
    text: String,
    line: usize,
}

/// A fix that is being read.
struct OpenFix {
    name: String,
    description: String,
    line: usize,
    action: Option<Action>,
    at_most: Option<u64>,
    query: Option<CheckQuery>,
}

fn parse(path: &Path, text: &str) -> Result<Check, Failure> {
    let text = sql::without_bom(text);
    let statements = split(text).map_err(|error| error.in_file(path))?;
    let inside = |line: usize| {
        statements.iter().any(|statement| {
            let last = statement.line + statement.text.matches('\n').count();
            (statement.line + 1..=last).contains(&line)
        })
    };
    let mut lines: Vec<(usize, Line<'_>)> = Vec::new();
    for comment in comments(text) {
        let Some((word, value)) = directive(comment.text) else { continue };
        let starts_line =
            text.lines().nth(comment.line - 1).is_some_and(|line| line.trim_start().starts_with("--"));
        if !starts_line {
            continue;
        }
        if inside(comment.line) {
            if KNOWN.contains(&word) {
                return Err(error_at(
                    path,
                    comment.line,
                    format!(
                        "`-- {word}:` is inside a query: the query before it does not end with a semicolon"
                    ),
                ));
            }
            continue;
        }
        lines.push((comment.line, Line::Directive { word, value, line: comment.line }));
    }
    lines.extend(statements.iter().map(|statement| (statement.line, Line::Query(*statement))));
    lines.sort_by_key(|(line, _)| *line);
    let mut parser = Parser {
        path,
        head: BTreeMap::new(),
        section: Section::Head,
        find_line: 0,
        find: None,
        fixes: Vec::new(),
    };
    for (_, line) in lines {
        match line {
            Line::Directive { word, value, line } => parser.directive(word, value, line)?,
            Line::Query(statement) => parser.query(&statement)?,
        }
    }
    parser.finish(text)
}

/// The word and the value of a comment `word: value`, where it is a directive: its word consists of lower-case letters. A
/// known directive is recognized, too, if there is a blank before the colon, or `_` instead of `-`.
fn directive(text: &str) -> Option<(&str, &str)> {
    let (before, value) = text.split_once(':')?;
    let word = before.trim_end();
    let is_word = word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.chars().all(|found| found.is_ascii_lowercase() || matches!(found, '-' | '_'));
    let joined = word.len() == before.len() || KNOWN.contains(&word.replace('_', "-").as_str());
    (is_word && joined).then(|| (word, value.trim()))
}

fn error_at(path: &Path, line: usize, what: impl AsRef<str>) -> Failure {
    Failure::usage(format!("{}: line {line}: {}", path.display(), what.as_ref()))
        .code(ErrorCode::CHECKS_INVALID)
        .at(path.display().to_string(), line, None)
        .next(HINT)
}

impl Parser<'_> {
    fn error_at(&self, line: usize, what: impl AsRef<str>) -> Failure {
        error_at(self.path, line, what)
    }

    /// The error about a name that PostgreSQL would truncate.
    fn overlong(&self, line: usize, name: &str) -> Failure {
        self.error_at(line, format!("a name is longer than PostgreSQL's {LONGEST_NAME} bytes: {name}"))
    }

    fn directive(&mut self, word: &str, value: &str, line: usize) -> Result<(), Failure> {
        let Some(word) = KNOWN.into_iter().find(|known| *known == word) else {
            let suggestion =
                nearest(word, KNOWN.into_iter()).map(|suggestion| format!("; did you mean `{suggestion}`?"));
            return Err(
                self.error_at(line, format!("unknown directive `{word}`{}", suggestion.unwrap_or_default()))
            );
        };
        let head = !matches!(word, "find" | "fix" | "action" | "at-most");
        if head && self.section != Section::Head {
            return Err(self.error_at(line, format!("`-- {word}:` belongs above `-- find:`")));
        }
        if value.is_empty() && word != "find" {
            return Err(self.error_at(line, format!("`-- {word}:` needs a value")));
        }
        match word {
            "find" if self.section != Section::Head => return Err(self.error_at(line, "a second `-- find:`")),
            "find" => {
                if !value.is_empty() {
                    return Err(
                        self.error_at(line, "`-- find:` takes no value; the query begins on the next line")
                    );
                }
                (self.section, self.find_line) = (Section::Find, line);
            }
            "fix" => self.begin_fix(value, line)?,
            "action" => {
                let action = match value {
                    "update" => Action::Update,
                    "delete" => Action::Delete,
                    _ => {
                        return Err(
                            self.error_at(line, format!("`-- action:` is update or delete; found `{value}`"))
                        );
                    }
                };
                self.of_fix(word, line, |fix| fix.action.replace(action).is_some())?;
            }
            "at-most" => {
                let most = value.replace('_', "").parse::<u64>().map_err(|_| {
                    self.error_at(line, format!("`-- at-most:` is a number of rows; found `{value}`"))
                })?;
                self.of_fix(word, line, |fix| fix.at_most.replace(most).is_some())?;
            }
            _ => {
                if self.head.insert(word, DirectiveValue { text: value.to_owned(), line }).is_some() {
                    return Err(self.error_at(line, format!("a second `-- {word}:`")));
                }
            }
        }
        Ok(())
    }

    fn begin_fix(&mut self, value: &str, line: usize) -> Result<(), Failure> {
        if self.section == Section::Head {
            return Err(self.error_at(line, "`-- fix:` comes after `-- find:` and its query"));
        }
        self.is_complete(line)?;
        let (name, description) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        let is_name = name.chars().all(|found| found.is_alphanumeric() || "_-".contains(found));
        if !is_name {
            return Err(
                self.error_at(line, format!("a fix is named with letters, digits, _ and -; found `{name}`"))
            );
        }
        if self.fixes.iter().any(|fix| fix.name == name) {
            return Err(self.error_at(line, format!("a second fix `{name}`")));
        }
        self.section = Section::Fix;
        self.fixes.push(OpenFix {
            name: name.to_owned(),
            description: description.trim().to_owned(),
            line,
            action: None,
            at_most: None,
            query: None,
        });
        Ok(())
    }

    /// Sets a property of the fix that is being read. `set` returns whether the fix had it already.
    fn of_fix(
        &mut self,
        word: &str,
        line: usize,
        set: impl FnOnce(&mut OpenFix) -> bool,
    ) -> Result<(), Failure> {
        let section = self.section;
        let open = self.fixes.last_mut().filter(|fix| section == Section::Fix && fix.query.is_none());
        match open.map(set) {
            Some(false) => Ok(()),
            Some(true) => Err(self.error_at(line, format!("a second `-- {word}:`"))),
            None => Err(self.error_at(line, format!("`-- {word}:` belongs between `-- fix:` and its query"))),
        }
    }

    /// Checks that the section before this line has its query.
    fn is_complete(&self, line: usize) -> Result<(), Failure> {
        match (self.section, self.fixes.last()) {
            (Section::Find, _) if self.find.is_none() => {
                Err(self.error_at(line, "no query after `-- find:`"))
            }
            (Section::Fix, Some(fix)) if fix.query.is_none() => {
                Err(self.error_at(line, format!("no query after `-- fix: {}`", fix.name)))
            }
            _ => Ok(()),
        }
    }

    fn query(&mut self, statement: &Statement<'_>) -> Result<(), Failure> {
        let line = statement.line;
        let first = statement.parts().find(|part| *part != Part::Other("("));
        if !FIRST_WORDS.iter().any(|word| first.as_ref().is_some_and(|first| first.is(word))) {
            return Err(self.error_at(
                line,
                format!(
                    "a check only reads: SELECT, WITH, VALUES or TABLE was expected, found `{}`",
                    statement.summary()
                ),
            ));
        }
        let overlong = statement
            .placed_parts()
            .find_map(|(range, part)| part.overlong_name().map(|name| (range, name.to_owned())));
        if let Some((range, name)) = overlong {
            return Err(self.overlong(line + statement.text[..range.start].matches('\n').count(), &name));
        }
        balanced(statement).map_err(|line| {
            self.error_at(line, "a parenthesis is closed that was not opened, or opened and not closed")
        })?;
        let query = CheckQuery { text: statement.text.to_owned(), line };
        let second = "a second query: each section has one; `-- find:` or `-- fix: NAME` begins another";
        match (self.section, self.fixes.last_mut()) {
            (Section::Head, _) => Err(self.error_at(line, "a query before `-- find:`")),
            (Section::Find, _) if self.find.is_some() => Err(self.error_at(line, second)),
            (Section::Fix, Some(fix)) if fix.query.is_some() => Err(self.error_at(line, second)),
            (Section::Fix, Some(fix)) => {
                fix.query = Some(query);
                Ok(())
            }
            _ => {
                self.find = Some(query);
                Ok(())
            }
        }
    }

    fn finish(mut self, text: &str) -> Result<Check, Failure> {
        let end = text.lines().count().max(1);
        self.is_complete(end)?;
        let Some(find) = self.find.take() else {
            return Err(self.error_at(
                end,
                "there is no `-- find:` with a query, which returns the rows that are wrong",
            ));
        };
        let Some(DirectiveValue { text: title, .. }) = self.head.remove("title") else {
            return Err(self.error_at(1, "there is no `-- title:`, which says what has to be true"));
        };
        let severity = match self.head.remove("severity") {
            None => Severity::Error,
            Some(DirectiveValue { text: value, line }) => match value.as_str() {
                "error" => Severity::Error,
                "warning" => Severity::Warning,
                "info" => Severity::Info,
                _ => {
                    return Err(self.error_at(
                        line,
                        format!("`-- severity:` is error, warning or info; found `{value}`"),
                    ));
                }
            },
        };
        let table =
            self.head.remove("table").map(|DirectiveValue { text: name, line }| {
                match split_qualified(&name) {
                    Some(parts) if parts.iter().any(|part| part.len() > LONGEST_NAME) => {
                        Err(self.overlong(line, &name))
                    }
                    Some(parts) if parts.len() <= 2 => Ok(NameAtLine { name, line }),
                    _ => Err(self
                        .error_at(line, format!("`-- table:` is a table, as SQL writes it; found `{name}`"))),
                }
            });
        let table = table.transpose()?;
        let mut columns = |word: &str| match self.head.remove(word) {
            Some(DirectiveValue { text: list, line }) => names(self.path, word, &list, line),
            None => Ok(Vec::new()),
        };
        let (key, show, while_column) = (columns("key")?, columns("show")?, columns("while-column")?);
        if let (Some(column), None) = (while_column.first(), &table) {
            return Err(
                self.error_at(column.line, "`-- while-column:` needs `-- table:`, whose column it is")
            );
        }
        if let (Some(fix), true) = (self.fixes.first(), table.is_none() || key.is_empty()) {
            return Err(self.error_at(
                fix.line,
                "a fix needs `-- table:` and `-- key:` at the top, which say whose rows it changes, and what identifies one",
            ));
        }
        let name = self.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let fixes = self.fixes.into_iter().filter_map(|open| {
            Some(Fix {
                name: open.name,
                description: open.description,
                action: open.action.unwrap_or(Action::Update),
                at_most: open.at_most,
                query: open.query?,
                line: open.line,
            })
        });
        Ok(Check {
            name,
            path: self.path.to_owned(),
            title,
            severity,
            table,
            key,
            show,
            while_column,
            find,
            fixes: fixes.collect(),
        })
    }
}

/// Parses a list of columns, which are separated by commas and quoted where SQL needs it.
fn names(path: &Path, word: &str, list: &str, line: usize) -> Result<Vec<NameAtLine>, Failure> {
    let refuse = |what: String| Err(error_at(path, line, what));
    let mut names: Vec<NameAtLine> = Vec::new();
    let statements = split(list).map_err(|error| error_at(path, line, error.kind.to_string()))?;
    let parts: Vec<Part<'_>> = statements.iter().flat_map(Statement::parts).collect();
    for (at, part) in parts.iter().enumerate() {
        match (at % 2, part) {
            (0, part) => {
                if let Some(name) = part.overlong_name() {
                    return refuse(format!(
                        "`-- {word}:` a name is longer than PostgreSQL's {LONGEST_NAME} bytes: {name}"
                    ));
                }
                let Some(name) = part.name() else {
                    return refuse(format!("`-- {word}:` is a list of columns; found `{list}`"));
                };
                if names.iter().any(|found| found.name == *name) {
                    return refuse(format!("`-- {word}:` has {name} twice"));
                }
                names.push(NameAtLine { name: name.to_owned(), line });
            }
            (_, Part::Other(",")) if at + 1 < parts.len() => {}
            _ => {
                return refuse(format!(
                    "`-- {word}:` is a list of columns with commas between; found `{list}`"
                ));
            }
        }
    }
    Ok(names)
}

/// Checks that the parentheses of a statement are balanced. Between two parentheses, such a text cannot close the first one.
///
/// # Errors
/// The line of a parenthesis that has no counterpart.
fn balanced(statement: &Statement<'_>) -> Result<(), usize> {
    let mut open: Vec<usize> = Vec::new();
    let line_at = |offset: usize| statement.line + statement.text[..offset].matches('\n').count();
    for (section, part) in statement.placed_parts() {
        match part {
            Part::Other("(") => open.push(section.start),
            Part::Other(")") if open.pop().is_none() => return Err(line_at(section.start)),
            _ => {}
        }
    }
    open.pop().map_or(Ok(()), |at| Err(line_at(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "-- Why: it happened in May.\n-- title: Every key has a user\n-- severity: warning\n\
        -- table: public.api_keys\n-- key: id\n-- show: id, \"Name\", user_id\n-- find:\nSELECT id -- note: this\nFROM api_keys\n\
        WHERE user_id IS NULL;\n\n-- fix: owner   The one owner\n-- at-most: 5_000\nSELECT k.id, (1) AS user_id FROM api_keys k;\n\
        -- fix: gone\n-- action: delete\nSELECT id FROM api_keys\n";

    fn read(text: &str) -> Result<Check, String> {
        parse(Path::new("checks/keys.sql"), text).map_err(|failure| failure.what)
    }

    #[test]
    fn a_whole_file() {
        let check = read(&format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"))).expect("reads");
        assert_eq!((check.name.as_str(), check.title.as_str()), ("keys", "Every key has a user"));
        assert_eq!(check.severity, Severity::Warning);
        assert_eq!(check.table.as_ref().map(|table| table.name.as_str()), Some("public.api_keys"));
        let shown: Vec<_> = check.shown().into_iter().map(|column| column.name.as_str()).collect();
        assert_eq!(shown, ["id", "Name", "user_id"]);
        assert_eq!(check.find.line, 8);
        assert!(check.find.text.ends_with("IS NULL"));
        let [owner, gone] = check.fixes.as_slice() else { panic!("{:?}", check.fixes) };
        assert_eq!((owner.description.as_str(), owner.at_most), ("The one owner", Some(5000)));
        assert_eq!((gone.action, gone.query.line), (Action::Delete, 17));
    }

    #[test]
    fn what_is_wrong_names_its_line() {
        let head = "-- title: t\n-- table: a\n-- key: id\n-- find:\nSELECT 1;\n";
        for (text, words) in [
            ("".to_owned(), "line 1: there is no `-- find:`"),
            ("-- titel: t\n".to_owned(), "line 1: unknown directive `titel`; did you mean `title`?"),
            ("-- title:\n".to_owned(), "line 1: `-- title:` needs a value"),
            ("-- find:\nSELECT 1".to_owned(), "line 1: there is no `-- title:`"),
            (
                "-- title: t\n-- severity: fatal\n-- find:\nSELECT 1".to_owned(),
                "line 2: `-- severity:` is error",
            ),
            ("-- title: t\n-- title: u\n".to_owned(), "line 2: a second `-- title:`"),
            ("-- title: t\nSELECT 1;\n".to_owned(), "line 2: a query before `-- find:`"),
            ("-- title: t\n-- find: x\n".to_owned(), "line 2: `-- find:` takes no value"),
            ("-- title: t\n-- find:\n".to_owned(), "line 2: no query after `-- find:`"),
            ("-- title: t\n-- find:\nDELETE FROM a;\n".to_owned(), "line 3: a check only reads"),
            (
                "-- title: t\n-- find:\nselect 1) q; commit; select (2;\n".to_owned(),
                "line 3: a parenthesis is closed",
            ),
            ("-- title: t\n-- find:\nselect 1;\nselect (\n2;\n".to_owned(), "line 4: a parenthesis"),
            (
                "-- title: t\n-- find:\nselect 1; commit; create table x()".to_owned(),
                "line 3: a check only reads",
            ),
            ("-- title: t\n-- find:\nselect 1; select 2".to_owned(), "line 3: a second query"),
            ("-- title: t\n-- find:\nselect 'x".to_owned(), "line 3: "),
            (
                "-- title: t\n-- key: id id\n-- find:\nselect 1".to_owned(),
                "line 2: `-- key:` is a list of columns",
            ),
            (
                "-- title: t\n-- key: id,\n-- find:\nselect 1".to_owned(),
                "line 2: `-- key:` is a list of columns",
            ),
            ("-- title: t\n-- key: id, id\n-- find:\nselect 1".to_owned(), "line 2: `-- key:` has id twice"),
            ("-- title: t\n-- table: a.b.c\n-- find:\nselect 1".to_owned(), "line 2: `-- table:` is a table"),
            (format!("{head}-- key: id\n"), "line 6: `-- key:` belongs above"),
            (format!("{head}-- find:\n"), "line 6: a second `-- find:`"),
            (format!("{head}-- action: delete\n"), "line 6: `-- action:` belongs between"),
            (format!("{head}-- fix: a\n"), "line 6: no query after `-- fix: a`"),
            (format!("{head}-- fix: a\n-- action: drop\n"), "line 7: `-- action:` is update or delete"),
            (format!("{head}-- fix: a\n-- at-most: many\n"), "line 7: `-- at-most:` is a number"),
            (
                format!("{head}-- fix: a\nSELECT 1\n-- fix: b\nSELECT 2"),
                "line 8: `-- fix:` is inside a query",
            ),
            (format!("{head}-- fix: a\nSELECT 1;\n-- fix: a\nSELECT 2"), "line 8: a second fix `a`"),
            (
                "-- title: t\n-- find:\nSELECT 1;\n-- fix: a\nSELECT 1;".to_owned(),
                "line 4: a fix needs `-- table:` and `-- key:`",
            ),
        ] {
            let what = read(&text).expect_err(&text);
            assert!(what.starts_with("checks/keys.sql: ") && what.contains(words), "{text}: {what}");
        }
    }
}

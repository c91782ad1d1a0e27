//! The placeholders in the SQL of a migration: Flyway puts their values in their place before it reads the SQL, also in comments
//! and strings, and does not look for others in a value.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::{StandIn, refuse};
use super::settings::{FlywaySettings, PlaceholderValue};
use crate::error::{ErrorCode, Failure};
use crate::postgres::sql::split_all;
use crate::text::one_line;

/// A text with values in the place of its placeholders.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) text: String,
    /// Whether it is another text than before.
    pub(super) differs: bool,
    /// The values that are the project's own, by their names in lower case.
    pub(super) values: BTreeMap<String, String>,
    /// The places whose value is another one in every database, or at every time.
    pub(super) stand_ins: Vec<StandIn>,
}

/// A part of a text.
enum Piece<'t> {
    Text(&'t str),
    Placeholder { name: &'t str, line: usize },
}

/// What stands in the place of a placeholder.
enum Meaning {
    /// A value of the project's own.
    Set(String),
    /// Flyway knows it, and it is always the same.
    Constant(String),
    /// Flyway knows it when it runs the migration. This one serves as well where the schema does not depend on it.
    OfTheRun(&'static str),
}

/// Puts the values in.
///
/// # Errors
/// Exit 2: every placeholder without a value, and each whose value may differ and become part of the schema.
pub(super) fn replace(path: &Path, text: &str, settings: &FlywaySettings) -> Result<Replaced, Failure> {
    if !settings.replaces {
        return Ok(Replaced { text: text.to_owned(), ..Replaced::default() });
    }
    let pieces = pieces(text, settings).map_err(|line| {
        let FlywaySettings { prefix, suffix, .. } = settings;
        let what = format!("line {line}: {prefix} begins a placeholder for Flyway, and no {suffix} ends it");
        refuse(path, what).next(
            "write it differently, or switch placeholders off for this file: placeholderReplacement=false in a file of its \
             name and .conf",
        )
    })?;
    let mut replaced = Replaced::default();
    let (mut parts, mut of_run, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    let mut length = 0;
    for piece in &pieces {
        let part = match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Placeholder { name, line } => match meaning(path, name, settings) {
                Ok(Meaning::Set(value)) => {
                    replaced.values.insert(name.to_lowercase(), value.clone());
                    value
                }
                Ok(Meaning::Constant(value)) => value,
                Ok(Meaning::OfTheRun(value)) => {
                    of_run.push((parts.len(), length, *name, *line));
                    value.to_owned()
                }
                Err(why) => {
                    failures.push(unknown(path, settings, (name, *line), why));
                    String::new()
                }
            },
        };
        length += part.len();
        parts.push(part);
    }
    let with_values = parts.concat();
    for (part, offset, name, line) in of_run {
        match place_of(&with_values, offset) {
            Place::Comment => parts[part] = format!("{}{name}{}", settings.prefix, settings.suffix),
            Place::Rows => {
                replaced.stand_ins.push(StandIn { path: path.to_owned(), line, name: shown(settings, name) });
            }
            Place::Schema => failures.push(varying(path, line, &shown(settings, name), name)),
        }
    }
    Failure::collect(failures.into_iter().map(Err::<(), _>))?;
    replaced.text = parts.concat();
    replaced.differs = replaced.text != text;
    Ok(replaced)
}

/// The parts of a text; the line of a placeholder that does not end.
///
/// After characters that begin as the prefix does and go on differently, Flyway looks behind all of them: in `$${name}` there is
/// no placeholder.
fn pieces<'t>(text: &'t str, settings: &FlywaySettings) -> Result<Vec<Piece<'t>>, usize> {
    let FlywaySettings { prefix, suffix, .. } = settings;
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    let first = prefix.chars().next().unwrap_or_default();
    while let Some(begin) = text[at..].find(first) {
        at += begin;
        let rest = &text[at..];
        let same = rest.chars().zip(prefix.chars()).take_while(|(a, b)| a == b).count();
        if same < prefix.chars().count() {
            at += rest.chars().take(same + 1).map(char::len_utf8).sum::<usize>();
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let inner = &rest[prefix.len()..];
        let end = inner.find(suffix.as_str()).ok_or(line)?;
        pieces.push(Piece::Text(&text[from..at]));
        pieces.push(Piece::Placeholder { name: &inner[..end], line });
        at += prefix.len() + end + suffix.len();
        from = at;
    }
    pieces.push(Piece::Text(&text[from..]));
    Ok(pieces)
}

/// What a placeholder stands for. `Err` says why nobody knows.
fn meaning(path: &Path, name: &str, settings: &FlywaySettings) -> Result<Meaning, &'static str> {
    let lower = name.to_lowercase();
    match settings.values.get(&lower) {
        Some(PlaceholderValue::Known(value)) => return Ok(Meaning::Set(value.clone())),
        Some(PlaceholderValue::OfEnvironment) => {
            return Err("Flyway's settings take it from an environment variable, which trueup does not read");
        }
        None => {}
    }
    let own =
        lower.strip_prefix("flyway").and_then(|rest| rest.strip_prefix(&settings.separator.to_lowercase()));
    let file = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(match own {
        Some("filename") => Meaning::Constant(file()),
        Some("table") => Meaning::Constant(settings.table.clone()),
        Some("defaultschema") => Meaning::Constant(settings.default_schema.clone()),
        Some("schemas") => Meaning::Constant(settings.schemas.clone()),
        Some("user") => Meaning::OfTheRun("flyway"),
        Some("database") => Meaning::OfTheRun("postgres"),
        Some("timestamp") => Meaning::OfTheRun("2000-01-01 00:00:00"),
        Some("workingdirectory") => Meaning::OfTheRun("/"),
        Some("environment") => Meaning::OfTheRun("default"),
        _ => return Err("it has no value"),
    })
}

/// Where a character of a script is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Comment,
    /// In a statement that changes rows.
    Rows,
    Schema,
}

fn place_of(script: &str, offset: usize) -> Place {
    let (statements, errors) = split_all(script);
    if !errors.is_empty() {
        return Place::Schema;
    }
    let holds = |from: usize, length: usize| (from..from + length).contains(&offset);
    let Some(statement) = statements.iter().find(|one| holds(one.offset, one.text.len())) else {
        return Place::Comment;
    };
    let is_token =
        statement.placed_parts().any(|(range, _)| holds(statement.offset + range.start, range.len()));
    let changes_rows =
        ["insert", "update", "delete", "merge"].iter().any(|word| statement.starts_with(&[word]));
    match (is_token, changes_rows) {
        (false, _) => Place::Comment,
        (true, true) => Place::Rows,
        (true, false) => Place::Schema,
    }
}

/// A placeholder as it is written, on one line.
fn shown(settings: &FlywaySettings, name: &str) -> String {
    const LONGEST: usize = 60;
    let name = one_line(name, LONGEST);
    format!("{}{name}{}", settings.prefix, settings.suffix)
}

fn unknown(path: &Path, settings: &FlywaySettings, (name, line): (&str, usize), why: &str) -> Failure {
    let what = format!("line {line}: placeholder {}: {why}", shown(settings, name));
    let file = settings.file.unwrap_or("flyway.toml");
    refuse(path, what).code(ErrorCode::MIGRATIONS_PLACEHOLDER).next(format!(
        "set the values under [migrations.placeholders] in trueup.toml, or where Flyway reads them: [flyway.placeholders], \
         flyway.placeholders.NAME ({file})"
    ))
}

fn varying(path: &Path, line: usize, shown: &str, name: &str) -> Failure {
    let what = format!(
        "line {line}: placeholder {shown}: Flyway's value differs from run to run, and may become part of the schema here"
    );
    refuse(path, what).code(ErrorCode::MIGRATIONS_PLACEHOLDER).next(set_value(name))
}

/// How a value of Flyway's own is made a constant.
pub fn set_value(name: &str) -> String {
    let name = one_line(name, 60);
    format!(
        "write the value in its place, or set it in trueup.toml, under [migrations.placeholders]: \"{name}\" = \"...\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> FlywaySettings {
        let tool = super::super::super::MigrationTool::Flyway;
        let own = [("Col".to_owned(), "email".to_owned()), ("nested".to_owned(), "${col}".to_owned())];
        let source =
            super::super::super::ToolSource { tool, home: Path::new("/nowhere"), placeholders: &own };
        FlywaySettings::read(source).expect("nothing to read")
    }

    fn replaced(text: &str) -> Result<Replaced, Failure> {
        replace(Path::new("sql/V1__a.sql"), text, &settings())
    }

    /// What the real Flyway does with the same texts.
    #[test]
    fn values_stand_where_flyway_puts_them() {
        for (text, expected) in [
            ("a ${COL} ${col}${nested}", "a email email${col}"),
            ("-- ${col}\n'${Col}' $${col}$$ $x", "-- email\n'email' $${col}$$ $x"),
            ("$$${col}$$", "$$email$$"),
            (
                "'${flyway:filename}' ${flyway:defaultSchema}.${Flyway:Table}",
                "'V1__a.sql' public.flyway_schema_history",
            ),
        ] {
            let found = replaced(text).expect(text);
            assert_eq!(found.text, expected);
            assert!(found.differs && found.stand_ins.is_empty());
            assert!(found.values.keys().all(|name| name == "col" || name == "nested"), "{:?}", found.values);
        }
        let plain = replaced("select '$', $1, $$ $ $$").expect("nothing in it");
        assert_eq!((plain.text.as_str(), plain.differs), ("select '$', $1, $$ $ $$", false));
    }

    #[test]
    fn everything_without_a_value_is_told_at_once() {
        let failure =
            replaced("select ${a};\n-- ${B b}\nselect '${flyway:nothing}', '${col}';").expect_err("unknown");
        for words in [
            "line 1: placeholder ${a}: it has",
            "line 2: placeholder ${B b}",
            "line 3: placeholder ${flyway:nothing}",
        ] {
            assert!(failure.what.contains(words), "{words}: {failure}");
        }
        assert!(failure.next.contains("[migrations.placeholders]"), "{}", failure.next);
        let open = replaced("select 1;\n'${a'").expect_err("open");
        assert!(open.what.contains("line 2: ${ begins a placeholder"), "{open}");
    }

    #[test]
    fn what_flyway_knows_only_when_it_runs_is_judged_by_its_place() {
        let found = replaced(
            "-- by ${flyway:user}\nINSERT INTO log VALUES ('${flyway:timestamp}' /* ${flyway:user} */);",
        );
        let found = found.expect("comments and rows");
        assert!(
            found.text.starts_with("-- by ${flyway:user}\nINSERT INTO log VALUES ('2000-"),
            "{}",
            found.text
        );
        assert!(found.text.ends_with("/* ${flyway:user} */);"), "{}", found.text);
        let names: Vec<(usize, &str)> =
            found.stand_ins.iter().map(|one| (one.line, one.name.as_str())).collect();
        assert_eq!(names, [(2, "${flyway:timestamp}")]);
        for text in [
            "GRANT SELECT ON t TO ${flyway:user};",
            "CREATE TABLE t (at text DEFAULT '${flyway:timestamp}');",
            "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $a$ INSERT INTO t VALUES ('${flyway:user}') $a$;",
            "WITH a AS (SELECT '${flyway:user}') SELECT f(a) FROM a;",
        ] {
            assert!(replaced(text).expect_err(text).what.contains("line 1: placeholder ${flyway:"), "{text}");
        }
    }
}

//! GitHub Actions: workflow commands that become annotations, and the summary of the step (GitHub Docs, "Workflow
//! commands for GitHub Actions").

use super::{Findings, instructions, is_unanswered, sql};
use crate::findings::{Finding, Severity};
use crate::output::escape::{escape, escape_lines};
use crate::text::plural;

/// GitHub drops the annotations of a kind after so many of one step, and does not say so.
const MOST_OF_A_KIND: usize = 10;
/// The most UTF-16 code units of an annotation's message: the runner cuts the rest off, and does not say so
/// (`_maxIssueMessageLength` of actions/runner).
const LONGEST_MESSAGE: usize = 4096;
/// The most characters of an annotation's title (GitHub Docs, REST API, "Create a check run").
const LONGEST_TITLE: usize = 255;
/// The most bytes of a step's summary. GitHub takes nothing of one above 1 MiB.
const LARGEST_SUMMARY: usize = 900_000;

/// An annotation for each finding, the most severe first; the last of a kind counts the others of that kind.
pub(in crate::output) fn render(findings: &Findings<'_>) -> String {
    let title = findings.title();
    let mut text = String::new();
    for severity in Severity::ALL.into_iter().rev() {
        let mut annotations = Vec::new();
        if severity == Severity::Error && lacks_answer(findings) {
            annotations.push(command(severity, &[("title", &title)], &findings.outcome()));
        }
        let of_kind = findings.findings.iter().filter(|finding| finding.severity == severity);
        annotations.extend(of_kind.map(|finding| annotation(findings, finding)));
        let count = annotations.len();
        if count > MOST_OF_A_KIND {
            annotations.truncate(MOST_OF_A_KIND - 1);
            let more =
                format!("{} more {}s: see the step summary", count - annotations.len(), kind(severity));
            annotations.push(command(severity, &[("title", &title)], &format!("and {more}")));
        }
        text.extend(annotations);
    }
    text
}

/// Whether the command could not answer and no finding says so.
fn lacks_answer(findings: &Findings<'_>) -> bool {
    findings.is_unanswered() && !findings.findings.iter().any(|finding| is_unanswered(finding))
}

fn annotation(findings: &Findings<'_>, finding: &Finding) -> String {
    let title = title(finding);
    let message = message(finding);
    match findings.place(finding) {
        Some(place) => {
            let (line, column) = (place.line.to_string(), place.column.map(|column| column.to_string()));
            let mut properties = vec![("file", place.file.as_str()), ("line", line.as_str())];
            properties.extend(column.as_deref().map(|column| ("col", column)));
            properties.push(("title", title.as_str()));
            command(finding.severity, &properties, &message)
        }
        None => command(finding.severity, &[("title", &title)], &message),
    }
}

/// Code and object; the message has the whole name, too.
fn title(finding: &Finding) -> String {
    let title = format!("{} {}", finding.code, escape(&finding.object));
    shortened(&title, LONGEST_TITLE, |_| 1)
}

/// What is wrong and what to do. SQL that does not fit is left out as a whole: a part of it could be taken for all.
fn message(finding: &Finding) -> String {
    const TOO_LONG: &str = "the SQL is too long for an annotation: `trueup --output FILE.md` writes it";
    let join = |parts: [Vec<String>; 3]| escape_lines(&parts.concat().join("\n")).into_owned();
    let (sentence, instructions, sql) = (vec![finding.sentence()], instructions(finding), sql(finding));
    let whole = join([sentence.clone(), instructions.clone(), sql]);
    if length(&whole) <= LONGEST_MESSAGE {
        return whole;
    }
    let remark = finding.remedy.sql.as_ref().map(|_| TOO_LONG.to_owned());
    let without_sql = join([sentence, instructions, remark.into_iter().collect()]);
    shortened(&without_sql, LONGEST_MESSAGE, char::len_utf16)
}

fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The text, or as much of it as fits with a mark that it goes on. `size` is that of a character.
fn shortened(text: &str, most: usize, size: fn(char) -> usize) -> String {
    const MARK: &str = " ...";
    if text.chars().map(size).sum::<usize>() <= most {
        return text.to_owned();
    }
    let mut room = most - MARK.len();
    let fits = |found: &char| {
        room.checked_sub(size(*found)).is_some_and(|rest| {
            room = rest;
            true
        })
    };
    text.chars().take_while(fits).chain(MARK.chars()).collect()
}

fn kind(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn command(severity: Severity, properties: &[(&str, &str)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    format!("::{} {}::{}\n", kind(severity), properties.join(","), data(message))
}

/// The message of a command. Characters that a terminal would obey are shown, as everywhere.
fn data(text: &str) -> String {
    escape_lines(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The summary of the step from the sections of a Markdown report, the first of which is its heading; to be added to a file
/// that already has so many bytes. A section that does not fit is left out as a whole, and the summary says how many are.
/// `None` when there is no room for anything.
pub(in crate::output) fn step_summary(sections: &[String], already: usize) -> Option<String> {
    /// Room for the remark about what is left out.
    const REMARK: usize = 200;
    let mut room = LARGEST_SUMMARY.checked_sub(already)?.checked_sub(REMARK)?;
    // What comes first in a file must not be read as a part of what was there.
    let mut summary = if already > 0 { "\n".to_owned() } else { String::new() };
    let mut left_out = 0;
    for section in sections {
        match room.checked_sub(section.len() + 2) {
            Some(rest) => {
                room = rest;
                summary.push_str(section);
                summary.push_str("\n\n");
            }
            None => left_out += 1,
        }
    }
    if left_out == sections.len() {
        return None;
    }
    if left_out > 0 {
        summary.push_str(&format!(
            "Left out: {}, for which a step summary has no room. `trueup --output FILE` writes the whole report.\n",
            plural(left_out, "section")
        ));
    }
    Some(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::formats::tests::{clean, many, sample, unanswered};

    #[test]
    fn an_annotation_has_place_title_and_message() {
        let text = render(&Findings::of(&sample(), ""));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let first =
            "::error file=schema/a b%2Cü%3A1.sql,line=4,title=column.nullability public.users.\"a\\x1b[2J";
        assert!(lines[0].starts_with(first), "{text}");
        assert!(lines[0].contains("%0Ado: look at it%0ASQL:%0AALTER TABLE x%0AALTER y"), "{text}");
        let second = "::warning title=table.missing public.t::table public.t: missing \
                      (pending: V7 adds it, 100%25: a,b)%0Arun: trueup upgrade";
        assert_eq!(lines[1], second);
        assert!(lines[2].starts_with("::notice title=index.unexpected public.i::"), "{text}");
    }

    #[test]
    fn a_place_may_have_a_column() {
        let mut sample = sample();
        let place = &mut sample.findings[2].location;
        *place = place.take().map(|place| place.at_column(7));
        let text = render(&Findings::of(&sample, ""));
        assert!(text.contains("%3A1.sql,line=4,col=7,title="), "{text}");
    }

    #[test]
    fn the_last_annotation_of_a_kind_counts_the_others() {
        let text = render(&Findings::of(&many(23), ""));
        let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("::warning ")).collect();
        assert_eq!(warnings.len(), 10);
        assert_eq!(warnings[9], "::warning title=trueup check::and 13 more warnings: see the step summary");
        assert!(text.starts_with("::error "), "{text}");
        let ten = render(&Findings::of(&many(11), ""));
        assert!(!ten.contains("more warnings"), "{ten}");
    }

    #[test]
    fn no_answer_is_an_error_and_a_clean_report_is_silent() {
        assert_eq!(render(&Findings::of(&clean(), "")), "");
        let mut sample = unanswered();
        assert_eq!(render(&Findings::of(&sample, "")).lines().count(), 1);
        sample.findings.clear();
        let text = render(&Findings::of(&sample, ""));
        assert_eq!(text, "::error title=trueup check::0 found (exit code 3, cannot-tell)\n");
    }

    #[test]
    fn a_summary_has_whole_sections_below_the_limit() {
        let sections =
            ["## heading".to_owned(), "a".repeat(600_000), "b".repeat(400_000), "Next: `x`".to_owned()];
        let summary = step_summary(&sections, 0).unwrap();
        assert!(summary.len() < LARGEST_SUMMARY);
        assert!(summary.starts_with("## heading\n\naaa") && !summary.contains('b'), "{}", &summary[..99]);
        assert!(summary.contains("Next: `x`\n\nLeft out: 1 section, for which"));
        let whole = step_summary(&sections[..2], 0).unwrap();
        assert!(!whole.contains("Left out"));
        let less = step_summary(&sections, 400_000).unwrap();
        assert!(less.starts_with("\n## heading\n\nbbb") && less.len() + 400_000 < LARGEST_SUMMARY);
        assert_eq!(step_summary(&sections, LARGEST_SUMMARY), None);
        assert_eq!(step_summary(&sections, LARGEST_SUMMARY - 201), None);
    }

    #[test]
    fn what_the_runner_would_cut_off_is_left_out_and_that_is_said() {
        let mut sample = many(1);
        let finding = &mut sample.findings[0];
        finding.remedy.advice = Some("look at it".to_owned());
        finding.remedy.sql = Some(format!("SELECT '{}';", "😀".repeat(2000)));
        assert!(message(finding).ends_with("😀';"));
        finding.remedy.sql = Some(format!("SELECT '{}';", "😀".repeat(2050)));
        let said = message(finding);
        assert!(said.contains("do: look at it\nthe SQL is too long for an annotation"), "{said}");
        finding.object = format!("public.f({})", "numeric, ".repeat(600));
        let said = message(finding);
        assert!(said.starts_with("table public.f(numeric, ") && said.ends_with(" ..."), "{said}");
        assert_eq!(length(&said), LONGEST_MESSAGE);
        assert_eq!(title(finding).chars().count(), LONGEST_TITLE);
    }

    #[test]
    fn files_are_called_as_the_repository_calls_them() {
        let sample = sample();
        let text = render(&Findings::of(&sample, "services/db/"));
        assert!(text.contains("::error file=services/db/schema/a b%2Cü%3A1.sql,line=4,"), "{text}");
    }
}

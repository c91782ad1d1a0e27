//! One HTML file that needs nothing else: for a ticket, an archive, or somebody without a terminal.
//!
//! It runs no script and loads nothing, and its content security policy has browsers enforce that, whatever a name in a
//! database holds.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{title, verdict};
use crate::output::escape::{escape, escape_lines};
use crate::output::report::Envelope;
use crate::output::view::{Block, Content, Diff, Shown, Sql, Table, Text, Tone, View, ViewColumn};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("html.css");

/// The view as a file.
pub(in crate::output) fn render(envelope: Envelope<'_>, view: &View) -> String {
    let heading = match verdict(view) {
        Some(verdict) => format!("{}: {}", title(envelope), escape(verdict)),
        None => title(envelope),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (heading) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title(envelope)) }
                    @for block in first_the_verdict(view) { (self::block(block)) }
                }
                footer {
                    "trueup " (env!("CARGO_PKG_VERSION")) ", run " code { (envelope.run) }
                    ", exit code " (envelope.exit.code()) " (" (envelope.exit.outcome()) ")"
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

/// The blocks, the verdict before all others: a page is read from the top.
fn first_the_verdict(view: &View) -> impl Iterator<Item = &Block> {
    let is_verdict = |block: &&Block| matches!(block, Block::Verdict(_));
    let verdicts = view.blocks.iter().filter(is_verdict);
    verdicts.chain(view.blocks.iter().filter(move |block| !is_verdict(block)))
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Headline(headline) => html! {
            p.headline { strong { (escape(&headline.subject)) } (escape(&headline.details)) }
            @for line in &headline.lines { p { (escape(line)) } }
        },
        Block::Facts(facts) => html! {
            dl { @for (title, value) in facts { dt { (escape(title)) } dd { (lines(value)) } } }
        },
        Block::Table(table) => self::table(table),
        Block::Diff(diff) => self::diff(diff),
        Block::Sql(sql) => self::sql(sql),
        Block::Text(Text { shown: Shown::OnlyQuietly, .. }) => html! {},
        Block::Excerpt(excerpt) => html! { pre { code { (escape_lines(&excerpt.text)) } } },
        Block::Text(text) => self::text(text),
        Block::Notes(notes) => html! {
            @for note in notes { p.note { strong { "Note: " } (lines(note)) } }
        },
        Block::Verdict(verdict) => html! {
            p class=(format!("verdict {}", class(verdict.tone))) { (tone(verdict.tone)) (lines(&verdict.text)) }
        },
        Block::Next(next) => html! {
            @for next in next { p { strong { "Next: " } code { (escape(next)) } } }
        },
    }
}

fn text(text: &Text) -> Markup {
    html! {
        p class=(class(text.tone)) style=[(text.indent > 0).then(|| format!("margin-left:{}ch", text.indent))] {
            (tone(text.tone))
            @if let Some(label) = &text.label {
                strong { (escape(label)) @if !text.text.is_empty() { ": " } }
            }
            (lines(&text.text))
        }
    }
}

fn table(table: &Table) -> Markup {
    let name = table.title.as_deref().unwrap_or("table");
    html! {
        // Scrolls by itself where it is wider than the page, by keys, too.
        div.scroll tabindex="0" role="region" aria-label=(escape(name)) {
            table {
                @if let Some(title) = &table.title { caption { (escape(title)) } }
                thead {
                    tr { @for column in &table.columns {
                        th scope="col" class=[number(column)] { (escape(&column.title)) }
                    } }
                }
                tbody { @for row in &table.rows {
                    tr { @for (place, (value, column)) in row.iter().zip(&table.columns).enumerate() {
                        @if place == 0 && column.content == Content::Code {
                            th scope="row" { (cell(value, column)) }
                        } @else {
                            td class=[number(column)] { (cell(value, column)) }
                        }
                    } }
                } }
            }
        }
    }
}

fn number(column: &ViewColumn) -> Option<&'static str> {
    (column.content == Content::Number).then_some("number")
}

/// In a column of code, the first line is code; what follows explains it.
fn cell(value: &str, column: &ViewColumn) -> Markup {
    let (first, rest) = value.split_once('\n').unwrap_or((value, ""));
    html! {
        @if column.content == Content::Code && !value.is_empty() {
            code { (escape(first)) }
            @if !rest.is_empty() { br; span.more { (lines(rest)) } }
        } @else {
            (lines(value))
        }
    }
}

fn diff(diff: &Diff) -> Markup {
    html! {
        h2 { (escape(&diff.title)) }
        pre.diff { code { @for line in diff.unified.lines() { (diff_line(line)) "\n" } } }
    }
}

fn diff_line(line: &str) -> Markup {
    let shown = escape_lines(line);
    html! {
        @if line.starts_with("+++") || line.starts_with("---") || line.starts_with("@@") {
            span.place { (shown) }
        } @else if line.starts_with('+') {
            ins { (shown) }
        } @else if line.starts_with('-') {
            del { (shown) }
        } @else {
            (shown)
        }
    }
}

fn sql(sql: &Sql) -> Markup {
    html! {
        h2 { (escape(&sql.title)) }
        // The first line end after the tag is no part of the text (HTML Standard, "The pre element").
        pre.sql { code { @for statement in &sql.statements { (escape_lines(statement)) "\n" } } }
    }
}

/// Lines of prose.
fn lines(text: &str) -> Markup {
    html! {
        @for (number, line) in text.lines().enumerate() {
            @if number > 0 { br; }
            (escape_lines(line))
        }
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
    }
}

/// The tone as a word, for those who do not see the colour.
fn tone(tone: Tone) -> Markup {
    let word = match tone {
        Tone::Plain => return html! {},
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
    };
    html! { span.tone { (word) } " " }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::formats::tests::sample;
    use crate::output::report::Report as _;

    fn page() -> String {
        let sample = sample();
        render(sample.envelope(), &sample.view())
    }

    #[test]
    fn nothing_of_a_name_becomes_markup() {
        let page = page();
        assert!(page.contains("<code>public.&quot;&lt;b&gt;&quot;</code>"), "{page}");
        assert!(page.contains("a\\x1b[2J\\u{202e}]]&gt;&lt;&amp;"), "{page}");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
    }

    #[test]
    fn the_page_has_language_title_policy_headers_and_verdict() {
        let page = page();
        for part in [
            "<html lang=\"en\">",
            "<title>trueup check: 3 found</title>",
            "content=\"default-src 'none'; style-src 'unsafe-inline';",
            "<th scope=\"col\">object</th>",
            "<th scope=\"row\">",
            "<td class=\"number\">3</td>",
            "<p class=\"verdict bad\"><span class=\"tone\">bad</span> 3 found</p>",
            "exit code 1 (findings)",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("href="), "{page}");
    }

    #[test]
    fn a_diff_is_coloured_by_line() {
        let diff = Diff { title: "t".to_owned(), unified: "--- a\n+++ b\n@@ 1\n-<x>\n+y\n z\n".to_owned() };
        let html = super::diff(&diff).into_string();
        let expected = "<h2>t</h2><pre class=\"diff\"><code><span class=\"place\">--- a</span>\n\
            <span class=\"place\">+++ b</span>\n<span class=\"place\">@@ 1</span>\n\
            <del>-&lt;x&gt;</del>\n<ins>+y</ins>\n z\n</code></pre>";
        assert_eq!(html, expected);
    }
}

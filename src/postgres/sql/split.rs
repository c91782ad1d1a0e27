//! A script as statements, told apart as psql does it: at semicolons outside of parentheses, strings, comments and
//! SQL-standard function bodies.
//!
//! It does not parse SQL: PostgreSQL does. What it recognises of a statement are its first words.

use std::fmt;
use std::ops::Range;

use squawk_lexer::{BOM, LiteralKind, Token, TokenKind, tokenize};

/// One statement of a script: from its first token to its last, without the semicolon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'s> {
    /// The text, comments between its tokens included.
    pub text: &'s str,
    /// The line that its first token is on, from 1.
    pub line: usize,
    /// Where the text starts in the script, in bytes.
    pub offset: usize,
}

/// Why a script cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitError {
    /// The line that the error is about, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub kind: SplitErrorKind,
}

/// What keeps a script from being split. Its text, as [`fmt::Display`] writes it, is a clause without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitErrorKind {
    /// A backslash command, which only psql understands: the command's first word.
    PsqlCommand(String),
    /// `COPY ... FROM stdin`, whose rows follow in the script and which only psql reads.
    CopyFromStdin,
    /// A string, a quoted name or a comment that is not closed: which of them.
    Unterminated(&'static str),
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

impl fmt::Display for SplitErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PsqlCommand(word) => write!(f, "`{word}` is a psql command, not SQL: remove it"),
            Self::CopyFromStdin => {
                f.write_str("COPY ... FROM stdin carries rows, which only psql reads: write INSERT instead")
            }
            Self::Unterminated(thing) => write!(f, "{thing} starts here and is not closed"),
        }
    }
}

impl std::error::Error for SplitError {}

/// A token that means something to PostgreSQL, as far as recognising statements needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'s> {
    /// A keyword or a bare name, lower-cased.
    Word(String),
    /// A name in double quotes, without them.
    Quoted(String),
    /// A string constant, without its quotes. Escapes stay as they are written.
    Literal(&'s str),
    /// Anything else: one operator character, a number, punctuation.
    Other(&'s str),
}

impl Part<'_> {
    /// The name this stands for, when it can be one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Literal(_) | Self::Other(_) => None,
        }
    }

    /// Whether this is that keyword.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found == word)
    }
}

impl<'s> Statement<'s> {
    /// The tokens, without white space and comments.
    pub fn parts(&self) -> impl Iterator<Item = Part<'s>> + use<'s> {
        significant(self.text).map(|(token, text)| part(token, text))
    }

    /// The tokens, each with the bytes of the text that it is.
    pub fn placed_parts(&self) -> impl Iterator<Item = (Range<usize>, Part<'s>)> + use<'s> {
        let start = self.text.as_ptr().addr();
        significant(self.text).map(move |(token, text)| {
            let from = text.as_ptr().addr() - start;
            (from..from + text.len(), part(token, text))
        })
    }

    /// The keywords and bare names among the tokens, lower-cased.
    pub fn words(&self) -> impl Iterator<Item = String> + use<'s> {
        self.parts().filter_map(|part| if let Part::Word(word) = part { Some(word) } else { None })
    }

    /// Whether the statement starts with these keywords.
    pub fn starts_with(&self, words: &[&str]) -> bool {
        let mut parts = self.parts();
        words.iter().all(|word| parts.next().is_some_and(|part| part.is(word)))
    }

    /// The line of the script that a character of the statement is on; `position` is PostgreSQL's, which counts
    /// characters from 1 (manual, "Error and Notice Message Fields").
    pub fn line_of(&self, position: usize) -> usize {
        self.line + self.text.chars().take(position.saturating_sub(1)).filter(|found| *found == '\n').count()
    }

    /// The first line, shortened, for messages.
    pub fn summary(&self) -> String {
        const LONGEST: usize = 72;
        let line = self.text.lines().next().unwrap_or_default().trim_end();
        let whole = line.len() == self.text.len();
        match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{} ...", &line[..end]),
            None if whole => line.to_owned(),
            None => format!("{line} ..."),
        }
    }
}

/// Splits a script. A byte order mark is skipped, as are the `\restrict` and `\unrestrict` lines of `pg_dump`.
///
/// # Errors
/// psql's other commands, `COPY ... FROM stdin`, and strings, quoted names or comments without an end.
pub fn split(script: &str) -> Result<Vec<Statement<'_>>, SplitError> {
    let mut splitter = Splitter { script, statements: Vec::new(), lines: Lines::new(script), open: None };
    let mut end = 0;
    let mut skip_to = 0;
    for token in tokenize(script) {
        let start = end;
        end += token.len as usize;
        if start < skip_to {
            continue;
        }
        splitter.refuse_unterminated(token.kind, start)?;
        if is_blank(token.kind) {
            continue;
        }
        if script[start..].starts_with('\\') {
            skip_to = splitter.command(start)?;
        } else {
            splitter.token(token.kind, start, end)?;
        }
    }
    splitter.finish()?;
    Ok(splitter.statements)
}

struct Splitter<'s> {
    script: &'s str,
    statements: Vec<Statement<'s>>,
    lines: Lines<'s>,
    open: Option<Open>,
}

/// The statement being read.
struct Open {
    start: usize,
    end: usize,
    line: usize,
    parentheses: usize,
    /// How many `BEGIN ATOMIC` and `CASE` are open.
    blocks: usize,
    /// The first words, for `CREATE [OR REPLACE] FUNCTION | PROCEDURE`.
    head: Vec<String>,
    after_begin: bool,
}

impl Open {
    fn is_routine(&self) -> bool {
        let head: Vec<&str> = self.head.iter().map(String::as_str).collect();
        matches!(
            head.as_slice(),
            ["create", "function" | "procedure", ..]
                | ["create", "or", "replace", "function" | "procedure", ..]
        )
    }

    /// `BEGIN ATOMIC ... END` holds semicolons, and `CASE ... END` (psql's psqlscan.l counts them the same way).
    fn word(&mut self, word: String) {
        if self.parentheses == 0 {
            match word.as_str() {
                "atomic" if self.after_begin && self.is_routine() => self.blocks += 1,
                "case" if self.blocks > 0 => self.blocks += 1,
                "end" => self.blocks = self.blocks.saturating_sub(1),
                _ => {}
            }
        }
        self.after_begin = word == "begin";
        if self.head.len() < 4 {
            self.head.push(word);
        }
    }
}

impl<'s> Splitter<'s> {
    fn token(&mut self, kind: TokenKind, start: usize, end: usize) -> Result<(), SplitError> {
        if kind == TokenKind::Semi
            && self.open.as_ref().is_none_or(|open| open.parentheses + open.blocks == 0)
        {
            return self.finish();
        }
        let line = self.lines.at(start);
        let open = self.open.get_or_insert_with(|| Open {
            start,
            end,
            line,
            parentheses: 0,
            blocks: 0,
            head: Vec::new(),
            after_begin: false,
        });
        open.end = end;
        match kind {
            TokenKind::OpenParen => open.parentheses += 1,
            TokenKind::CloseParen => open.parentheses = open.parentheses.saturating_sub(1),
            TokenKind::Ident => open.word(self.script[start..end].to_ascii_lowercase()),
            _ => open.after_begin = false,
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SplitError> {
        let Some(Open { start, end, line, .. }) = self.open.take() else { return Ok(()) };
        let statement = Statement { text: &self.script[start..end], line, offset: start };
        if statement.starts_with(&["copy"]) {
            let words: Vec<_> = statement.words().collect();
            if words.windows(2).any(|pair| pair == ["from", "stdin"]) {
                return Err(SplitError { line, kind: SplitErrorKind::CopyFromStdin });
            }
        }
        self.statements.push(statement);
        Ok(())
    }

    /// A line of psql's own; says where it ends.
    fn command(&mut self, start: usize) -> Result<usize, SplitError> {
        let rest = &self.script[start..];
        let text = rest.lines().next().unwrap_or_default();
        let word = text.split_ascii_whitespace().next().unwrap_or_default();
        if self.open.is_none() && matches!(word, "\\restrict" | "\\unrestrict") {
            return Ok(start + text.len());
        }
        let kind = SplitErrorKind::PsqlCommand(word.to_owned());
        Err(SplitError { line: self.lines.at(start), kind })
    }

    fn refuse_unterminated(&mut self, kind: TokenKind, start: usize) -> Result<(), SplitError> {
        let Some(thing) = unterminated(kind) else { return Ok(()) };
        Err(SplitError { line: self.lines.at(start), kind: SplitErrorKind::Unterminated(thing) })
    }
}

fn unterminated(kind: TokenKind) -> Option<&'static str> {
    match kind {
        TokenKind::BlockComment { terminated: false } => Some("a comment"),
        TokenKind::QuotedIdent { terminated: false, .. } => Some("a quoted name"),
        TokenKind::Literal { kind: LiteralKind::DollarQuotedString { terminated: false } } => {
            Some("a dollar-quoted string")
        }
        TokenKind::Literal {
            kind:
                LiteralKind::Str { terminated: false }
                | LiteralKind::NationalStr { terminated: false }
                | LiteralKind::ByteStr { terminated: false }
                | LiteralKind::BitStr { terminated: false }
                | LiteralKind::UnicodeEscStr { terminated: false }
                | LiteralKind::EscStr { terminated: false },
        } => Some("a string"),
        _ => None,
    }
}

/// Counts lines going forward, so that a script is walked once.
struct Lines<'s> {
    script: &'s str,
    counted: usize,
    line: usize,
}

impl<'s> Lines<'s> {
    fn new(script: &'s str) -> Self {
        Self { script, counted: 0, line: 1 }
    }

    fn at(&mut self, offset: usize) -> usize {
        let between = &self.script.as_bytes()[self.counted..offset];
        self.line += between.iter().filter(|byte| **byte == b'\n').count();
        self.counted = offset;
        self.line
    }
}

/// A `--` comment of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment<'s> {
    /// What follows the dashes, trimmed.
    pub text: &'s str,
    /// Its line, from 1.
    pub line: usize,
    /// Whether it stands before the first statement.
    pub leading: bool,
}

/// The `--` comments of a script, in order.
pub fn comments(script: &str) -> impl Iterator<Item = Comment<'_>> {
    let mut lines = Lines::new(script);
    let mut leading = true;
    let mut end = 0;
    tokenize(script).filter_map(move |token| {
        let start = end;
        end += token.len as usize;
        leading &= is_blank(token.kind);
        let text = (token.kind == TokenKind::LineComment).then(|| script[start + 2..end].trim())?;
        Some(Comment { text, line: lines.at(start), leading })
    })
}

fn is_blank(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. })
}

fn significant(text: &str) -> impl Iterator<Item = (Token, &str)> {
    let mut end = 0;
    tokenize(text).filter_map(move |token| {
        let start = end;
        end += token.len as usize;
        (!is_blank(token.kind)).then(|| (token, &text[start..end]))
    })
}

fn part(token: Token, text: &str) -> Part<'_> {
    match token.kind {
        TokenKind::Ident => Part::Word(text.to_ascii_lowercase()),
        TokenKind::QuotedIdent { .. } => {
            let open = text.find('"').map_or(0, |quote| quote + 1);
            let inner = text[open..].strip_suffix('"').unwrap_or(&text[open..]);
            Part::Quoted(inner.replace("\"\"", "\""))
        }
        TokenKind::Literal { kind: LiteralKind::DollarQuotedString { .. } } => {
            let tag = text[1..].find('$').map_or(0, |end| end + 2);
            Part::Literal(text.get(tag..text.len().saturating_sub(tag)).unwrap_or_default())
        }
        TokenKind::Literal { kind: LiteralKind::Int { .. } | LiteralKind::Numeric { .. } } => {
            Part::Other(text)
        }
        TokenKind::Literal { .. } => {
            let open = text.find('\'').map_or(0, |quote| quote + 1);
            Part::Literal(text[open..].strip_suffix('\'').unwrap_or(&text[open..]))
        }
        _ => Part::Other(text),
    }
}

/// The script without its byte order mark.
pub fn without_bom(script: &str) -> &str {
    script.strip_prefix(BOM).unwrap_or(script)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split(script).expect("splits").iter().map(|statement| statement.text).collect()
    }

    fn refusal(script: &str) -> (usize, String) {
        let error = split(script).expect_err("does not split");
        (error.line, error.kind.to_string())
    }

    #[test]
    fn semicolons_that_end_nothing() {
        for whole in [
            "select ';'",
            "select E'\\';'",
            "select $$;$$",
            "select $a$;$b$;$a$",
            "select \"a;b\"",
            "select 1 -- ;\n + 1",
            "select 1 /* ; /* ; */ ; */ + 1",
            "create rule r as on insert to t do also (insert into a values (1); insert into b values (2))",
            "select U&'\\0061;'",
            "create function f() returns int language sql begin atomic select 1; select 2; end",
            "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC insert into t select case when a then 1 else 2 end from b; END",
            "create function f(a int) returns int begin atomic select (case when a > 0 then 1 end); end",
            "create function f() returns int language plpgsql as $$ begin return 1; end $$",
        ] {
            assert_eq!(texts(&format!("{whole}; select 2;")), [whole, "select 2"]);
        }
    }

    #[test]
    fn a_transaction_is_no_function_body() {
        assert_eq!(texts("begin; select 1; end; commit"), ["begin", "select 1", "end", "commit"]);
        assert_eq!(
            texts("create function begin() returns int as 'select 1' language sql; select 1").len(),
            2
        );
    }

    #[test]
    fn lines_and_comments() {
        let script = "\u{feff}-- head\r\n\r\nselect 1\r\n  -- inside\r\n  + 1;\r\n;;\r\n/* two\r\n */ select\r\n 2 -- tail\r\n";
        let statements = split(script).expect("splits");
        assert_eq!(statements.len(), 2);
        assert_eq!((statements[0].line, statements[0].text), (3, "select 1\r\n  -- inside\r\n  + 1"));
        assert_eq!((statements[1].line, statements[1].text), (8, "select\r\n 2"));
        assert_eq!(statements[1].line_of(9), 9);
        assert_eq!(&script[statements[1].offset..][..6], "select");
    }

    #[test]
    fn positions_count_characters() {
        let statement = split("select 'ü€',\n nonsense").expect("splits")[0];
        assert_eq!(statement.line_of(12), 1);
        assert_eq!(statement.line_of(15), 2);
    }

    #[test]
    fn what_psql_alone_understands() {
        assert_eq!(texts("\\restrict aBc123\nselect 1;\n\\unrestrict aBc123\n"), ["select 1"]);
        assert_eq!(refusal("select 1;\n\\connect other\n").0, 2);
        assert_eq!(refusal("select 1\n\\gexec\n").0, 2);
        assert!(refusal("select 1 \\restrict x").1.contains("psql"));
        assert_eq!(refusal("select 1;\ncopy t (a) from stdin;\n1\t2\n\\.\n").0, 2);
        assert_eq!(texts("copy t to stdout"), ["copy t to stdout"]);
    }

    #[test]
    fn what_never_ends() {
        for (script, line, thing) in [
            ("select 1;\nselect 'a;\n", 2, "string"),
            ("select 1;\n\n/* a /* b */", 3, "comment"),
            ("select $x$ a $y$", 1, "dollar"),
            ("select \"a", 1, "quoted name"),
        ] {
            let (found, what) = refusal(script);
            assert_eq!(found, line);
            assert!(what.contains(thing), "{what}");
        }
    }

    #[test]
    fn parts_of_statements() {
        let script = "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" /* x */ VERSION '1.1' SCHEMA $a$b$a$ 5";
        let statement = split(script).expect("splits")[0];
        assert!(statement.starts_with(&["create", "extension"]));
        assert!(!statement.starts_with(&["create", "index"]));
        assert_eq!(statement.words().last().as_deref(), Some("schema"));
        let parts: Vec<_> = statement.parts().skip(5).collect();
        let expected = [
            Part::Quoted("uuid-ossp".into()),
            Part::Word("version".into()),
            Part::Literal("1.1"),
            Part::Word("schema".into()),
            Part::Literal("b"),
            Part::Other("5"),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn summaries_are_short() {
        assert_eq!(split("select 1").expect("splits")[0].summary(), "select 1");
        assert_eq!(split("select\n 1").expect("splits")[0].summary(), "select ...");
        assert!(split(&"é".repeat(500)).expect("splits")[0].summary().chars().count() < 80);
    }

    #[test]
    fn comments_lead_until_the_first_statement() {
        let found: Vec<_> = comments("-- a\n/* b\n */ -- c\nselect 1; -- d\n").collect();
        let expected = [
            Comment { text: "a", line: 1, leading: true },
            Comment { text: "c", line: 3, leading: true },
            Comment { text: "d", line: 4, leading: false },
        ];
        assert_eq!(found, expected);
    }

    fn fragment() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(";".to_owned()),
            Just(" ".to_owned()),
            Just("\n".to_owned()),
            Just("'a;b''c'".to_owned()),
            Just("$$;$$".to_owned()),
            Just("(select 1; 2)".to_owned()),
            Just("-- c;\n".to_owned()),
            Just("/* ; */".to_owned()),
            Just("\"q;\"".to_owned()),
            Just("create function f() begin atomic select case when a then b end; end".to_owned()),
            "[a-z ,=+é]{1,8}",
        ]
    }

    proptest! {
        /// Between the statements there is nothing but semicolons, white space and comments.
        #[test]
        fn statements_cover_the_script(fragments in proptest::collection::vec(fragment(), 0..40)) {
            let script = fragments.join(" ");
            let mut end = 0;
            for statement in split(&script).expect("splits") {
                prop_assert_eq!(&script[statement.offset..][..statement.text.len()], statement.text);
                let between = &script[end..statement.offset];
                prop_assert!(significant(between).all(|(token, _)| token.kind == TokenKind::Semi), "{}", between);
                end = statement.offset + statement.text.len();
                let line = 1 + script[..statement.offset].matches('\n').count();
                prop_assert_eq!(statement.line, line);
            }
            prop_assert!(significant(&script[end..]).all(|(token, _)| token.kind == TokenKind::Semi));
        }

        /// Arbitrary text never panics.
        #[test]
        fn anything_splits_or_is_refused(script in "\\PC*|[-'\"$;\\\\/*()a-z\n]{0,60}") {
            if let Ok(statements) = split(&script) {
                for statement in statements {
                    let _ = statement.parts().count();
                }
            }
            let _ = comments(&script).count();
        }
    }
}

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
    /// The column of that line in which its first token begins, in characters from 1.
    pub column: usize,
    /// Where the text starts in the script, in bytes.
    pub offset: usize,
}

/// Where a statement begins in its file. A statement is known by it: a line may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
}

impl Position {
    /// Reads what [`fmt::Display`] writes: `12:1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (line, column) = text.split_once(':')?;
        Some(Self { line: line.parse().ok()?, column: column.parse().ok()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
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

/// How many bytes of a name PostgreSQL keeps, with only a notice: `NAMEDATALEN` - 1 (manual, "Identifiers and Key Words").
pub const LONGEST_NAME: usize = 63;

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
    /// The name this stands for, when it can be one: as much of it as PostgreSQL keeps.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(&name[..name.floor_char_boundary(LONGEST_NAME)]),
            Self::Literal(_) | Self::Other(_) => None,
        }
    }

    /// A name that is longer than what PostgreSQL keeps of it.
    pub fn overlong_name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) if name.len() > LONGEST_NAME => Some(name),
            _ => None,
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

    /// Whether it creates a function or a procedure.
    pub fn creates_routine(&self) -> bool {
        creates_routine(&self.words().take(4).collect::<Vec<_>>())
    }

    /// Where it begins in the script.
    pub fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    /// The line of the script that a character of the statement is on; `position` is PostgreSQL's, which counts
    /// characters from 1 (manual, "Error and Notice Message Fields").
    pub fn line_of(&self, position: usize) -> usize {
        self.line + self.text.chars().take(position.saturating_sub(1)).filter(|found| *found == '\n').count()
    }

    /// The line and the column of the script at a character of the statement; see [`Self::line_of`].
    pub fn place_of(&self, position: usize) -> Position {
        let before: String = self.text.chars().take(position.saturating_sub(1)).collect();
        let column = match before.rsplit_once('\n') {
            Some((_, last)) => last.chars().count() + 1,
            None => self.column + before.chars().count(),
        };
        Position { line: self.line_of(position), column }
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
    let (statements, errors) = split_all(script);
    errors.into_iter().next().map_or(Ok(statements), Err)
}

/// The same for a script that is to be judged as a whole: goes on behind what it cannot split, and tells all of it.
pub fn split_all(script: &str) -> (Vec<Statement<'_>>, Vec<SplitError>) {
    let lines = Lines::new(script);
    let mut splitter = Splitter { script, statements: Vec::new(), errors: Vec::new(), lines, open: None };
    let mut from = 0;
    while let Some(behind) = splitter.read(from) {
        from = behind;
    }
    splitter.finish();
    (splitter.statements, splitter.errors)
}

struct Splitter<'s> {
    script: &'s str,
    statements: Vec<Statement<'s>>,
    errors: Vec<SplitError>,
    lines: Lines<'s>,
    open: Option<Open>,
}

/// The statement being read.
struct Open {
    start: usize,
    end: usize,
    line: usize,
    column: usize,
    parentheses: usize,
    /// How many `BEGIN ATOMIC` and `CASE` are open.
    blocks: usize,
    /// The first words.
    head: Vec<String>,
    after_begin: bool,
}

/// Whether a statement with these first words creates a function or a procedure.
fn creates_routine(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure", ..]
    )
}

impl Open {
    /// `BEGIN ATOMIC ... END` holds semicolons, and `CASE ... END` (psql's psqlscan.l counts them the same way).
    fn word(&mut self, word: String) {
        if self.parentheses == 0 {
            match word.as_str() {
                "atomic" if self.after_begin && creates_routine(&self.head) => self.blocks += 1,
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

impl Splitter<'_> {
    /// Reads on from a place. Returns the place behind a line or rows that are not SQL, where reading goes on.
    fn read(&mut self, from: usize) -> Option<usize> {
        let mut end = from;
        for token in tokenize(&self.script[from..]) {
            let start = end;
            end += token.len as usize;
            if let Some(thing) = unterminated(token.kind) {
                self.error(start, SplitErrorKind::Unterminated(thing));
                return None;
            }
            if is_blank(token.kind) {
                continue;
            }
            if self.script[start..].starts_with('\\') {
                return Some(self.command(start));
            }
            if let Some(behind) = self.token(token.kind, start, end) {
                return Some(behind);
            }
        }
        None
    }

    /// Returns where the rows end that follow the statement, if any do.
    fn token(&mut self, kind: TokenKind, start: usize, end: usize) -> Option<usize> {
        if kind == TokenKind::Semi
            && self.open.as_ref().is_none_or(|open| open.parentheses + open.blocks == 0)
        {
            return if self.finish() { self.behind_rows(end) } else { None };
        }
        let line = self.lines.at(start);
        let open = self.open.get_or_insert_with(|| Open {
            start,
            end,
            line,
            column: self.lines.column(),
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
        None
    }

    /// Ends the open statement. Returns whether rows follow it.
    fn finish(&mut self) -> bool {
        let Some(Open { start, end, line, column, .. }) = self.open.take() else { return false };
        let statement = Statement { text: &self.script[start..end], line, column, offset: start };
        if statement.starts_with(&["copy"]) {
            let words: Vec<_> = statement.words().collect();
            if words.windows(2).any(|pair| pair == ["from", "stdin"]) {
                self.errors.push(SplitError { line, kind: SplitErrorKind::CopyFromStdin });
                return true;
            }
        }
        self.statements.push(statement);
        false
    }

    /// Where the rows of `COPY ... FROM stdin` end: behind the line `\.`.
    fn behind_rows(&self, from: usize) -> Option<usize> {
        let found = self.script[from..].find("\n\\.")?;
        Some(self.end_of_line(from + found + 1))
    }

    fn end_of_line(&self, from: usize) -> usize {
        from + self.script[from..].lines().next().unwrap_or_default().len()
    }

    /// A line of psql's own; says where it ends.
    fn command(&mut self, start: usize) -> usize {
        let end = self.end_of_line(start);
        let word = self.script[start..end].split_ascii_whitespace().next().unwrap_or_default();
        let of_a_dump = matches!(word, "\\restrict" | "\\unrestrict");
        if self.open.take().is_some() || !of_a_dump {
            self.error(start, SplitErrorKind::PsqlCommand(word.to_owned()));
        }
        end
    }

    fn error(&mut self, at: usize, kind: SplitErrorKind) {
        let line = self.lines.at(at);
        self.errors.push(SplitError { line, kind });
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

/// Counts lines and columns going forward, so that a script is walked once.
struct Lines<'s> {
    script: &'s str,
    counted: usize,
    line: usize,
    /// How many characters of the line were counted.
    characters: usize,
}

impl<'s> Lines<'s> {
    fn new(script: &'s str) -> Self {
        // A byte order mark is no character of the first line.
        let counted = script.len() - without_bom(script).len();
        Self { script, counted, line: 1, characters: 0 }
    }

    fn at(&mut self, offset: usize) -> usize {
        for byte in &self.script.as_bytes()[self.counted.min(offset)..offset] {
            match byte {
                b'\n' => (self.line, self.characters) = (self.line + 1, 0),
                // The bytes of a character after its first.
                0x80..=0xbf => {}
                _ => self.characters += 1,
            }
        }
        self.counted = self.counted.max(offset);
        self.line
    }

    /// The column of the place that [`Self::at`] was last asked for, from 1.
    fn column(&self) -> usize {
        self.characters + 1
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
mod tests;

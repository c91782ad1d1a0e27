//! A tape of random numbers that a generator reads its choices from.
//!
//! A catalog's parts depend on each other too much for strategies to be composed of strategies. With a tape, proptest
//! shrinks what it knows, a list of numbers: shorter tapes and smaller numbers are simpler catalogs, because an
//! ended tape answers 0 and every choice has its simplest case at 0.

use smol_str::SmolStr;

/// Parts of names that have broken somebody's quoting (F43). The first is the simple one.
const HOSTILE: &[&str] = &[
    "n",
    "Upper",
    "with space ",
    "\"quoted\"",
    "it's",
    "back\\slash",
    "new\nline",
    "tab\t",
    "\u{1b}[31mred",
    "\u{202e}bidi",
    "%s %",
    "* ?",
    "-rf",
    "--",
    "/*",
    ";",
    "$$",
    "$body$",
    "a.b",
    ", ",
    "(",
    ")",
    "select",
    "user",
    "ümlaut",
    "日本語",
    "🦀",
    "long_long_long_long_long_long_long_long_long_long_long_long_long_",
];

/// Texts for comments, labels and literals. The first is the simple one.
const TEXTS: &[&str] = &[
    "x",
    "",
    "it's",
    "a\\b",
    "two\nlines",
    "\"",
    "$$",
    "$body$ $",
    "ends with $",
    "🦀 \u{202e}",
    "\u{1b}[0m",
    "%s",
    "--",
    ", ",
    ";\n",
    "a=b",
];

/// Random choices, one after the other.
pub(crate) struct Tape {
    numbers: std::vec::IntoIter<u16>,
    names: u32,
}

impl Tape {
    pub(crate) fn new(numbers: Vec<u16>) -> Self {
        Self { numbers: numbers.into_iter(), names: 0 }
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.numbers.next().unwrap_or(0)) % end.max(1)
    }

    /// One time in `times`; never when the tape has ended.
    pub(crate) fn rarely(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    /// One of several; the first is the simplest.
    pub(crate) fn pick<'t, T>(&mut self, choices: &'t [T]) -> &'t T {
        &choices[self.below(choices.len())]
    }

    /// A text for a comment, a label, a literal.
    pub(crate) fn text(&mut self) -> &'static str {
        TEXTS[self.below(TEXTS.len())]
    }

    /// A name that no other call has returned, at most 63 bytes long; one in four is hostile.
    pub(crate) fn name(&mut self) -> SmolStr {
        self.names += 1;
        let number = self.names.to_string();
        let stem = if self.rarely(4) { HOSTILE[self.below(HOSTILE.len())] } else { HOSTILE[0] };
        let mut end = stem.len().min(63 - number.len());
        while !stem.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}{number}", &stem[..end]).into()
    }
}

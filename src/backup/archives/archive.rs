//! Parses what `pg_restore` prints of an archive: its table of contents, and the rows of its tables.

use memchr::{memchr, memchr2};

/// The table of contents of an archive (`pg_restore --list`). It identifies objects by their oids, because
/// `pg_restore` prints names without quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::backup) struct TableOfContents {
    /// The number of entries.
    pub(in crate::backup) entries: usize,
    /// The oids of the relations (entries of `pg_class`), sorted.
    pub(in crate::backup) relations: Vec<u32>,
    /// The oids of the tables whose rows the archive holds, in the order of the archive.
    pub(in crate::backup) data: Vec<u32>,
}

/// The oid of `pg_class` itself (`RelationRelationId`). It is the same in every database.
const PG_CLASS: u32 = 1259;

impl TableOfContents {
    /// Parses the output of `pg_restore --list`.
    pub(in crate::backup) fn parse(list: &str) -> Self {
        let mut contents = Self::default();
        for line in list.lines().filter(|line| !line.starts_with(';')) {
            // `3342; 1259 16386 TABLE public users postgres`
            let Some((_, rest)) = line.split_once("; ") else { continue };
            let mut words = rest.splitn(3, ' ');
            let (Some(class), Some(oid), Some(what)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let (Ok(class), Ok(oid)) = (class.parse::<u32>(), oid.parse::<u32>()) else { continue };
            contents.entries += 1;
            if class == PG_CLASS {
                contents.relations.push(oid);
            } else if what.starts_with("TABLE DATA ") {
                contents.data.push(oid);
            }
        }
        contents.relations.sort_unstable();
        contents.relations.dedup();
        contents
    }
}

/// Counts the rows in the output of `pg_restore --data-only --file=-` while it arrives. The rows of a table stand
/// between `COPY ... FROM stdin;` and `\.`.
///
/// A name or a comment may contain lines that look like a `COPY` block. Outside of blocks the counter therefore
/// follows quotes, and only the beginning of a statement can begin a block. Blocks are identified by their order,
/// which is that of the table of contents: table names are in the encoding of the database, and each release quotes
/// them in its own way.
#[derive(Debug, Default)]
pub(in crate::backup) struct RowCounter {
    /// The number of rows of each finished block.
    rows: Vec<u64>,
    /// The number of rows read so far of the current block; `None` outside of a block.
    block: Option<u64>,
    /// The quote that is open at the end of what was read outside of a block.
    quote: Option<u8>,
    /// Whether the current line continues a statement.
    within: bool,
    /// The beginning and the end of the current, incomplete line: no more of it than is needed to classify it.
    begin: Vec<u8>,
    end: Vec<u8>,
}

/// The line that ends a block.
const END: &[u8] = b"\\.";
/// The beginning and the end of the line that begins a block.
const COPY: &[u8] = b"COPY ";
const STDIN: &[u8] = b" FROM stdin;";

impl RowCounter {
    /// Processes the next piece of the output.
    pub(in crate::backup) fn update(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            // Inside of a block a row is a line: nothing else of it is looked at, which keeps this fast.
            let (line, rest) = match memchr(b'\n', chunk) {
                Some(end) => (&chunk[..end], Some(&chunk[end + 1..])),
                None => (chunk, None),
            };
            match &mut self.block {
                Some(rows) if self.begin.is_empty() && rest.is_some() => {
                    if line == END {
                        self.rows.extend(self.block.take());
                    } else {
                        *rows += 1;
                    }
                }
                Some(_) => keep_beginning(&mut self.begin, line, END.len() + 1),
                None => self.statement(line),
            }
            let Some(rest) = rest else { return };
            chunk = rest;
            match &mut self.block {
                Some(rows) if !self.begin.is_empty() => {
                    if self.begin == END {
                        self.rows.extend(self.block.take());
                    } else {
                        *rows += 1;
                    }
                    self.begin.clear();
                }
                Some(_) => {}
                None => self.statement_line_ends(),
            }
        }
    }

    /// Processes a piece of a line outside of a block.
    fn statement(&mut self, piece: &[u8]) {
        if !self.within || !self.begin.is_empty() {
            keep_beginning(&mut self.begin, piece, COPY.len());
        }
        self.end.extend_from_slice(&piece[piece.len().saturating_sub(STDIN.len())..]);
        let surplus = self.end.len().saturating_sub(STDIN.len());
        self.end.drain(..surplus);
        // Quotes in a comment do not count. Its two dashes may arrive in two pieces.
        if !self.within && (self.begin.starts_with(b"--") || self.begin == b"-") {
            return;
        }
        let mut rest = piece;
        while let Some(at) = memchr2(b'\'', b'"', rest) {
            match self.quote {
                None => self.quote = Some(rest[at]),
                Some(open) if open == rest[at] => self.quote = None,
                Some(_) => {}
            }
            rest = &rest[at + 1..];
        }
    }

    fn statement_line_ends(&mut self) {
        let copies = self.begin.starts_with(COPY);
        if self.quote.is_some() {
            // A quoted name or the text of a COMMENT continues in the next line. Remember whether the statement is a
            // COPY.
            if !self.within && !copies {
                self.begin.clear();
            }
            self.within = true;
            self.end.clear();
            return;
        }
        if copies && self.end == STDIN {
            self.block = Some(0);
        }
        self.begin.clear();
        self.end.clear();
        self.within = false;
    }

    /// The number of rows of each block, in the order of the archive.
    ///
    /// # Errors
    /// The number of the block, from 0, whose end is missing.
    pub(in crate::backup) fn finish(self) -> Result<Vec<u64>, usize> {
        match self.block {
            Some(_) => Err(self.rows.len()),
            None => Ok(self.rows),
        }
    }
}

/// Appends to the beginning of a line until it has `most` bytes.
fn keep_beginning(line: &mut Vec<u8>, part: &[u8], most: usize) {
    let room = most.saturating_sub(line.len());
    line.extend_from_slice(&part[..part.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "--\n-- it's a \"comment\nCOPY public.a (id, t) FROM stdin;\n1\tit's\n2\tCOPY public.b (id) FROM stdin;\n\\\\.\n\n\\.\n\n\nCOPY public.\"we \"\"ird\nname\nCOPY public.c (id) FROM stdin;\n\" (\"a b\") FROM stdin;\n\\.\n\nSELECT pg_catalog.setval('public.\"s\nCOPY public.d (id) FROM stdin;\n\"', 1, true);\nCOMMENT ON LARGE OBJECT 1 IS 'it''s\nCOPY public.d (id) FROM stdin;\n1\n\\.\n';\n-- '\nCOPY public.d FROM stdin;\n\n\\.\n";

    #[test]
    fn rows_are_counted_however_the_output_is_cut() {
        for size in 1..OUTPUT.len() {
            let mut counter = RowCounter::default();
            for chunk in OUTPUT.as_bytes().chunks(size) {
                counter.update(chunk);
            }
            assert_eq!(counter.finish(), Ok(vec![4, 0, 1]), "{size}");
        }
    }

    #[test]
    fn f49_a_block_without_its_end_is_told() {
        let mut counter = RowCounter::default();
        counter.update(&OUTPUT.as_bytes()[..80]);
        assert_eq!(counter.finish(), Err(0));
    }

    #[test]
    fn a_list_is_read_by_oids() {
        let list = ";\n; Archive created at 2026-11-26 11:24:03 UTC\n;     TOC Entries: 15\n;\n\
                    218; 1255 16396 FUNCTION public f() postgres\n214; 1259 16385 TABLE public a postgres\n\
                    215; 1259 16392 SEQUENCE public we\"ird name_a b_seq postgres\n\
                    3351; 0 16385 TABLE DATA public a postgres\n3355; 0 0 BLOBS - BLOBS \n";
        let contents = TableOfContents::parse(list);
        assert_eq!(
            contents,
            TableOfContents { entries: 5, relations: vec![16385, 16392], data: vec![16385] }
        );
    }
}

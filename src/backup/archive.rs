//! What an archive holds, as `pg_restore` reads it: its table of contents, and the rows of its tables.

use std::collections::BTreeMap;

use memchr::memchr;

/// An archive's table of contents (`pg_restore --list`). Objects are told apart by their oids: names are printed there in
/// a way that cannot be read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// How many entries it has.
    pub(super) entries: usize,
    /// The oids of its relations: what stands in `pg_class`.
    pub(super) relations: Vec<u32>,
    /// The oids of the tables whose rows are in it.
    pub(super) data: Vec<u32>,
}

/// `pg_class`'s own oid (`RelationRelationId`): the same in every database.
const PG_CLASS: u32 = 1259;

impl Contents {
    /// Reads the list.
    pub(super) fn parse(list: &str) -> Self {
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
        contents.data.sort_unstable();
        contents
    }
}

/// Counts the rows of what `pg_restore --data-only --file=-` prints, as it comes: whole blocks from `COPY` to `\.`.
///
/// In that output nothing but rows stands at the beginning of a line that could be taken for one of the two: there are no
/// definitions of objects in it, comments have their names on one line, and a row that is `\.` is written `\\.`.
#[derive(Debug, Default)]
pub(super) struct RowCounter {
    /// Rows by the table's name, qualified and quoted as the server quotes it.
    rows: BTreeMap<String, u64>,
    /// The block that is being read, and its rows so far.
    block: Option<(String, u64)>,
    /// The beginning of the line that is not whole yet; within a block, no more of it than tells its end.
    line: Vec<u8>,
}

/// What ends a block.
const END: &[u8] = b"\\.";
const COPY: &[u8] = b"COPY ";

impl RowCounter {
    /// Takes the next piece of the output.
    pub(super) fn update(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            match &mut self.block {
                Some((_, rows)) => {
                    // Rows are passed over as fast as lines are found.
                    let Some(end) = memchr(b'\n', chunk) else {
                        keep(&mut self.line, chunk);
                        return;
                    };
                    let ends = if self.line.is_empty() {
                        &chunk[..end] == END
                    } else {
                        keep(&mut self.line, &chunk[..end]);
                        self.line == END
                    };
                    self.line.clear();
                    if ends {
                        let (table, rows) = self.block.take().unwrap_or_default();
                        *self.rows.entry(table).or_default() += rows;
                    } else {
                        *rows += 1;
                    }
                    chunk = &chunk[end + 1..];
                }
                None => {
                    let (line, rest) = match memchr(b'\n', chunk) {
                        Some(end) => (&chunk[..=end], &chunk[end + 1..]),
                        None => (chunk, &[][..]),
                    };
                    self.line.extend_from_slice(line);
                    chunk = rest;
                    if self.line.ends_with(b"\n") {
                        self.statement_line();
                    }
                }
            }
        }
    }

    /// A whole line outside of a block.
    fn statement_line(&mut self) {
        if !self.line.starts_with(COPY) {
            self.line.clear();
            return;
        }
        // A quoted name may hold a newline: the statement then goes on in the next line.
        if self.line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\n');
        if let Some(table) = table_of(line)
            && line.ends_with(" FROM stdin;")
        {
            self.block = Some((table.to_owned(), 0));
        }
    }

    /// Rows by table.
    ///
    /// # Errors
    /// The name of a table whose rows end in the middle.
    pub(super) fn finish(self) -> Result<BTreeMap<String, u64>, String> {
        match self.block {
            Some((table, _)) => Err(table),
            None => Ok(self.rows),
        }
    }
}

/// The qualified name in `COPY public."a b" (id) FROM stdin;`.
fn table_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("COPY ")?;
    let mut quoted = false;
    let end = rest.find(|found: char| {
        quoted ^= found == '"';
        found == ' ' && !quoted
    })?;
    Some(&rest[..end])
}

/// As much of a line as is needed to tell whether it ends a block.
fn keep(line: &mut Vec<u8>, part: &[u8]) {
    let room = (END.len() + 1).saturating_sub(line.len());
    line.extend_from_slice(&part[..part.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "--\n-- Name: a; Type: TABLE DATA\n--\n\nCOPY public.a (id, t) FROM stdin;\n1\tx\n2\tCOPY public.b (id) FROM stdin;\n\\\\.\n\n\\.\n\n\nCOPY public.\"we \"\"ird\nname\" (\"a b\") FROM stdin;\n\\.\n\nSELECT pg_catalog.setval('public.s', 1, true);\nCOPY public.c (id) FROM stdin;\n1\n\\.\n";

    #[test]
    fn rows_are_counted_however_the_output_is_cut() {
        for size in 1..OUTPUT.len() {
            let mut counter = RowCounter::default();
            for chunk in OUTPUT.as_bytes().chunks(size) {
                counter.update(chunk);
            }
            let rows: Vec<(String, u64)> = counter.finish().unwrap().into_iter().collect();
            let wanted = [("public.\"we \"\"ird\nname\"", 0), ("public.a", 4), ("public.c", 1)];
            assert_eq!(rows, wanted.map(|(name, rows)| (name.to_owned(), rows)), "{size}");
        }
    }

    #[test]
    fn f49_a_block_without_its_end_is_told() {
        let mut counter = RowCounter::default();
        counter.update(&OUTPUT.as_bytes()[..80]);
        assert_eq!(counter.finish().unwrap_err(), "public.a");
    }

    #[test]
    fn a_list_is_read_by_oids() {
        let list = ";\n; Archive created at 2026-11-26 11:24:03 UTC\n;     TOC Entries: 15\n;\n\
                    218; 1255 16396 FUNCTION public f() postgres\n214; 1259 16385 TABLE public a postgres\n\
                    215; 1259 16392 SEQUENCE public we\"ird name_a b_seq postgres\n\
                    3351; 0 16385 TABLE DATA public a postgres\n3355; 0 0 BLOBS - BLOBS \n";
        let contents = Contents::parse(list);
        assert_eq!(contents, Contents { entries: 5, relations: vec![16385, 16392], data: vec![16385] });
    }
}

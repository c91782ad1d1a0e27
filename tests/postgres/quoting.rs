//! `sql::identifier` and `sql::literal` against the server's own words (F43: hostile names).

use anyhow::Result;
use trueup::postgres::connection::Session;
use trueup::postgres::scratch::{Scratch, ScratchOptions};
use trueup::postgres::sql::{identifier, literal, split_qualified};

/// Names that have broken somebody's quoting.
const HOSTILE: &[&str] = &[
    "Users",
    "a b",
    " ",
    "\"",
    "\"\"",
    "a\"b",
    "'",
    "a'b",
    "\\",
    "a\\'b",
    "a\nb",
    "\r\n",
    "\t",
    "\u{1b}[31mred",
    "\u{202e}txet",
    "\u{2066}x\u{2069}",
    "\u{7f}",
    "%",
    "%s%n",
    "*",
    "?",
    "[a-z]",
    "-rf",
    "--",
    "/*",
    ";",
    "$",
    "$$",
    "a$b",
    "$1",
    "1a",
    "_",
    "_1",
    "a.b",
    ".",
    "a,b",
    "(",
    "{}",
    "@",
    "ümlaut",
    "ÄÖ",
    "日本語",
    "🦀",
    "e\u{301}",
    "null",
    "NULL",
    "public",
    "pg_temp",
    "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc",
];

async fn server() -> Result<(Scratch, Session)> {
    let mut scratch = Scratch::start(&ScratchOptions::default()).await?;
    let database = scratch.create_database().await?;
    let session = scratch.connect(&database).await?;
    Ok((scratch, session))
}

#[tokio::test]
async fn f43_names_are_quoted_wherever_the_server_quotes() -> Result<()> {
    let (scratch, mut session) = server().await?;
    let hostile: Vec<_> = HOSTILE.iter().map(|name| format!("({})", literal(name))).collect();
    let question = format!(
        "SELECT name, quote_ident(name) FROM (SELECT word FROM pg_get_keywords() UNION ALL VALUES {}) AS names (name)",
        hostile.join(", ")
    );
    let (mut seen, mut bare) = (0, 0);
    session
        .message(question, |_, row| {
            let (name, theirs) = (row.text(0).unwrap_or_default(), row.text(1).unwrap_or_default());
            let ours = identifier(name);
            seen += 1;
            bare += usize::from(ours == name);
            if theirs.starts_with('"') {
                assert_eq!(ours, theirs, "the server quotes {name:?}");
            } else {
                // A keyword of another major may be quoted here too: it is the same name.
                let quoted = format!("\"{name}\"");
                assert!(ours == name || ours == quoted, "{name:?} became {ours:?}");
            }
            assert_eq!(split_qualified(&ours), Some(vec![name.into()]));
            Ok(())
        })
        .await?;
    assert!(seen > 450 + HOSTILE.len(), "only {seen} names were compared");
    assert!(bare > 250, "only {bare} names stay bare: unreserved keywords should");
    session.close().await;
    scratch.stop().await
}

#[tokio::test]
async fn f43_literals_are_read_back_as_they_were() -> Result<()> {
    let (scratch, mut session) = server().await?;
    for conforming in ["on", "off"] {
        let literals: Vec<_> = HOSTILE.iter().map(|text| literal(text)).collect();
        let question = format!(
            "SET standard_conforming_strings = {conforming}; SELECT unnest(ARRAY[{}])",
            literals.join(", ")
        );
        let mut read = Vec::new();
        session
            .message(question, |_, row| {
                read.push(row.text(0).unwrap_or_default().to_owned());
                Ok(())
            })
            .await?;
        assert_eq!(read, HOSTILE);
    }
    session.close().await;
    scratch.stop().await
}

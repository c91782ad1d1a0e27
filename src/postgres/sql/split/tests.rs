//! What is split where.

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
    assert_eq!(texts("create function begin() returns int as 'select 1' language sql; select 1").len(), 2);
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

#[test]
fn all_that_cannot_be_split_is_told_at_once() {
    let script = "\\restrict a'b\nselect 1;\n\\connect x's\ncopy t from stdin;\n1\tit's\n\\.\nselect 2 \\gexec\n\
                  select 3;\n\\unrestrict a'b\n";
    let (statements, errors) = split_all(script);
    let texts: Vec<_> = statements.iter().map(|statement| (statement.line, statement.text)).collect();
    assert_eq!(texts, [(2, "select 1"), (8, "select 3")]);
    let told: Vec<_> = errors.iter().map(|error| (error.line, error.kind.clone())).collect();
    let command = |word: &str| SplitErrorKind::PsqlCommand(word.to_owned());
    assert_eq!(
        told,
        [(3, command("\\connect")), (4, SplitErrorKind::CopyFromStdin), (7, command("\\gexec"))]
    );
}

#[test]
fn a_name_is_as_long_as_postgresql_keeps_it() {
    let long = format!("{}é", "a".repeat(62));
    let quoted = format!("\"{long}\"");
    let statements = split(&quoted).expect("splits");
    let part = statements[0].parts().next().expect("a name");
    assert_eq!(part.name(), Some("a".repeat(62).as_str()));
    assert_eq!(part.overlong_name(), Some(long.as_str()));
    assert_eq!(Part::Word("b".repeat(63)).overlong_name(), None);
}

//! What is told of statements by their text alone. `tests/plan.rs` holds it against a server.

use super::*;
use crate::postgres::sql::split;

/// `name mode` of each lock.
fn told(text: &str) -> Vec<String> {
    let locks = expected_locks(&split(text).expect("splits")[0]);
    locks.iter().map(|lock| format!("{} {}", lock.relation, lock.mode)).collect()
}

#[test]
fn the_strongest_action_of_alter_table_decides() {
    for (text, expected) in [
        ("alter table t alter a set statistics 5, cluster on i", "t SHARE UPDATE EXCLUSIVE"),
        ("alter table t validate constraint c, add column b int", "t ACCESS EXCLUSIVE"),
        ("alter table if exists only a.\"T\" set (fillfactor = 70)", "a.\"T\" SHARE UPDATE EXCLUSIVE"),
        ("alter table t disable trigger all", "t SHARE ROW EXCLUSIVE"),
        ("alter table t enable replica rule r", "t ACCESS EXCLUSIVE"),
        ("alter table t alter column type set default 'x, validate'", "t ACCESS EXCLUSIVE"),
    ] {
        assert_eq!(told(text), [expected], "{text}");
    }
}

#[test]
fn the_other_side_of_a_foreign_key_is_told() {
    let both = ["t SHARE ROW EXCLUSIVE", "u SHARE ROW EXCLUSIVE"];
    let mut found = told("alter table t add constraint f foreign key (a) references u (id) not valid");
    found.sort();
    assert_eq!(found, both);
    assert_eq!(
        told("create table n (a int references a.u, b int, foreign key (b) references n (a))"),
        ["a.u SHARE ROW EXCLUSIVE"]
    );
}

#[test]
fn rows_are_told_wherever_they_are_written() {
    for (text, expected) in [
        ("insert into t (update) select * from u for update", &["t ROW EXCLUSIVE"][..]),
        (
            "with a as (delete from only t returning *), b as (update u set x = 1) insert into v select 1 on conflict do update set y = 1",
            &["t ROW EXCLUSIVE", "u ROW EXCLUSIVE", "v ROW EXCLUSIVE"],
        ),
        ("explain analyze update t set a = 1", &["t ROW EXCLUSIVE"]),
        ("copy t (a) from '/x'", &["t ROW EXCLUSIVE"]),
        ("copy t to '/x'", &[]),
        ("select 'insert into t'", &[]),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn what_locks_no_table_is_silent() {
    for text in [
        "create table t (x int)",
        "create type e as enum ('a')",
        "alter type e add value 'b'",
        "create function f() returns int language sql as 'select 1'",
        "create view v as select * from t",
        "grant select on t to a",
        "set search_path = a",
        "comment on schema a is 'x'",
        "lock table t in access share mode",
    ] {
        assert!(told(text).is_empty(), "{text}: {:?}", told(text));
    }
}

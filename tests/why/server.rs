//! What is said of rights, limits, locks and settings.

use super::{role_of, site, why, why_as};
use crate::support;

#[test]
fn a_missing_right_comes_with_the_grant() {
    let (project, database) = site();
    let role = role_of(&database, "app");
    let text = "permission denied for table users\n[SQL: SELECT * FROM users WHERE email = 'canary']";
    let ran = why_as(&project, &database, &role, text).exit(1);
    let grant = format!("GRANT SELECT ON TABLE public.users TO {role};");
    let ran = ran.says([&*grant, &format!("role {role} lacks SELECT on public.users")]).lacks("canary");
    assert!(!ran.stdout().contains("INSERT"), "{}", ran.stdout());
    database.exec(&grant);
    why_as(&project, &database, &role, text).exit(0).says("the application connects as another role");
    // The statement is not known: all that an application may want.
    why_as(&project, &database, &role, "permission denied for table users")
        .exit(1)
        .says(format!("GRANT INSERT, UPDATE, DELETE ON TABLE public.users TO {role};"));
    database.exec("CREATE SCHEMA closed; CREATE TABLE closed.t (id int)");
    why_as(&project, &database, &role, "permission denied for schema closed")
        .exit(1)
        .says(format!("GRANT USAGE, CREATE ON SCHEMA closed TO {role};").replace(", CREATE", ""));
    why_as(&project, &database, &role, "must be owner of table users")
        .exit(1)
        .says("only the owner changes it");
    why_as(&project, &database, "nobody_at_all", text).exit(2).says("the server has no role nobody_at_all");
}

#[test]
fn a_read_only_setting_names_who_set_it() {
    let (project, database) = site();
    let role = role_of(&database, "reader");
    let text = "cannot execute INSERT in a read-only transaction";
    why_as(&project, &database, &role, text).exit(0).says("takes writes from role");
    database.exec(&format!("ALTER ROLE {role} SET default_transaction_read_only = on"));
    why_as(&project, &database, &role, text).exit(1).says([
        &*format!("by ALTER ROLE {role} SET default_transaction_read_only = on"),
        &format!("ALTER ROLE {role} RESET"),
    ]);
}

#[test]
fn a_limit_of_connections_is_found() {
    let (project, database) = site();
    let text = format!("FATAL:  too many connections for database \"{}\"", database.name());
    why(&project, &database, &text).exit(0).says("no limit is reached any more");
    database.exec(&format!("ALTER DATABASE {} CONNECTION LIMIT 1", database.name()));
    why(&project, &database, &text).exit(1).says(["of 1 connections are in use", "CONNECTION LIMIT"]);
}

#[test]
fn who_is_in_the_way_is_named_without_its_statement() {
    let (project, database) = site();
    let role = role_of(&database, "slow");
    database.exec(&format!("ALTER ROLE {role} SET lock_timeout = '250ms'"));
    let text = "canceling statement due to lock timeout\nLINE 1: UPDATE users SET username = 'x'";
    why_as(&project, &database, &role, text).exit(0).says([
        "nobody is in the way now",
        "lock_timeout of role",
        "250ms",
    ]);
    support::runtime().block_on(async {
        let mut holder = database.connect().await;
        holder
            .execute(
                "BEGIN; UPDATE users SET username = 'canary'; LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE",
            )
            .await
            .unwrap();
        let pid = support::rows(&mut holder, "SELECT pg_backend_pid()").await.unwrap()[0][0].clone().unwrap();
        let ran = why_as(&project, &database, &role, text).exit(1);
        let ran = ran.says([
            &*format!("pid {pid}"),
            "holds SHARE ROW EXCLUSIVE on public.users",
            "pg_terminate_backend",
        ]);
        ran.lacks("canary");
        holder.execute("ROLLBACK").await.unwrap();
    });
    why(&project, &database, "deadlock detected").exit(0).says("run the transaction again");
}

#[test]
fn logins_are_looked_up() {
    let (project, database) = site();
    let role = role_of(&database, "guest");
    let refused = |name: &str| format!("FATAL:  password authentication failed for user \"{name}\"");
    why(&project, &database, &refused("no_such_role")).exit(1).says("the server has no role of this name");
    why(&project, &database, &refused(&role)).exit(0).says("exists here and may log in");
    database.exec(&format!("ALTER ROLE {role} NOLOGIN"));
    why(&project, &database, &refused(&role)).exit(1).says("NOLOGIN");
}

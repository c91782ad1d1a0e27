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

/// The application's own role sees of other roles' sessions little, and none of it may be taken for nothing.
#[test]
fn a_role_without_rights_sees_who_is_in_the_way_and_who_is_connected() {
    let (project, database) = site();
    let role = role_of(&database, "plain");
    let url = database.url_as(&role);
    database.exec(&format!("ALTER ROLE {role} CONNECTION LIMIT 20"));
    support::runtime().block_on(async {
        let mut holder = database.connect().await;
        holder.execute("BEGIN; LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
        let ran = why(
            &project,
            &url,
            "canceling statement due to lock timeout\nLINE 1: UPDATE users SET username = 'x'",
        );
        ran.exit(1).says(["holds SHARE ROW EXCLUSIVE on public.users", "a session is in the way now"]);
        database.exec(&format!("ALTER DATABASE {} CONNECTION LIMIT 2", database.name()));
        let full = format!("too many connections for database \"{}\"", database.name());
        why(&project, &url, &full).exit(1).says("of 2 connections are in use");
        holder.execute("ROLLBACK").await.unwrap();
    });
}

/// Neither in another database nor on another table.
#[test]
fn who_is_in_somebody_elses_way_is_not_the_reason() {
    let (project, database) = site();
    let (other_project, other) = site();
    drop(other_project);
    let text = "canceling statement due to lock timeout\nLINE 1: UPDATE users SET username = 'x'";
    support::runtime().block_on(async {
        for (at, table, exit) in
            [(&other, "users", 0), (&database, "organizations", 0), (&database, "users", 1)]
        {
            let [mut holder, mut waiter] = [at.connect().await, at.connect().await];
            holder.execute(&format!("BEGIN; LOCK TABLE {table}")).await.unwrap();
            let waits = tokio::spawn(async move {
                waiter.execute(&format!("SET lock_timeout = '60s'; SELECT FROM {table}")).await.unwrap();
            });
            let waiting = "SELECT count(*)::text FROM pg_locks WHERE NOT granted AND database = \
                (SELECT oid FROM pg_database WHERE datname = current_database())";
            while support::try_query_at(at.url(), waiting).unwrap()[0][0].as_deref() == Some("0") {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            let ran = why(&project, &database, text).case(table).exit(exit);
            if std::ptr::eq(at, &other) {
                ran.says("nobody is in the way now");
            }
            holder.execute("ROLLBACK").await.unwrap();
            waits.await.unwrap();
        }
    });
}

#[test]
fn a_right_is_looked_up_for_the_kind_of_object_that_the_error_names() {
    let (project, database) = site();
    let role = role_of(&database, "kinds");
    // A table of the schema's name.
    database
        .exec("CREATE SCHEMA billing; CREATE TABLE billing (id int); CREATE TYPE billing.money2 AS (a int)");
    why_as(&project, &database, &role, "permission denied for schema billing")
        .exit(1)
        .says(format!("GRANT USAGE ON SCHEMA billing TO {role};"))
        .lacks("ON TABLE");
    for (text, object) in [
        ("must be owner of index users_email_key", "index public.users_email_key"),
        ("must be owner of function touch_updated_at", "function public.touch_updated_at()"),
        ("must be owner of schema billing", "schema billing"),
        ("must be owner of type money2", "type billing.money2"),
        ("must be owner of relation users_email_key", "index public.users_email_key"),
    ] {
        why_as(&project, &database, &role, text).exit(1).says([object, "only the owner changes it"]);
    }
}

#[test]
fn what_only_some_roles_may_do_is_told_by_the_attributes_of_the_role() {
    let (project, database) = site();
    let role = role_of(&database, "attributes");
    let create = "permission denied to create role";
    why_as(&project, &database, &role, create).exit(1).says(["it lacks CREATEROLE", "ALTER ROLE"]);
    database.exec(&format!("ALTER ROLE {role} CREATEROLE"));
    why_as(&project, &database, &role, create).exit(0).says("the application connects as another role");
    for text in [
        "permission denied to create extension \"pgcrypto\"",
        "permission denied to set role \"postgres\"",
        "must be superuser or have privileges of the pg_write_server_files role to COPY to a file",
    ] {
        why_as(&project, &database, &role, text).exit(1).says("it is not a superuser");
    }
}

#[test]
fn a_database_that_is_not_there_is_compared_with_those_that_are() {
    let (project, database) = site();
    let missing = |name: &str| format!("FATAL:  database \"{name}\" does not exist");
    why(&project, &database, &missing("postgres"))
        .exit(0)
        .says("has a database postgres: the application asks another");
    let name = database.name();
    why(&project, &database, &missing(&format!("{name}x")))
        .exit(0)
        .says([&*format!("this server has no database {name}x; did you mean"), name]);
}

#[test]
fn a_transaction_that_was_left_open_is_not_a_slow_statement() {
    let (project, database) = site();
    let role = role_of(&database, "idle");
    database.exec(&format!("ALTER ROLE {role} SET idle_in_transaction_session_timeout = '7s'"));
    let text = "FATAL:  terminating connection due to idle-in-transaction timeout";
    why_as(&project, &database, &role, text)
        .exit(0)
        .says(["kept a transaction open", "idle_in_transaction_session_timeout of role", "7s"])
        .lacks("EXPLAIN");
}

/// As drivers print them that were run against a server that is not there.
#[test]
fn connections_that_fail_are_understood() {
    let (project, database) = site();
    for text in [
        "psycopg.OperationalError: failed to resolve host 'db.invalid': [Errno -2] Name or service not known",
        "connection to server on socket \"/nowhere/.s.PGSQL.5432\" failed: No such file or directory",
        "connection failed: connection to server at \"10.0.0.1\", port 5432 failed: server does not support SSL, but SSL was required",
        "Error: getaddrinfo ENOTFOUND db.invalid\n  code: 'ENOTFOUND',\n  syscall: 'getaddrinfo'",
        "Error: Connection terminated unexpectedly",
        "SSL error: certificate verify failed",
        "org.postgresql.util.PSQLException: Connection to localhost:1 refused. Check that the hostname and port are correct",
        "failed to connect: dial tcp 10.0.0.1:5432: i/o timeout",
    ] {
        why(&project, &database, text).case(text).exit(0).says("connection_failure").says("answers now");
    }
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

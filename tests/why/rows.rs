//! What is said of rows that a constraint refuses.

use super::{behind, site, why};

#[test]
fn a_sequence_behind_its_key_comes_with_setval() {
    let (project, database) = site();
    database.exec(
        "INSERT INTO organizations (id, slug, name) OVERRIDING SYSTEM VALUE VALUES (5, 'canary', 'Canary')",
    );
    let text = "duplicate key value violates unique constraint \"organizations_pkey\"\n\
        DETAIL:  Key (id)=(1) already exists.";
    let ran = why(&project, &database, text).exit(1);
    let ran = ran.says([
        "sequence public.organizations_id_seq",
        "setval",
        "gives values that the table has already",
    ]);
    let ran = ran.lacks("anary");
    let sql = ran.stdout().lines().find(|line| line.contains("setval(")).unwrap().to_owned();
    database.exec(&sql);
    why(&project, &database, text).exit(0).says([
        "public.organizations.organizations_pkey (id) is as declared: the application sends a value that is there already",
        "see also: data check organizations",
    ]);
    // Another key of the table is not filled by the sequence.
    database.exec("SELECT setval('organizations_id_seq', 1)");
    why(
        &project,
        &database,
        "duplicate key value violates unique constraint \"organizations_public_id_key\"",
    )
    .exit(0)
    .lacks("setval");
}

#[test]
fn a_required_value_is_pending_by_hand_or_as_declared() {
    let (project, database) = behind("2");
    let text = "ERROR: null value in column \"password_hash\" of relation \"users\" violates not-null constraint\n\
        DETAIL: Failing row contains (1, canary@example.com, null).";
    why(&project, &database, text)
        .exit(1)
        .says(["pending: V3__password_hash_nullable makes it nullable", "next: trueup upgrade"])
        .lacks("canary");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    why(&project, &database, text).exit(0).says("takes NULL, as declared");
    database.exec("ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL");
    why(&project, &database, text).exit(1).says(["drift", "DROP NOT NULL"]);
    why(
        &project,
        &database,
        "null value in column \"email\" of relation \"users\" violates not-null constraint",
    )
    .exit(0)
    .says("public.users.email is NOT NULL as declared");
}

#[test]
fn a_foreign_key_leads_to_the_data_check_that_knows_it() {
    let (project, database) = site();
    let text = "insert or update on table \"api_keys\" violates foreign key constraint \"api_keys_user_id_fkey\"\n\
        DETAIL:  Key (user_id)=(4711) is not present in table \"users\".";
    let ran = why(&project, &database, text).exit(0);
    let ran = ran.says([
        "the row of public.users that (user_id) names is not there",
        "trueup verify api_keys_have_a_user",
    ]);
    ran.lacks("4711");
    database
        .exec("ALTER TABLE memberships ADD CONSTRAINT by_hand FOREIGN KEY (user_id) REFERENCES users (id)");
    why(
        &project,
        &database,
        "insert or update on table \"memberships\" violates foreign key constraint \"by_hand\"",
    )
    .exit(1)
    .says("created by hand");
}

/// Names of constraints and columns are those of one table.
#[test]
fn an_object_of_another_table_explains_nothing() {
    let (project, database) = site();
    database.exec(
        "ALTER TABLE memberships ADD CONSTRAINT api_keys_prefix_check CHECK (true);
         ALTER TABLE memberships ADD CONSTRAINT api_keys_organization_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);
         ALTER TABLE organizations ADD COLUMN username text",
    );
    for (text, says) in [
        (
            "new row for relation \"api_keys\" violates check constraint \"api_keys_prefix_check\"",
            "is there as declared",
        ),
        (
            "insert or update on table \"api_keys\" violates foreign key constraint \"api_keys_organization_id_fkey\"",
            "is as declared",
        ),
        (
            "update or delete on table \"organizations\" violates foreign key constraint \"api_keys_organization_id_fkey\" \
             on table \"api_keys\"",
            "still refer to the row of public.organizations",
        ),
        ("column \"username\" of relation \"users\" already exists", "as its applied migrations made it"),
        (
            "column \"username\" of relation \"api_keys\" already exists",
            "has no column username in api_keys now",
        ),
        ("type \"username\" does not exist", "neither the database nor schema/ has username"),
        ("unrecognized configuration parameter \"app.username\"", "a setting of the application"),
    ] {
        why(&project, &database, text).case(text).exit(0).says(says).lacks("created by hand");
    }
}

/// No application sends anything, and ON CONFLICT is no help.
#[test]
fn rows_that_break_a_new_rule_are_those_of_the_table() {
    let (project, database) = site();
    for text in [
        "column \"username\" of relation \"users\" contains null values",
        "could not create unique index \"users_username_key\"\nDETAIL:  Key (username)=(canary) is duplicated.",
        "check constraint \"users_username_check\" of relation \"users\" is violated by some row",
    ] {
        let ran = why(&project, &database, text).case(text).exit(0).says("break the new rule");
        ran.lacks("the application sends").lacks("ON CONFLICT").lacks("canary");
    }
}

#[test]
fn what_else_is_wrong_with_a_value_is_understood() {
    let (project, database) = site();
    for (text, says) in [
        ("integer out of range", "22003"),
        ("nextval: reached maximum value of sequence \"users_id_seq\" (2147483647)", "its range is used up"),
        ("value \"canary\" is out of range for type integer", "22003"),
        ("date/time field value out of range: \"canary\"", "22008"),
        ("division by zero", "22012"),
        ("malformed array literal: \"canary\"", "22P02"),
        ("invalid input value for enum membership_role: \"\"", "none of its labels"),
        (
            "invalid input for query argument $1: 'canary' (an integer is required (got type str))",
            "what is no integer",
        ),
        (
            "cannot insert a non-DEFAULT value into column \"id\"\nLINE 1: insert into users(id) values (1)",
            "428C9",
        ),
        ("cannot drop table organizations because other objects depend on it", "2BP01"),
        ("could not extend file \"base/1/2\": No space left on device", "53100"),
        ("INSERT has more expressions than target columns", "wrong_statement"),
    ] {
        why(&project, &database, text).case(text).exit(0).says(says).lacks("canary");
    }
    database.exec("ALTER TABLE api_keys ALTER COLUMN organization_id TYPE int");
    // Without the statement, a column whose type is not the declared one explains it; one of other types does not.
    why(&project, &database, "integer out of range")
        .exit(1)
        .says("api_keys.organization_id: type is integer");
    why(&project, &database, "invalid input syntax for type uuid: \"canary\"")
        .exit(0)
        .lacks("organization_id");
}

#[test]
fn a_check_shows_the_declared_rule() {
    let (project, database) = site();
    let text = "new row for relation \"users\" violates check constraint \"users_username_check\"";
    why(&project, &database, text).exit(0).says("the value breaks it: schema/ declares");
    why(
        &project,
        &database,
        "value for domain email_address violates check constraint \"email_address_shape\"",
    )
    .exit(0)
    .says("public.email_address is there as declared");
    database.exec("ALTER TABLE users ADD CONSTRAINT short CHECK (length(username) < 5)");
    why(&project, &database, "new row for relation \"users\" violates check constraint \"short\"")
        .exit(1)
        .says("created by hand");
}

//! A schema as a company of some years has it: 12 to 15 columns a table, foreign keys, checks, enums, partial,
//! expression and GIN indexes, views, triggers, comments. The same text for the same size.

use std::fmt::Write as _;

/// Tables per schema of the database.
const TABLES_PER_SCHEMA: usize = 500;

const NOUNS: [&str; 20] = [
    "account",
    "invoice",
    "order",
    "shipment",
    "payment",
    "ticket",
    "session",
    "device",
    "contract",
    "campaign",
    "product",
    "supplier",
    "warehouse",
    "employee",
    "document",
    "message",
    "subscription",
    "audit_entry",
    "price_list",
    "appointment",
];

/// The DDL of so many tables, in an order in which it runs.
pub(crate) fn ddl(tables: usize) -> String {
    let mut sql = String::with_capacity(tables * 2_600);
    put_preamble(&mut sql);
    for number in 0..tables {
        if number % TABLES_PER_SCHEMA == 0 {
            let _ = writeln!(sql, "CREATE SCHEMA {};\n", schema(number));
        }
        if number % 20 == 0 {
            put_types(&mut sql, number);
        }
        put_table(&mut sql, number);
        put_indexes(&mut sql, number);
        if number % 4 == 0 {
            put_trigger(&mut sql, number);
        }
        if number % 10 == 9 {
            put_view(&mut sql, number);
        }
        sql.push('\n');
    }
    sql
}

fn schema(number: usize) -> String {
    format!("domain_{:02}", number / TABLES_PER_SCHEMA)
}

/// The table's name: `order_0002`, without its schema.
fn name(number: usize) -> String {
    format!("{}_{number:04}", NOUNS[number % NOUNS.len()])
}

fn path(number: usize) -> String {
    format!("{}.{}", schema(number), name(number))
}

fn put_preamble(sql: &mut String) {
    sql.push_str(
        "CREATE FUNCTION public.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$\n\
         BEGIN\n    NEW.updated_at := now();\n    RETURN NEW;\nEND\n$$;\n\n",
    );
}

/// What twenty tables share.
fn put_types(sql: &mut String, number: usize) {
    let (schema, group) = (schema(number), number / 20);
    let _ = writeln!(
        sql,
        "CREATE TYPE {schema}.state_{group:03} AS ENUM ('new', 'active', 'suspended', 'closed');\n\
         CREATE FUNCTION {schema}.is_open_{group:03}(state {schema}.state_{group:03}) RETURNS boolean\n    \
         LANGUAGE sql IMMUTABLE AS $$ SELECT state IN ('new', 'active') $$;\n"
    );
}

fn put_table(sql: &mut String, number: usize) {
    let (path, name, schema) = (path(number), name(number), schema(number));
    let group = number / 20;
    let mut lines = vec![
        "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY".to_owned(),
        "tenant_id bigint NOT NULL".to_owned(),
        "code character varying(32) NOT NULL".to_owned(),
        "title text NOT NULL DEFAULT ''".to_owned(),
        format!("state {schema}.state_{group:03} NOT NULL DEFAULT 'new'"),
        "amount numeric(12,2) NOT NULL DEFAULT 0".to_owned(),
        "email text".to_owned(),
        "attributes jsonb NOT NULL DEFAULT '{}'::jsonb".to_owned(),
        "is_deleted boolean NOT NULL DEFAULT false".to_owned(),
        "parent_id bigint".to_owned(),
        "created_at timestamp with time zone NOT NULL DEFAULT now()".to_owned(),
        "updated_at timestamp with time zone NOT NULL DEFAULT now()".to_owned(),
    ];
    let more = [
        "valid_from date",
        "priority smallint NOT NULL DEFAULT 0",
        "tags text[] NOT NULL DEFAULT '{}'::text[]",
    ];
    lines.extend(more[..number % 4].iter().map(|column| (*column).to_owned()));
    lines.push(format!("CONSTRAINT {name}_tenant_code_key UNIQUE (tenant_id, code)"));
    lines.push(format!("CONSTRAINT {name}_amount_check CHECK (amount >= 0)"));
    if number > 0 {
        // Mostly a neighbour, sometimes a table that everybody refers to.
        let referred = if number.is_multiple_of(3) { number % 7 % number } else { number - 1 };
        lines.push(format!(
            "CONSTRAINT {name}_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES {} (id) ON DELETE SET NULL",
            self::path(referred)
        ));
    }
    let _ = writeln!(sql, "CREATE TABLE {path} (\n    {}\n);", lines.join(",\n    "));
    if number.is_multiple_of(5) {
        let _ = writeln!(sql, "COMMENT ON TABLE {path} IS 'Every {name} that a tenant has';");
        let _ = writeln!(sql, "COMMENT ON COLUMN {path}.code IS 'As the tenant writes it';");
    }
}

fn put_indexes(sql: &mut String, number: usize) {
    let (path, name) = (path(number), name(number));
    let _ = writeln!(
        sql,
        "CREATE INDEX {name}_parent_id_idx ON {path} (parent_id) WHERE parent_id IS NOT NULL;\n\
         CREATE INDEX {name}_created_at_idx ON {path} (tenant_id, created_at DESC);"
    );
    let _ = match number % 2 {
        0 => writeln!(sql, "CREATE INDEX {name}_email_idx ON {path} (lower(email)) WHERE NOT is_deleted;"),
        _ => writeln!(
            sql,
            "CREATE INDEX {name}_attributes_idx ON {path} USING gin (attributes jsonb_path_ops);"
        ),
    };
}

fn put_trigger(sql: &mut String, number: usize) {
    let (path, name) = (path(number), name(number));
    let _ = writeln!(
        sql,
        "CREATE TRIGGER {name}_touch BEFORE UPDATE ON {path} FOR EACH ROW\n    \
         WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION public.touch_updated_at();"
    );
}

fn put_view(sql: &mut String, number: usize) {
    let (path, schema, name) = (path(number), schema(number), name(number));
    let other = self::path(number - 1);
    let _ = writeln!(
        sql,
        "CREATE VIEW {schema}.open_{name} AS\n    SELECT a.id, a.code, a.title, a.amount, b.code AS parent_code\n      \
         FROM {path} a\n      LEFT JOIN {other} b ON b.id = a.parent_id\n     \
         WHERE NOT a.is_deleted AND a.state <> 'closed';"
    );
}

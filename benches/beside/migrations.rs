//! Small migrations, as a project gathers them: a table, then columns, indexes and constraints of the tables that
//! there are.

/// One migration.
pub(crate) struct Script {
    pub(crate) version: usize,
    pub(crate) name: String,
    pub(crate) sql: String,
}

/// So many migrations; each four of them make a table and what belongs to it. The same text for the same number.
pub(crate) fn small(count: usize) -> Vec<Script> {
    (0..count).map(script).collect()
}

/// So many tables and what belongs to them, in so many migrations.
pub(crate) fn large(tables: usize, count: usize) -> Vec<Script> {
    let parts = small(4 * tables);
    let merged = parts.chunks(parts.len() / count).enumerate().map(|(index, parts)| Script {
        version: index + 1,
        name: "items".to_owned(),
        sql: parts.iter().map(|part| part.sql.as_str()).collect(),
    });
    merged.collect()
}

fn script(number: usize) -> Script {
    let table = format!("item_{:05}", number / 4);
    let (name, sql) = match number % 4 {
        0 => (
            format!("make_{table}"),
            format!(
                "CREATE TABLE public.{table} (\n    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n    \
                 tenant_id bigint NOT NULL,\n    title text NOT NULL DEFAULT '',\n    \
                 created_at timestamp with time zone NOT NULL DEFAULT now()\n);\n"
            ),
        ),
        1 => (format!("email_of_{table}"), format!("ALTER TABLE public.{table} ADD COLUMN email text;\n")),
        2 => (
            format!("index_{table}"),
            format!("CREATE INDEX {table}_tenant_id_idx ON public.{table} (tenant_id, created_at);\n"),
        ),
        _ => (
            format!("state_of_{table}"),
            format!("ALTER TABLE public.{table} ADD COLUMN state integer NOT NULL DEFAULT 0;\n"),
        ),
    };
    Script { version: number + 1, name, sql }
}

-- What the second layout of schema trueup has beside the first (schema.sql).

-- The data repairs: one row for every fix of a run, and how far it is. Which rows it changes, with their old and new
-- values, is in a table of its own in this schema, `rows_in`. `done` and `undone` are numbers of rows there.
CREATE TABLE IF NOT EXISTS trueup.repairs (
    run text NOT NULL,
    number int4 NOT NULL,
    check_name text NOT NULL,
    fix text NOT NULL,
    action text NOT NULL,
    relation text NOT NULL,
    relation_oid oid NOT NULL,
    key_columns text[] NOT NULL,
    columns text[] NOT NULL,
    rows_in text NOT NULL,
    planned int8 NOT NULL,
    done int8 NOT NULL DEFAULT 0,
    changed int8 NOT NULL DEFAULT 0,
    skipped int8 NOT NULL DEFAULT 0,
    state text NOT NULL,
    undone int8 NOT NULL DEFAULT 0,
    restored int8 NOT NULL DEFAULT 0,
    kept int8 NOT NULL DEFAULT 0,
    undone_by text,
    planned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run, number)
);

-- The reference rows that were seeded: the values that were declared then, so that an edit is told from a new declaration.
CREATE TABLE IF NOT EXISTS trueup.seeds (
    relation text NOT NULL,
    key text NOT NULL,
    seeded text NOT NULL,
    run text NOT NULL,
    seeded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (relation, key)
);

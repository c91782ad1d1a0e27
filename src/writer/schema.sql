-- What belongs to trueup in a database: one schema, made by the first command that writes, closed to PUBLIC.
-- Every table is read with its columns named, so that a later layout may add some.
CREATE SCHEMA trueup;
REVOKE ALL ON SCHEMA trueup FROM PUBLIC;
COMMENT ON SCHEMA trueup IS 'Made and kept by trueup: which project and environment this database is of, who ran what, what was applied.';

-- The environment mark: which project and environment this database belongs to. One row.
CREATE TABLE trueup.mark (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    layout int4 NOT NULL,
    project text NOT NULL,
    environment text,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    run text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The audit log: one row for every run of a command that writes. Without ended_at it runs, or broke off.
CREATE TABLE trueup.runs (
    id text PRIMARY KEY,
    command text NOT NULL,
    arguments text NOT NULL,
    version text NOT NULL,
    role name NOT NULL DEFAULT session_user,
    os_user text NOT NULL,
    os_host text NOT NULL,
    client_addr inet DEFAULT inet_client_addr(),
    backend_pid int4 NOT NULL DEFAULT pg_backend_pid(),
    system_identifier text NOT NULL,
    timeline text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    outcome text,
    exit_code int2,
    message text,
    reason text
);

-- Who may write: a transaction of trueup ends with an UPDATE of this row, which finds nothing once another run took over.
CREATE TABLE trueup.fence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    run text NOT NULL,
    transactions int8 NOT NULL DEFAULT 0
);

-- The steps of a run that are not one transaction with their record: written down as started before they begin.
-- Also what takes back, records or resolves a migration, in the same transaction as it does so.
CREATE TABLE trueup.steps (
    run text NOT NULL,
    number int4 NOT NULL,
    action text NOT NULL,
    version int8,
    name text,
    statement int4,
    text text,
    before text,
    state text NOT NULL,
    detail text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    PRIMARY KEY (run, number)
);

-- The migrations that were applied: their texts, and their effects as lines of trueup.lock.
CREATE TABLE trueup.migrations (
    version int8 PRIMARY KEY,
    name text NOT NULL,
    how text NOT NULL,
    sql text NOT NULL,
    effects text,
    run text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

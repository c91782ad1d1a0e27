//! Statements of each sort, and the database that they are run in.

pub(crate) const SETUP: &str = "
    CREATE SCHEMA app;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE TABLE users (id bigint PRIMARY KEY, name text, email text CONSTRAINT users_email_key UNIQUE);
    CREATE INDEX users_name_idx ON users (name);
    CREATE TABLE keys (id bigint PRIMARY KEY, user_id bigint CONSTRAINT keys_user_fk REFERENCES users, n int);
    ALTER TABLE keys ADD CONSTRAINT keys_n CHECK (n > 0) NOT VALID;
    CREATE TRIGGER keys_note BEFORE UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION note();
    CREATE POLICY keys_policy ON keys USING (true);
    CREATE RULE keys_rule AS ON DELETE TO keys WHERE false DO INSTEAD NOTHING;
    CREATE TABLE app.\"Odd Name\" (id bigint, \"Ref\" bigint);
    CREATE TABLE loose (id bigint, at date, CONSTRAINT loose_fk FOREIGN KEY (id) REFERENCES users NOT VALID);
    CREATE TABLE base (a int);
    CREATE TABLE child () INHERITS (base);
    CREATE TABLE measures (at date, n int) PARTITION BY RANGE (at);
    CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE measures_rest PARTITION OF measures DEFAULT;
    CREATE TABLE measures_2 (at date, n int);
    CREATE TABLE parts (a int) PARTITION BY LIST (a);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
    CREATE VIEW names AS SELECT id, name FROM users;
    CREATE MATERIALIZED VIEW counts AS SELECT 1 AS id, count(*) AS n FROM users;
    CREATE UNIQUE INDEX counts_id ON counts (id);
    CREATE SEQUENCE numbers;
    CREATE TABLE published (a int);
    CREATE PUBLICATION pub FOR TABLE published;
    CREATE TABLE owners (id int PRIMARY KEY);
    CREATE TABLE owned (owner_id int REFERENCES owners);
";

/// A statement of each sort that can run in a transaction.
pub(crate) const INSIDE: &[&str] = &[
    // ALTER TABLE by action.
    "ALTER TABLE users ADD COLUMN a int",
    "ALTER TABLE loose DROP COLUMN at",
    "ALTER TABLE users ALTER COLUMN name SET NOT NULL",
    "ALTER TABLE users ALTER name SET DEFAULT 'x'",
    "ALTER TABLE loose ALTER at TYPE timestamp",
    "ALTER TABLE users ALTER COLUMN name SET STATISTICS 10",
    "ALTER TABLE users ALTER COLUMN name SET (n_distinct = 5)",
    "ALTER TABLE users ALTER COLUMN name SET STORAGE external",
    "ALTER TABLE users SET (fillfactor = 70), ALTER name SET STATISTICS 10",
    "ALTER TABLE users RESET (fillfactor)",
    "ALTER TABLE users SET (user_catalog_table = true)",
    "ALTER TABLE users CLUSTER ON users_name_idx",
    "ALTER TABLE users SET WITHOUT CLUSTER",
    "ALTER TABLE base SET UNLOGGED",
    "ALTER TABLE users RENAME TO people",
    "ALTER TABLE users RENAME COLUMN name TO label",
    "ALTER TABLE keys RENAME CONSTRAINT keys_n TO keys_m",
    "ALTER TABLE users SET SCHEMA app",
    "ALTER TABLE users OWNER TO CURRENT_USER",
    "ALTER TABLE keys VALIDATE CONSTRAINT keys_n",
    "ALTER TABLE keys ADD CHECK (n < 9)",
    "ALTER TABLE keys ADD CHECK (n < 9) NOT VALID",
    "ALTER TABLE loose ADD PRIMARY KEY (id)",
    "ALTER TABLE loose ADD CONSTRAINT u UNIQUE (at)",
    "ALTER TABLE loose ADD FOREIGN KEY (id) REFERENCES public.users (id)",
    "ALTER TABLE loose ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES users NOT VALID",
    "ALTER TABLE loose ADD COLUMN user_id bigint REFERENCES users",
    "ALTER TABLE app.\"Odd Name\" ADD FOREIGN KEY (\"Ref\") REFERENCES keys",
    "ALTER TABLE loose VALIDATE CONSTRAINT loose_fk",
    "ALTER TABLE keys DROP CONSTRAINT keys_user_fk",
    "ALTER TABLE keys DROP CONSTRAINT IF EXISTS keys_n",
    "ALTER TABLE users DROP CONSTRAINT users_email_key",
    "ALTER TABLE keys ALTER CONSTRAINT keys_user_fk DEFERRABLE",
    "ALTER TABLE keys DISABLE TRIGGER keys_note",
    "ALTER TABLE keys ENABLE ALWAYS TRIGGER keys_note",
    "ALTER TABLE keys DISABLE RULE keys_rule",
    "ALTER TABLE keys ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE keys FORCE ROW LEVEL SECURITY",
    "ALTER TABLE keys REPLICA IDENTITY FULL",
    "ALTER TABLE base ADD COLUMN b int",
    "ALTER TABLE ONLY base ALTER a SET DEFAULT 1",
    "ALTER TABLE base ALTER a SET DEFAULT 1",
    "ALTER TABLE base ADD CHECK (a > 0)",
    "ALTER TABLE base RENAME a TO b",
    "ALTER TABLE base RENAME TO bases",
    "ALTER TABLE base OWNER TO CURRENT_USER",
    "ALTER TABLE base SET (fillfactor = 70)",
    "ALTER TABLE base ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE child NO INHERIT base",
    "ALTER TABLE loose ADD COLUMN a int, INHERIT base",
    "ALTER TABLE measures ATTACH PARTITION measures_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    "ALTER TABLE measures DETACH PARTITION measures_1",
    "ALTER TABLE measures ADD COLUMN m int",
    "ALTER TABLE IF EXISTS names RENAME TO labels",
    "ALTER VIEW names ALTER COLUMN name SET DEFAULT 'x'",
    "ALTER VIEW names SET (security_barrier = true)",
    "ALTER MATERIALIZED VIEW counts RENAME TO sums",
    "ALTER INDEX users_name_idx RENAME TO users_label_idx",
    "ALTER INDEX users_name_idx SET (fillfactor = 70)",
    "ALTER TRIGGER keys_note ON keys RENAME TO keys_notes",
    "ALTER POLICY keys_policy ON keys USING (false)",
    "ALTER POLICY keys_policy ON keys RENAME TO keys_p",
    "ALTER RULE keys_rule ON keys RENAME TO keys_r",
    "ALTER PUBLICATION pub ADD TABLE users, keys",
    "ALTER PUBLICATION pub SET TABLE published, users",
    "ALTER PUBLICATION pub DROP TABLE published",
    // CREATE.
    "CREATE TABLE n (a bigint REFERENCES users, b bigint, FOREIGN KEY (b) REFERENCES keys (id))",
    "CREATE TABLE n (a int) INHERITS (base)",
    "CREATE TABLE n PARTITION OF measures FOR VALUES FROM ('2026-03-01') TO ('2026-04-01')",
    "CREATE TABLE n (LIKE users INCLUDING ALL)",
    "CREATE TABLE n AS SELECT * FROM users",
    "CREATE INDEX ON users (name)",
    "CREATE UNIQUE INDEX IF NOT EXISTS n ON ONLY base (a)",
    "CREATE INDEX n ON base (a)",
    "CREATE INDEX n ON measures (n)",
    "CREATE TRIGGER n AFTER INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE TRIGGER n BEFORE UPDATE OF name ON users FOR EACH STATEMENT EXECUTE FUNCTION note()",
    "CREATE CONSTRAINT TRIGGER n AFTER INSERT ON keys FROM users DEFERRABLE FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE TRIGGER n AFTER INSERT ON base FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE TRIGGER n AFTER INSERT ON measures FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE OR REPLACE TRIGGER keys_note BEFORE UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION note()",
    "CREATE POLICY n ON users USING (true)",
    "CREATE RULE n AS ON UPDATE TO users DO ALSO NOTHING",
    "CREATE STATISTICS n ON id, name FROM users",
    "CREATE VIEW n AS SELECT * FROM users",
    "CREATE OR REPLACE VIEW names AS SELECT id, name FROM users",
    "CREATE PUBLICATION n FOR TABLE users, ONLY keys",
    "CREATE SEQUENCE n OWNED BY users.id",
    // DROP.
    "DROP INDEX users_name_idx",
    "DROP TABLE keys",
    "DROP TABLE owners CASCADE",
    "DROP TABLE owners, owned",
    "DROP TABLE IF EXISTS loose, app.\"Odd Name\"",
    "DROP TABLE measures",
    "DROP TABLE measures_1",
    "DROP TABLE base CASCADE",
    "DROP VIEW names",
    "DROP MATERIALIZED VIEW counts",
    "DROP TRIGGER keys_note ON keys",
    "DROP POLICY IF EXISTS keys_policy ON keys",
    "DROP RULE keys_rule ON keys",
    // The rest.
    "COMMENT ON TABLE users IS 'x'",
    "COMMENT ON COLUMN public.users.name IS 'x'",
    "COMMENT ON COLUMN users.name IS 'x'",
    "COMMENT ON VIEW names IS 'x'",
    "COMMENT ON INDEX users_name_idx IS 'x'",
    "COMMENT ON CONSTRAINT keys_n ON keys IS 'x'",
    "COMMENT ON TRIGGER keys_note ON keys IS 'x'",
    "COMMENT ON POLICY keys_policy ON keys IS 'x'",
    "GRANT SELECT ON users TO PUBLIC",
    "TRUNCATE loose",
    "TRUNCATE users CASCADE",
    "TRUNCATE TABLE ONLY base, measures",
    "TRUNCATE owners, base, owned",
    "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE",
    "LOCK ONLY base, measures",
    "LOCK base",
    "LOCK TABLE users IN EXCLUSIVE MODE NOWAIT",
    "REFRESH MATERIALIZED VIEW counts",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY counts",
    "REINDEX TABLE users",
    "REINDEX INDEX users_name_idx",
    "REINDEX INDEX users_email_key",
    "CLUSTER users USING users_name_idx",
    "ANALYZE users (name), keys",
    "INSERT INTO base VALUES (1)",
    "UPDATE ONLY base SET a = 1",
    "DELETE FROM base USING users",
    "WITH x AS (DELETE FROM base RETURNING a) INSERT INTO loose (id) SELECT a FROM x",
    "MERGE INTO base USING users ON a = users.id WHEN MATCHED THEN DELETE",
    "CREATE TYPE mood AS ENUM ('a')",
];

/// Statements beside those whose locks are told by their text: what only running them shows.
pub(crate) const MORE: &[&str] = &[
    "ALTER TABLE wide ALTER id TYPE int",
    "ALTER TABLE wide ALTER name TYPE varchar(20)",
    "ALTER TABLE wide ADD c int DEFAULT 3",
    "ALTER TABLE wide ADD c float DEFAULT random()",
    "ALTER TABLE wide ADD c int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE wide ADD c text GENERATED ALWAYS AS (name || email) STORED",
    "ALTER TABLE wide ADD CHECK (name IS NOT NULL) NOT VALID",
    "ALTER TABLE loose ADD CONSTRAINT e EXCLUDE (at WITH =)",
    "ALTER TABLE owned ALTER owner_id SET NOT NULL",
    "DO $$ BEGIN EXECUTE 'ALTER TABLE wide ALTER id TYPE int'; END $$",
    "SELECT widen('wide', 'id')",
    "ALTER DOMAIN address ADD CHECK (value LIKE '%@%')",
    "ALTER TABLE sent ALTER title TYPE varchar(40)",
    "ALTER TABLE sent ALTER title TYPE text",
    "ALTER TABLE sent ALTER title TYPE varchar(10)",
    "ALTER TABLE sent ADD CONSTRAINT unique_title UNIQUE USING INDEX sent_title",
    "ALTER TABLE proved ALTER n SET NOT NULL",
    "CREATE TABLE twin (id int); ALTER TABLE twin ADD c int; CREATE INDEX ON twin (c); DROP TABLE twin",
    "UPDATE wide SET name = 'x'",
    "CREATE TABLE copied AS SELECT * FROM users",
];

/// Statements that run outside of a transaction.
pub(crate) const OUTSIDE: &[&str] = &[
    "CREATE INDEX CONCURRENTLY new ON users (email)",
    "CREATE UNIQUE INDEX CONCURRENTLY new ON app.\"Odd Name\" (\"Ref\")",
    "CREATE INDEX CONCURRENTLY new ON measures_1 (at)",
    "DROP INDEX CONCURRENTLY users_name_idx",
    "REINDEX INDEX CONCURRENTLY users_name_idx",
    "REINDEX TABLE CONCURRENTLY users",
    "REINDEX SCHEMA public",
    "ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY",
    "VACUUM users",
    "VACUUM FULL users",
    "VACUUM FULL ANALYZE keys, loose",
    "CALL work_and_commit()",
    "DO $$ BEGIN ALTER TABLE wide ADD a int; COMMIT; CREATE INDEX ON keys (n); COMMIT; UPDATE wide SET a = 1; END $$",
];

pub(crate) const MORE_SETUP: &str = "
    CREATE FUNCTION widen(t text, c text) RETURNS void LANGUAGE plpgsql
        AS $$ BEGIN EXECUTE format('ALTER TABLE %I ALTER %I TYPE int', t, c); END $$;
    CREATE TABLE wide (id bigint, name text, email text);
    CREATE DOMAIN address AS text;
    CREATE TABLE sent (title varchar(20), \"to\" address);
    CREATE UNIQUE INDEX sent_title ON sent (title);
    CREATE TABLE proved (n int CHECK (n IS NOT NULL));
    CREATE PROCEDURE work_and_commit() LANGUAGE plpgsql
        AS $$ BEGIN ALTER TABLE wide ALTER id TYPE int; COMMIT; TRUNCATE loose; COMMIT; END $$;
";
pub(crate) const AGAIN: &str = "
    DROP SCHEMA public CASCADE;
    DROP SCHEMA app CASCADE;
    DROP PUBLICATION IF EXISTS pub;
    DROP PUBLICATION IF EXISTS n;
    CREATE SCHEMA public;
";

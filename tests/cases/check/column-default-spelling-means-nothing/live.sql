-- No finding: two spellings of each default, and settings that change how values are printed.
CREATE TABLE t (
    a text DEFAULT 'x'::text, b timestamp with time zone DEFAULT current_timestamp, c integer DEFAULT 1,
    d date DEFAULT DATE '2024-01-31', e interval DEFAULT interval '1 day', f bytea DEFAULT decode('deadbeef', 'hex'),
    g timestamptz DEFAULT '2024-01-31 12:00:00+00'
);
ALTER TABLE t ALTER COLUMN f SET DEFAULT '\xdeadbeef'::bytea;
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET timezone = ''Asia/Tokyo''', current_database());
    EXECUTE format('ALTER DATABASE %I SET datestyle = ''German''', current_database());
    EXECUTE format('ALTER DATABASE %I SET intervalstyle = ''sql_standard''', current_database());
    EXECUTE format('ALTER DATABASE %I SET bytea_output = ''escape''', current_database());
    EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -5', current_database());
    EXECUTE format('ALTER DATABASE %I SET quote_all_identifiers = on', current_database());
END $$;

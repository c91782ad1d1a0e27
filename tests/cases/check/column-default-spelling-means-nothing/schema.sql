CREATE TABLE t (
    a text DEFAULT 'x', b timestamptz DEFAULT CURRENT_TIMESTAMP, c integer DEFAULT (1), d date DEFAULT '2024-01-31',
    e interval DEFAULT '1 day', f bytea DEFAULT '\xdeadbeef', g timestamptz DEFAULT '2024-01-31 12:00:00+00'
);

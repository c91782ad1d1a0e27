-- Ahead: V2 renamed the column name, and a column made by hand is drift beside it.
INSERT INTO refinery_schema_history VALUES (2, 'login', '2025-03-01T10:00:00Z', '1234567890');
INSERT INTO trueup.migrations (version, name, how, sql, effects, run) VALUES (2, 'login', 'applied', 'ALTER ...',
    '{"renamed":{"column":"public.users.name"},"to":"public.users.login"}', '01JRUN');
ALTER TABLE users RENAME COLUMN name TO login;
ALTER TABLE users ADD COLUMN phone text;

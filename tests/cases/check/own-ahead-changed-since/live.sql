-- Drift: V2 made the column email a text, somebody made it a varchar since; note was dropped by V2 and is back as an integer.
INSERT INTO refinery_schema_history VALUES (2, 'email', '2025-03-01T10:00:00Z', '1234567890');
INSERT INTO trueup.migrations (version, name, how, sql, effects, run) VALUES (2, 'email', 'applied', 'ALTER ...',
    '{"changed":{"column":"public.users.name","type":"character varying(10)"},"attributes":["type"]}' || chr(10)
    || '{"dropped":{"column":"public.users.note"}}', '01JRUN');
ALTER TABLE users ALTER COLUMN name TYPE varchar(20), ALTER COLUMN note TYPE integer USING 1;

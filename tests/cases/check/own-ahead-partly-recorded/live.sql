-- Ahead: V2 was recorded with its effects, V3 was applied by plain refinery, so that what V2 does not explain may be V3's.
INSERT INTO refinery_schema_history VALUES (2, 'email', '2025-03-01T10:00:00Z', '1'), (3, 'plain', '2025-03-02T10:00:00Z', '2');
INSERT INTO trueup.migrations (version, name, how, sql, effects, run) VALUES (2, 'email', 'applied', 'ALTER ...',
    '{"created":{"column":"public.users.email","type":"text"}}', '01JRUN');
ALTER TABLE users ADD COLUMN email text, ADD COLUMN phone text;

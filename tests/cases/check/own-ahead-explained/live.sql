-- Ahead: what V2's recorded effects explain (email, name required, note dropped) is its work; the comment and the index are drift.
INSERT INTO refinery_schema_history VALUES (2, 'email', '2025-03-01T10:00:00Z', '1234567890');
INSERT INTO trueup.migrations (version, name, how, sql, effects, run) VALUES (2, 'email', 'applied', 'ALTER ...',
    '{"created":{"column":"public.users.email","type":"text"}}' || chr(10)
    || '{"changed":{"column":"public.users.name","type":"text","nullable":"false"},"attributes":["nullable"]}' || chr(10)
    || '{"dropped":{"column":"public.users.note"}}', '01JRUN');
ALTER TABLE users ADD COLUMN email text, ALTER COLUMN name SET NOT NULL, DROP COLUMN note;
COMMENT ON TABLE users IS 'by hand';
CREATE INDEX users_by_hand ON users (id, name);

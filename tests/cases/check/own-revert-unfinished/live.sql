-- Unfinished: V2 was being taken back, which failed after its first index was dropped.
INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, timeline, started_at)
    VALUES ('01JRUN', 'upgrade', '', '0.1.0', 'alice', 'bastion', '1', '1', '2025-03-01T10:00:00Z');
INSERT INTO trueup.migrations (version, name, how, sql, run, applied_at) VALUES (2, 'indexes', 'applied', 'x', '01JRUM', '2025-02-01T10:00:00Z');
INSERT INTO trueup.steps (run, number, action, version, name, statement, text, state, started_at, detail) VALUES
    ('01JRUN', 1, 'revert', 2, 'indexes', 1, 'DROP INDEX CONCURRENTLY users_name', 'done', '2025-03-01T10:00:01Z', NULL),
    ('01JRUN', 2, 'revert', 2, 'indexes', 2, 'DROP INDEX CONCURRENTLY users_email', 'failed', '2025-03-01T10:00:02Z', 'canceling statement due to lock timeout');
ALTER TABLE users ADD COLUMN email text;
CREATE INDEX users_email ON users (email);

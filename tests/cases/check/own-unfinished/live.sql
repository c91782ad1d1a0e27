-- Unfinished: V2 broke off in its second statement, after the column was added.
INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, timeline, started_at)
    VALUES ('01JRUN', 'upgrade', '', '0.1.0', 'alice', 'bastion', '1', '1', '2025-03-01T10:00:00Z');
INSERT INTO trueup.steps (run, number, action, version, name, statement, text, state, started_at) VALUES
    ('01JRUN', 1, 'apply', 2, 'indexes', 1, 'ALTER TABLE users ADD COLUMN email text', 'done', '2025-03-01T10:00:01Z'),
    ('01JRUN', 2, 'apply', 2, 'indexes', 2, 'CREATE INDEX CONCURRENTLY users_name ON users (name)', 'started', '2025-03-01T10:00:02Z');
ALTER TABLE users ADD COLUMN email text;

-- No finding: a first run of V2 failed, a second one carried it out.
INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, timeline, started_at)
    VALUES ('01JRUN', 'upgrade', '', '0.1.0', 'alice', 'bastion', '1', '1', '2025-03-01T10:00:00Z');
INSERT INTO trueup.steps (run, number, action, version, name, statement, text, state, started_at) VALUES
    ('01JRUN', 1, 'apply', 2, 'indexes', 1, 'ALTER TABLE users ADD COLUMN email text', 'failed', '2025-03-01T10:00:01Z'),
    ('01JRUO', 1, 'apply', 2, 'indexes', 1, 'ALTER TABLE users ADD COLUMN email text', 'done', '2025-03-01T10:00:02Z');
INSERT INTO trueup.migrations (version, name, how, sql, run) VALUES (2, 'indexes', 'applied', 'x', '01JRUO');
ALTER TABLE users ADD COLUMN email text;
CREATE INDEX users_name ON users (name);
CREATE INDEX users_email ON users (email);

-- Unfinished: the first statement of V2 is done, the second was not begun.
INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, timeline, started_at)
    VALUES ('01JRUN', 'upgrade', '', '0.1.0', 'alice', 'bastion', '1', '1', '2025-03-01T10:00:00Z');
INSERT INTO trueup.steps (run, number, action, version, name, statement, text, state, started_at) VALUES
    ('01JRUN', 1, 'apply', 2, 'indexes', 1, 'ALTER TABLE users ADD COLUMN email text', 'done', '2025-03-01T10:00:01Z');
ALTER TABLE users ADD COLUMN email text;

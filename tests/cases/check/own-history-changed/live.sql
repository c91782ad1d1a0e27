-- The file is as it was applied: somebody changed the history's row.
INSERT INTO trueup.migrations (version, name, how, sql, run) VALUES (1, 'baseline', 'applied',
    E'CREATE TABLE users (id bigint PRIMARY KEY, name text);\n', '01JRUN');
UPDATE refinery_schema_history SET checksum = '123';

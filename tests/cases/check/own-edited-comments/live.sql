-- Edited, and a warning only: comments and spacing changed, no statement. The type of the name is therefore drift.
INSERT INTO trueup.migrations (version, name, how, sql, run) VALUES (1, 'baseline', 'applied',
    E'-- Users.\ncreate table users (id bigint PRIMARY KEY, name text);\n', '01JRUN');
ALTER TABLE users ALTER COLUMN name TYPE varchar(10);

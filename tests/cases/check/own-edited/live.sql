-- Edited: the applied text is kept, and shown beside the file as a diff. It explains the type of the name.
INSERT INTO trueup.migrations (version, name, how, sql, run) VALUES (1, 'baseline', 'applied',
    E'-- The people.\nCREATE TABLE users (\n    id bigint PRIMARY KEY,\n    name varchar(10)\n);\n', '01JRUN');
ALTER TABLE users ALTER COLUMN name TYPE varchar(10);

-- A schema that nobody declared, with a table in it.
CREATE SCHEMA tmp_import;
CREATE TABLE tmp_import.rows (line text);

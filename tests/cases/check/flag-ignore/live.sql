-- The tables of an import are ignored, with all that belongs to them; the missing column is not.
CREATE TABLE tmp_import (id bigint PRIMARY KEY, line text);
CREATE INDEX ON tmp_import (line);
CREATE TABLE tmp_other (id bigint);
ALTER TABLE users DROP COLUMN email;

-- What somebody made in pg_catalog is the server's, as pg_dump has it.
CREATE CONVERSION pg_catalog.latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE FUNCTION pg_catalog.one() RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- One that is listed, so that the list is asked for.
CREATE OPERATOR FAMILY mine USING btree;

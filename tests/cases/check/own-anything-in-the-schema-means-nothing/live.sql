-- No finding: whatever is in schema trueup is trueup's own.
CREATE TYPE trueup.mood AS ENUM ('a'); CREATE DOMAIN trueup.short AS text; CREATE TYPE trueup.pair AS (a int, b int);
CREATE TYPE trueup.span AS RANGE (SUBTYPE = integer); CREATE SEQUENCE trueup.numbers; CREATE COLLATION trueup.c FROM "C";
CREATE TABLE trueup.before_images (id bigint PRIMARY KEY, n numeric(3,1) DEFAULT 7 CHECK (n > 0), u bigint REFERENCES trueup.before_images);
CREATE INDEX ON trueup.before_images ((n + 1)); CREATE STATISTICS trueup.s ON id, n FROM trueup.before_images;
CREATE VIEW trueup.v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW trueup.mv AS SELECT 1 AS one;
CREATE FUNCTION trueup.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER t BEFORE UPDATE ON trueup.before_images FOR EACH ROW EXECUTE FUNCTION trueup.f();
CREATE POLICY p ON trueup.before_images; CREATE RULE r AS ON DELETE TO trueup.before_images DO INSTEAD NOTHING;
CREATE AGGREGATE trueup.total (int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION trueup.eq(mood1 trueup.mood, n int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR trueup.=== (FUNCTION = trueup.eq, LEFTARG = trueup.mood, RIGHTARG = int);
GRANT SELECT ON trueup.v TO PUBLIC; COMMENT ON TABLE trueup.before_images IS 'own';
ALTER DEFAULT PRIVILEGES IN SCHEMA trueup GRANT SELECT ON TABLES TO PUBLIC;
CREATE TEXT SEARCH CONFIGURATION trueup.plain (COPY = simple);

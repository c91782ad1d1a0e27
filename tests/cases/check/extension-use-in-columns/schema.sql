CREATE EXTENSION hstore;
CREATE EXTENSION pg_trgm;
CREATE TABLE pages (id bigint PRIMARY KEY, title text, extra hstore NOT NULL DEFAULT '');
CREATE INDEX pages_title_idx ON pages USING gin (title gin_trgm_ops);

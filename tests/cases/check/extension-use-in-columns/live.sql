-- Another operator class from the extension: one finding.
DROP INDEX pages_title_idx;
CREATE INDEX pages_title_idx ON pages USING gist (title gist_trgm_ops);

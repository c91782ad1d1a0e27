CREATE TABLE keys (id bigint PRIMARY KEY, n integer CONSTRAINT n_positive CHECK (n > 0));
COMMENT ON CONSTRAINT n_positive ON keys IS 'Nobody counts backwards.';

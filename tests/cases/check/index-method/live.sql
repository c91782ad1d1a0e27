-- The access method differs.
DROP INDEX users_tags_idx;
CREATE INDEX users_tags_idx ON users (tags);

-- The index is on another table.
DROP INDEX email_idx;
CREATE INDEX email_idx ON people (email);

-- The index is not partial: an address is not free again after its user was deleted.
DROP INDEX users_email_idx;
CREATE UNIQUE INDEX users_email_idx ON users (email);

-- The index is there twice: the second is unexpected, and no rename of the first.
CREATE INDEX users_email_idx1 ON users (email);

-- The missing index is an error here, the comment not even a warning.
DROP INDEX users_email_idx;
COMMENT ON COLUMN users.email IS 'x';

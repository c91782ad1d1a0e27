-- The comment is missing.
COMMENT ON INDEX users_email_idx IS NULL;

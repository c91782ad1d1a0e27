-- A missing index is a warning.
DROP INDEX users_email_idx;

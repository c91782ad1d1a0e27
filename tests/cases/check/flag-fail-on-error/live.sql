-- Exit 0 with a warning told: only errors fail.
DROP INDEX users_email_idx;

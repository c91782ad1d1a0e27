-- Exit 1: warnings fail too.
DROP INDEX users_email_idx;

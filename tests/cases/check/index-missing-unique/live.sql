-- A missing unique index lets duplicates in.
DROP INDEX users_email_idx;

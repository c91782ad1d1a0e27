-- Drift: V2 made the index, somebody dropped it.
DROP INDEX users_email_idx;

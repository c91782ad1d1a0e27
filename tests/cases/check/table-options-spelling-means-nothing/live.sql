-- No finding: on and true are the same, and so are off and false.
ALTER TABLE users SET (autovacuum_enabled = on, toast.autovacuum_enabled = off);
ALTER INDEX users_name SET (deduplicate_items = false);

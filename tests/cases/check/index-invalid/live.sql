-- A CREATE INDEX CONCURRENTLY broke off: the index is there and invalid.
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_email_key'::regclass;

-- What a broken REINDEX CONCURRENTLY leaves behind: an extra invalid index.
CREATE INDEX users_email_idx_ccnew ON users (email);
UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid = 'users_email_idx_ccnew'::regclass;

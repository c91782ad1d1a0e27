-- The storage parameter differs.
ALTER INDEX users_email_idx RESET (fillfactor);
